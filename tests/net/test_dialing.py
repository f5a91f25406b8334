"""What every dialer guarantees, and what is the direct one's own."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import error
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.model.address import Address
from lbtwist.net.binding import bind_tcp, bind_unix
from lbtwist.net.dialing import DialFailure, IDial, IDialer, failure_of
from lbtwist.net.direct import DirectDialer
from lbtwist.net.poller import Poller
from lbtwist.net.portable import EndpointDialer
from lbtwist.net.sweep import Sweep
from tests.net.fakes import FakeDialer, StillReactor
from tests.net.recorder import HalfCloseable, Recorder

reactor = cast(Any, installed)
Flush = Callable[..., list[Failure]]
SERVER = Address("192.0.2.1", 80)


@contextmanager
def no_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass
class Caller:
    """Who dials, and what it was told."""

    dialer: IDialer
    protocol: Recorder = field(default_factory=Recorder)
    failures: list[DialFailure] = field(default_factory=list)
    built: int = 0
    inside: bool = False
    told: Deferred[None] = field(default_factory=Deferred)

    def dial(self, address: Address, timeout: float = 10.0, first: bytes = b"") -> IDial:
        self.inside = True
        dial = self.dialer.dial(address, self.build, timeout, self.failed, first)
        self.inside = False
        return dial

    def build(self) -> IProtocol:
        assert not self.inside
        self.built += 1
        reactor.callLater(0, self.told.callback, None)
        return cast(IProtocol, self.protocol)

    def failed(self, failure: DialFailure) -> None:
        assert not self.inside
        self.failures.append(failure)
        self.told.callback(None)

    async def hang_up(self) -> None:
        self.protocol.transport.abortConnection()
        await self.protocol.until_heard("lost")


@pytest.fixture(params=["direct", "endpoint", "fake"])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    poller = Poller(reactor)
    fake = FakeDialer(reactor)
    fake.answer(SERVER, Recorder)
    dialers: dict[str, IDialer] = {
        "direct": DirectDialer(poller, Sweep(reactor)),
        "endpoint": EndpointDialer(reactor),
        "fake": fake,
    }
    yield Caller(dialers[request.param])
    poller.stop()


@contextmanager
def server(caller: Caller, tmp_path: Path | None = None) -> Iterator[Address]:
    """The address of one that listens."""
    if isinstance(caller.dialer, FakeDialer):
        yield SERVER
    elif tmp_path is None:
        with bind_tcp("127.0.0.1", 0) as listening:
            yield Address(*listening.getsockname())
    else:
        with bind_unix(str(tmp_path / "socket")):
            yield Address(str(tmp_path / "socket"))


@pytest.mark.parametrize("unix", [False, True])
@pytest_twisted.ensureDeferred
async def test_connects(caller: Caller, unix: bool, tmp_path: Path) -> None:
    assert verifyObject(IDialer, caller.dialer)
    with server(caller, tmp_path if unix else None) as address:
        dial = caller.dial(address)
        assert verifyObject(IDial, dial)
        await caller.told
        assert (caller.built, caller.failures) == (1, [])
        assert caller.protocol.events == ["made"]
        dial.cancel()
        await deferLater(reactor, 0, lambda: None)
        assert caller.protocol.events == ["made"]
        await caller.hang_up()


@pytest_twisted.ensureDeferred
async def test_small_messages_do_not_wait(caller: Caller) -> None:
    if isinstance(caller.dialer, FakeDialer):
        return
    with server(caller) as address:
        caller.dial(address)
        await caller.told
        assert verifyObject(ITCPTransport, caller.protocol.transport)
        assert caller.protocol.transport.getTcpNoDelay()
        assert caller.protocol.transport.getTcpKeepAlive()
        await caller.hang_up()


@pytest_twisted.ensureDeferred
async def test_refused(caller: Caller) -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        address = Address(*listening.getsockname())
    caller.dial(address)
    await caller.told
    assert caller.failures == [DialFailure("refused")]
    assert caller.built == 0


@pytest_twisted.ensureDeferred
async def test_nobody_at_a_unix_socket(caller: Caller, tmp_path: Path) -> None:
    if isinstance(caller.dialer, FakeDialer):
        return
    bind_unix(str(tmp_path / "socket")).close()
    caller.dial(Address(str(tmp_path / "socket")))
    await caller.told
    assert caller.failures == [DialFailure("refused")]


@pytest_twisted.ensureDeferred
async def test_no_such_socket(caller: Caller, tmp_path: Path) -> None:
    if isinstance(caller.dialer, FakeDialer):
        return
    caller.dial(Address(str(tmp_path / "missing")))
    await caller.told
    assert caller.failures == [DialFailure("no such socket")]


@pytest.mark.parametrize("unix", [False, True])
@pytest_twisted.ensureDeferred
async def test_no_descriptor_is_not_the_servers_fault(caller: Caller, unix: bool, tmp_path: Path) -> None:
    if isinstance(caller.dialer, FakeDialer):
        return
    with server(caller, tmp_path if unix else None) as address:
        with no_descriptors():
            caller.dial(address)
        await caller.told
    assert [failure.own for failure in caller.failures] == [True]
    assert "descriptor" in str(caller.failures[0])


@pytest.mark.parametrize("unix", [False, True])
@pytest_twisted.ensureDeferred
async def test_cancelled_it_is_silent(caller: Caller, unix: bool, tmp_path: Path) -> None:
    with server(caller, tmp_path if unix else None) as address:
        dial = caller.dial(address)
        dial.cancel()
        dial.cancel()
        for _ in range(5):
            await deferLater(reactor, 0, lambda: None)
    assert (caller.built, caller.failures) == (0, [])


@pytest_twisted.ensureDeferred
async def test_cancelled_after_it_failed(caller: Caller) -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        address = Address(*listening.getsockname())
    dial = caller.dial(address)
    await caller.told
    dial.cancel()
    assert len(caller.failures) == 1


class Still:
    """A direct dialer on a reactor that the test turns."""

    def __init__(self) -> None:
        self.reactor = StillReactor()
        self.poller = Poller(self.reactor)
        self.dialer = DirectDialer(self.poller, Sweep(self.reactor))
        self.protocol = Recorder()
        self.failures: list[DialFailure] = []

    def dial(self, address: Address, timeout: float = 5.0) -> IDial:
        return self.dialer.dial(
            address, lambda: cast(IProtocol, self.protocol), timeout, self.failures.append
        )

    def close(self) -> None:
        self.poller.stop()
        assert self.reactor.readers == []
        assert self.reactor.getDelayedCalls() == []


@pytest.fixture
def still() -> Iterator[Still]:
    still = Still()
    yield still
    still.close()


@pytest.fixture
def silent() -> Iterator[Address]:
    """The address of one that answers nothing: its backlog is full, and the kernel drops what comes."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield Address(*listening.getsockname())
        for client in waiting:
            client.close()


