from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.net.binding import bind_tcp, bind_unix
from lbtwist.net.budget import Budget
from lbtwist.net.listening import BURST, PAUSE, ListeningPort
from lbtwist.net.poller import Poller
from tests.net.fakes import StillReactor
from tests.net.recorder import Recorder

Flush = Callable[..., list[Failure]]


class Service(ServerFactory):
    noisy = False

    def __init__(self) -> None:
        self.served: list[Recorder] = []
        self.peers: list[Any] = []
        self.build: Callable[[], Recorder | None] = Recorder

    def buildProtocol(self, addr: Any) -> Any:
        self.peers.append(addr)
        protocol = self.build()
        if protocol is not None:
            self.served.append(protocol)
        return protocol


class Scene:
    """A port on a poller that the test turns."""

    def __init__(self, listening: socket.socket) -> None:
        self.reactor = StillReactor()
        self.poller = Poller(self.reactor)
        self.factory = Service()
        self.address = listening.getsockname()
        self.family = listening.family
        self.budget = Budget()
        self.port = ListeningPort(self.poller, listening, self.factory, self.reactor, budget=self.budget)
        self.clients: list[socket.socket] = []

    def client(self) -> socket.socket:
        client = socket.socket(self.family, socket.SOCK_STREAM)
        client.settimeout(5)
        self.clients.append(client)
        client.connect(self.address)
        return client

    def stop(self) -> bool:
        """Whether it was stopped at once, or with the end of this turn."""
        stopped: list[object] = []
        self.port.stopListening().addCallback(stopped.append)
        self.reactor.turn()
        return stopped == [None]

    def close(self) -> None:
        assert self.stop()
        self.poller.stop()
        for client in self.clients:
            client.close()
        assert self.reactor.readers == []
        assert self.reactor.getDelayedCalls() == []


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene(bind_tcp("127.0.0.1", 0))
    scene.port.startListening()
    yield scene
    scene.close()


@pytest.fixture
def unix_scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(bind_unix(str(tmp_path / "socket")))
    scene.port.startListening()
    yield scene
    scene.close()