def test_timeout_is_exact(still: Still, silent: Address) -> None:
    still.reactor.advance(1000)
    still.dial(silent, 5.0)
    still.reactor.turn()
    still.reactor.advance(4.99)
    assert still.failures == []
    still.reactor.advance(0.11)
    assert still.failures == [DialFailure("timed out")]
    assert still.poller.registered == 0


def test_a_dial_under_way_costs_no_timer_of_its_own(still: Still, silent: Address) -> None:
    dials = [still.dial(silent, 5.0) for _ in range(10)]
    assert len(still.reactor.getDelayedCalls()) == 1
    for dial in dials:
        dial.cancel()
    assert still.reactor.getDelayedCalls() == []
    assert still.poller.registered == 0
    assert still.failures == []


def test_connected_it_has_no_timeout_any_more(still: Still) -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        still.dial(Address(*listening.getsockname()), 5.0)
        still.reactor.turn()
        assert still.reactor.getDelayedCalls() == []
        still.reactor.advance(100)
        assert still.failures == []
        assert still.protocol.events == ["made"]


def test_reset_while_it_connects(still: Still) -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        still.dial(Address(*listening.getsockname()))
    still.reactor.turn()  # its close reset what was in the backlog
    assert still.failures == [DialFailure("reset")]


def test_ipv6(still: Still) -> None:
    try:
        listening = bind_tcp("::1", 0)
    except Exception:
        pytest.skip("no IPv6 here")
    with listening:
        still.dial(Address("::1", listening.getsockname()[1]))
        still.reactor.turn()
        assert still.protocol.transport.getPeer().host == "::1"


def test_paused_when_made_it_is_silent_until_resumed(still: Still) -> None:
    with bind_tcp("127.0.0.1", 0) as listening:
        still.protocol = Recorder(made=lambda protocol: protocol.transport.pauseProducing())
        still.dial(Address(*listening.getsockname()))
        still.reactor.turn()
        listening.setblocking(True)
        with listening.accept()[0] as peer:
            peer.send(b"hello")
            assert still.reactor.ready() == []
            still.protocol.transport.resumeProducing()
            still.reactor.turn()
            assert bytes(still.protocol.received) == b"hello"


def test_full_backlog_of_a_unix_socket(still: Still, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as waiting:
        listening.bind(path)
        listening.listen(0)
        waiting.connect(path)
        still.dial(Address(path))
        still.reactor.turn()
    assert still.failures == [DialFailure("backlog full")]


def test_path_that_is_too_long(still: Still) -> None:
    still.dial(Address("/" + "x" * 200))
    still.reactor.turn()
    assert still.failures == [DialFailure("no such address")]


@pytest.mark.parametrize("unix", [False, True])
def test_error_in_build_closes_the_connection(
    still: Still, unix: bool, tmp_path: Path, flush_logged_errors: Flush
) -> None:
    with bind_unix(str(tmp_path / "socket")) if unix else bind_tcp("127.0.0.1", 0) as listening:
        address = Address(listening.getsockname()) if unix else Address(*listening.getsockname())
        still.dialer.dial(address, cast(Any, lambda: 1 // 0), 5.0, still.failures.append)
        still.reactor.turn()
        listening.setblocking(True)
        with listening.accept()[0] as peer:
            assert peer.recv(1) == b""
    assert still.failures == []
    assert still.poller.registered == 0
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_error_in_failed_leaves_nothing_behind(
    still: Still, silent: Address, flush_logged_errors: Flush
) -> None:
    still.dialer.dial(silent, lambda: pytest.fail("built"), 5.0, lambda failure: 1 // 0)
    still.reactor.advance(6)
    assert still.poller.registered == 0
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_end_of_the_poller_ends_a_dial(still: Still, silent: Address) -> None:
    still.dial(silent)
    still.poller.close_all()
    assert still.reactor.getDelayedCalls() == []
    assert still.failures == []


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (errno.ECONNREFUSED, DialFailure("refused")),
        (errno.ETIMEDOUT, DialFailure("timed out")),
        (errno.EHOSTUNREACH, DialFailure("no route")),
        (errno.ENETUNREACH, DialFailure("no route")),
        (errno.ECONNRESET, DialFailure("reset")),
        (errno.ENOENT, DialFailure("no such socket")),
        (errno.EACCES, DialFailure("permission denied")),
        (errno.EADDRNOTAVAIL, DialFailure("no local port left", own=True)),
        (errno.EMFILE, DialFailure("no descriptor left in this process", own=True)),
        (None, DialFailure("no such address")),
    ],
)
def test_failures_in_words(code: int | None, failure: DialFailure) -> None:
    assert failure_of(code) == failure
    assert str(failure) == failure.reason


@pytest.mark.parametrize(
    ("problem", "failure"),
    [
        (error.TimeoutError(), DialFailure("timed out")),
        (error.ConnectError(errno.EHOSTUNREACH, "No route"), DialFailure("no route")),
        (
            error.ConnectBindError(errno.EMFILE, "Too many"),
            DialFailure("no descriptor left in this process", True),
        ),
        (error.UnknownHostError(), DialFailure("Hostname couldn't be looked up.")),
    ],
)
@pytest.mark.parametrize("unix", [False, True])
def test_failures_of_twisted_in_words(problem: Exception, failure: DialFailure, unix: bool) -> None:
    memory = MemoryReactorClock()
    failures: list[DialFailure] = []
    address = Address("/run/socket") if unix else SERVER
    EndpointDialer(memory).dial(address, lambda: pytest.fail("built"), 7.0, failures.append)
    client = memory.unixClients[0] if unix else memory.tcpClients[0]
    assert client[2 if unix else 3] == 7.0
    factory = client[1 if unix else 2]
    factory.clientConnectionFailed(cast(Any, None), Failure(problem))
    assert failures == [failure]


def test_a_scripted_answer_that_takes_longer_than_the_timeout() -> None:
    clock = Clock()
    dialer = FakeDialer(clock)
    dialer.answer(SERVER, Recorder, after=9.0)
    failures: list[DialFailure] = []
    dialer.dial(SERVER, lambda: pytest.fail("built"), 5.0, failures.append)
    clock.advance(4.9)
    assert failures == []
    clock.advance(0.1)
    assert failures == [DialFailure("timed out")]
    assert dialer.dialled == [SERVER]


@pytest.mark.parametrize("unix", [False, True])
@pytest_twisted.ensureDeferred
async def test_what_is_to_be_first_is_sent_before_the_protocol_has_the_connection(
    caller: Caller, unix: bool, tmp_path: Path
) -> None:
    far = HalfCloseable()
    caller.protocol = HalfCloseable(lambda end: end.transport.write(b" and then"))
    with greeted_by(far, caller, tmp_path if unix else None) as address:
        caller.dial(address, first=b"first")
        await far.until_received(len(b"first and then"))
        assert far.received == b"first and then"
        far.transport.write(b"answer")
        await caller.protocol.until_received(len(b"answer"))
        far.transport.loseWriteConnection()
        await caller.protocol.until_heard("read lost")
        await caller.hang_up()
        far.transport.abortConnection()  # of a Unix socket's reset it hears nothing
        await far.until_heard("lost")


@contextmanager
def greeted_by(far: HalfCloseable, caller: Caller, tmp_path: Path | None) -> Iterator[Address]:
    """The address of a server whose protocol is `far`."""
    if isinstance(caller.dialer, FakeDialer):
        caller.dialer.answer(SERVER, lambda: far)
        yield SERVER
        return
    factory = Factory.forProtocol(lambda: far)
    if tmp_path is None:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        yield Address("127.0.0.1", port.getHost().port)
    else:
        port = reactor.listenUNIX(str(tmp_path / "socket"), factory)
        yield Address(str(tmp_path / "socket"))
    port.stopListening()