@contextmanager
def few_descriptors() -> Iterator[None]:
    """No descriptor is left within."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_provides_the_interface(scene: Scene) -> None:
    assert verifyObject(IListeningPort, scene.port)
    assert scene.port.getHost() == IPv4Address("TCP", *scene.address)


def test_accepts(scene: Scene) -> None:
    client = scene.client()
    scene.reactor.turn()
    host, port = client.getsockname()
    assert scene.factory.peers == [IPv4Address("TCP", host, port)]
    client.send(b"hello")
    scene.reactor.turn()
    assert bytes(scene.factory.served[0].received) == b"hello"
    assert scene.factory.served[0].transport.getPeer() == IPv4Address("TCP", host, port)


def test_accepts_on_a_unix_socket(unix_scene: Scene) -> None:
    unix_scene.client()
    unix_scene.reactor.turn()
    assert unix_scene.factory.peers == [UNIXAddress(None)]


def test_peers_of_a_dual_stack_socket_are_shown_as_what_they_are() -> None:
    scene = Scene(bind_tcp(None, 0))
    scene.port.startListening()
    scene.address, scene.family = ("127.0.0.1", scene.address[1]), socket.AF_INET
    scene.client()
    scene.reactor.turn()
    assert isinstance(scene.factory.peers[0], IPv4Address)
    assert scene.factory.peers[0].host == "127.0.0.1"
    scene.close()


def test_options_are_handed_down(scene: Scene) -> None:
    scene.client()
    scene.reactor.turn()
    transport = scene.factory.served[0].transport
    assert transport.getTcpNoDelay()
    assert transport.getTcpKeepAlive()
    assert not os.get_blocking(transport._fd)
    assert not os.get_inheritable(transport._fd)


def test_python_still_has_the_accept_without_a_socket_object(scene: Scene) -> None:
    """`socket.socket._accept` is private; should it go, `accept` does the same a little slower."""
    scene.client()
    fd, address = scene.port._accept()
    try:
        assert isinstance(fd, int)
        assert address[0] == "127.0.0.1"
    finally:
        os.close(fd)


def test_a_factory_may_refuse(scene: Scene) -> None:
    scene.factory.build = lambda: None
    client = scene.client()
    scene.reactor.turn()
    assert client.recv(1) == b""


def test_an_error_in_the_factory_closes_that_connection(scene: Scene, flush_logged_errors: Flush) -> None:
    scene.factory.build = lambda: 1 // 0  # type: ignore[assignment, return-value]
    client = scene.client()
    scene.reactor.turn()
    assert client.recv(1) == b""
    assert len(flush_logged_errors(ZeroDivisionError)) == 1
    scene.factory.build = Recorder
    scene.client()
    scene.reactor.turn()
    assert len(scene.factory.served) == 1


def test_established_ones_do_not_wait_for_all_the_new_ones(scene: Scene) -> None:
    for _ in range(BURST + 1):
        scene.client()
    scene.port.ready(0)
    assert len(scene.factory.served) == BURST
    scene.reactor.turn()
    assert len(scene.factory.served) == BURST + 1


def test_without_descriptors_it_waits_and_says_so_once(scene: Scene, flush_logged_errors: Flush) -> None:
    client = scene.client()
    with few_descriptors():
        scene.poller.doRead()
        scene.reactor.advance(PAUSE)
        scene.poller.doRead()
    assert scene.reactor.ready() == []  # it does not spin
    assert [failure.getErrorMessage() for failure in flush_logged_errors()] == [
        f"cannot accept on {scene.port.getHost()}: Too many open files"
    ]
    scene.reactor.advance(PAUSE)
    scene.reactor.turn()
    assert len(scene.factory.served) == 1
    client.send(b"x")
    scene.reactor.turn()
    assert scene.factory.served[0].count == 1


@pytest.mark.parametrize("full", [False, True])
def test_one_that_waits_for_descriptors_goes_on_when_there_is_room_and_not_before(
    scene: Scene, flush_logged_errors: Flush, full: bool
) -> None:
    scene.budget.allow(1, 100, "")
    scene.client()
    with few_descriptors():
        scene.poller.doRead()
    scene.budget.enter()
    if not full:
        scene.budget.leave()
    scene.reactor.turn()
    assert scene.factory.served == []
    scene.reactor.advance(PAUSE)
    scene.reactor.turn()
    assert len(scene.factory.served) == (0 if full else 1)
    if full:
        scene.budget.leave()
        scene.reactor.turn()
        assert len(scene.factory.served) == 1
    flush_logged_errors()


def test_each_shortage_is_said(scene: Scene, flush_logged_errors: Flush) -> None:
    for _ in range(2):
        scene.client()
        with few_descriptors():
            scene.poller.doRead()
        scene.reactor.advance(PAUSE)
        scene.reactor.turn()
    assert len(flush_logged_errors()) == 2


def test_stopped_while_it_waits_for_descriptors(flush_logged_errors: Flush) -> None:
    scene = Scene(bind_tcp("127.0.0.1", 0))
    scene.port.startListening()
    scene.client()
    with few_descriptors():
        scene.poller.doRead()
    scene.close()
    assert len(scene.factory.served) == 1
    assert len(flush_logged_errors()) == 1


class Stumbling(socket.socket):
    """Has some errors before it accepts."""

    errors: list[int]

    def _accept(self) -> tuple[int, Any]:
        if self.errors:
            raise OSError(self.errors.pop(0), "stumbled")
        return super()._accept()  # type: ignore[misc, no-any-return]


@pytest.mark.parametrize("error", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN])
def test_a_connection_that_is_over_is_skipped(error: int) -> None:
    plain = bind_tcp("127.0.0.1", 0)
    listening = Stumbling(fileno=plain.detach())
    listening.errors = [error, error]
    scene = Scene(listening)
    scene.port.startListening()
    scene.client()
    scene.poller.doRead()
    assert len(scene.factory.served) == 1
    scene.close()


def test_an_error_that_stays_does_not_spin(flush_logged_errors: Flush) -> None:
    plain = bind_tcp("127.0.0.1", 0)
    listening = Stumbling(fileno=plain.detach())
    listening.errors = [errno.EINVAL] * 1000
    scene = Scene(listening)
    scene.port.startListening()
    scene.client()
    scene.poller.doRead()
    assert len(listening.errors) == 999
    assert len(flush_logged_errors()) == 1
    listening.errors.clear()
    scene.close()


def test_backlog_is_accepted_before_the_close(scene: Scene) -> None:
    """Rule 70: what is in the backlog is accepted first."""
    clients = [scene.client() for _ in range(BURST + 6)]
    assert scene.stop()
    assert len(scene.factory.served) == BURST + 6
    for client, served in zip(clients, scene.factory.served, strict=True):
        client.send(b"x")
        scene.reactor.turn()
        assert served.count == 1
    with pytest.raises(ConnectionRefusedError):
        scene.client()


def test_address_is_free_when_it_has_stopped(scene: Scene) -> None:
    assert scene.stop()
    bind_tcp(*scene.address).close()


def test_stopped_from_within_a_batch(scene: Scene) -> None:
    order: list[str] = []

    def stop() -> Recorder:
        def free(_: object) -> None:
            bind_tcp(*scene.address).close()
            order.append("free")

        scene.port.stopListening().addCallback(free)
        return Recorder()

    scene.factory.build = stop
    scene.client()
    scene.reactor.turn()
    assert order == ["free"]
    assert len(scene.factory.served) == 1


def test_stopped_before_it_started(tmp_path: Path) -> None:
    scene = Scene(bind_unix(str(tmp_path / "socket")))
    scene.close()
    assert not (tmp_path / "socket").exists()


def test_stopped_twice(scene: Scene) -> None:
    assert scene.stop()
    assert scene.stop()


def test_factory_is_started_and_stopped(scene: Scene) -> None:
    assert scene.factory.numPorts == 1
    scene.stop()
    assert scene.factory.numPorts == 0


def test_file_of_a_unix_socket_goes_with_it(unix_scene: Scene) -> None:
    unix_scene.client()
    assert unix_scene.stop()
    assert not os.path.exists(unix_scene.address)
    assert len(unix_scene.factory.served) == 1


def test_file_is_gone_before_the_last_are_accepted(unix_scene: Scene) -> None:
    """Who would come then is told at once that nobody listens, and not after it was queued."""
    seen: list[bool] = []

    def build() -> Recorder:
        seen.append(os.path.exists(unix_scene.address))
        return Recorder()

    unix_scene.factory.build = build
    unix_scene.client()
    assert unix_scene.stop()
    assert seen == [False]


def test_file_that_became_anothers_stays(unix_scene: Scene) -> None:
    os.unlink(unix_scene.address)
    with bind_unix(unix_scene.address):
        assert unix_scene.stop()
        assert os.path.exists(unix_scene.address)


def test_file_of_an_inherited_socket_stays(tmp_path: Path) -> None:
    scene = Scene(bind_unix(str(tmp_path / "other")))
    inherited = bind_unix(str(tmp_path / "socket"))
    port = ListeningPort(scene.poller, inherited, scene.factory, scene.reactor, unlink=False)
    port.startListening()
    port.stopListening()
    scene.close()
    assert (tmp_path / "socket").exists()


def test_end_of_the_poller_is_the_end_of_the_port(tmp_path: Path) -> None:
    scene = Scene(bind_unix(str(tmp_path / "socket")))
    scene.port.startListening()
    scene.poller.stop()
    assert scene.factory.numPorts == 0
    assert not (tmp_path / "socket").exists()
    assert scene.reactor.getDelayedCalls() == []
    assert scene.reactor.readers == []


def test_what_ready_does_not_expect_is_survived(scene: Scene, flush_logged_errors: Flush) -> None:
    def out_of_memory() -> tuple[int, Any]:
        raise MemoryError

    accept, scene.port._accept = scene.port._accept, out_of_memory
    scene.client()
    scene.poller.doRead()
    assert len(flush_logged_errors(MemoryError)) == 1
    assert scene.reactor.ready() == []
    scene.port._accept = accept
    scene.reactor.advance(PAUSE)
    scene.reactor.turn()
    assert len(scene.factory.served) == 1
