"""Listening endpoints: taken first, accepting later, closed after their backlog."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from lbtwist.errors import BindError
from lbtwist.model.address import Address, parse_address
from lbtwist.model.endpoint import Endpoint, parse_endpoint
from lbtwist.net.budget import Budget
from lbtwist.net.paced import PAUSE
from lbtwist.net.poller import Poller
from lbtwist.net.port import DirectPort, IPort, TwistedPort, empty_backlog, open_port
from tests.net.recorder import Recorder

reactor = cast(Any, installed)
KINDS = ("tcp", "unix", "twisted-tcp", "twisted-unix")


class Accepted(Factory):
    """Closes whatever it gets, and counts it."""

    noisy = False

    def __init__(self) -> None:
        self.count = 0

    def buildProtocol(self, addr: object) -> Any:
        self.count += 1
        return Recorder(made=lambda end: end.transport.loseConnection())


class Ground:
    """One endpoint of a kind, and plain sockets that connect to it."""

    def __init__(self, kind: str, path: Path) -> None:
        self.poller = Poller(reactor)
        self.twisted = kind.startswith("twisted")
        self.unix = kind.endswith("unix")
        self.path = path / "socket"
        self.clients: list[socket.socket] = []

    @property
    def endpoint(self) -> Endpoint:
        if self.unix:
            return parse_endpoint(f"unix:address={self.path}" if self.twisted else f"unix:{self.path}")
        return parse_endpoint("tcp:0:interface=127.0.0.1" if self.twisted else "127.0.0.1:0")

    def open(self, endpoint: Endpoint | None = None) -> IPort:
        return open_port(endpoint or self.endpoint, self.poller, reactor)

    def connect(self, address: Address) -> socket.socket:
        client = socket.socket(socket.AF_UNIX if address.is_unix else socket.AF_INET)
        self.clients.append(client)
        client.settimeout(5)
        client.connect(address.host if address.is_unix else (address.host, address.port))
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.poller.stop()


@pytest.fixture(params=KINDS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(request.param, tmp_path)
    yield ground
    ground.close()


direct = pytest.mark.parametrize("ground", ["tcp", "unix"], indirect=True)
twisted = pytest.mark.parametrize("ground", ["twisted-tcp", "twisted-unix"], indirect=True)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await deferLater(reactor, 0, int)


async def served(ground: Ground) -> tuple[IPort, Accepted, Address]:
    """An endpoint that accepts."""
    port, accepted = ground.open(), Accepted()
    await port.accept(accepted)
    return port, accepted, parse_address(port.address())


@pytest_twisted.ensureDeferred
async def test_what_is_served_accepts_and_tells_its_address(ground: Ground) -> None:
    port, accepted, address = await served(ground)
    if ground.unix:
        assert address == Address(str(ground.path))
    else:
        assert address.host == "127.0.0.1"
        assert address.port
    client = ground.connect(address)
    while not accepted.count:
        await turns(1)
    await turns()
    assert client.recv(1) == b""
    await port.close()


@direct
@pytest_twisted.ensureDeferred
async def test_what_is_bound_is_taken_and_accepts_later(ground: Ground) -> None:
    port, accepted = ground.open(), Accepted()
    address = parse_address(port.address())
    ground.connect(address)
    await turns()
    await port.accept(accepted)
    assert parse_address(port.address()) == address
    while not accepted.count:
        await turns(1)
    await port.close()


@twisted
@pytest_twisted.ensureDeferred
async def test_twisteds_own_are_opened_when_they_are_served(ground: Ground) -> None:
    port = ground.open()
    assert port.address() == ""
    assert not ground.path.exists()
    await port.close()


@direct
@pytest_twisted.ensureDeferred
async def test_what_is_in_use_cannot_be_bound(ground: Ground) -> None:
    port = ground.open()
    taken = parse_endpoint(port.address())
    with pytest.raises(BindError, match="in use"):
        ground.open(taken)
    await port.close()
    await ground.open(taken).close()


@twisted
@pytest_twisted.ensureDeferred
async def test_what_is_in_use_cannot_be_served(ground: Ground) -> None:
    port, _, address = await served(ground)
    text = f"unix:address={address.host}" if ground.unix else f"tcp:{address.port}:interface=127.0.0.1"
    second = ground.open(parse_endpoint(text))
    with pytest.raises(BindError, match=text) as raised:
        await second.accept(Accepted())
    assert "in use" in str(raised.value) or "lock" in str(raised.value)
    assert second.address() == ""
    await second.close()
    await port.close()


@pytest_twisted.ensureDeferred
async def test_an_endpoint_string_that_nothing_opens_cannot_be_served(tmp_path: Path) -> None:
    ground = Ground("twisted-tcp", tmp_path)
    port = ground.open(parse_endpoint("nonsense:1"))
    with pytest.raises(BindError, match="nonsense:1"):
        await port.accept(Accepted())
    ground.close()


@pytest_twisted.ensureDeferred
async def test_rule_70_what_is_in_the_backlog_is_accepted_before_it_closes(ground: Ground) -> None:
    port, accepted, address = await served(ground)
    for _ in range(40):  # Twisted's own backlog is 50
        ground.connect(address)
    assert accepted.count == 0
    closed = port.close()
    assert accepted.count == 40
    await closed
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        ground.connect(address)


@pytest_twisted.ensureDeferred
async def test_a_closed_endpoint_is_free(ground: Ground) -> None:
    for _ in range(3):
        port, _, address = await served(ground)
        await port.close()
        if ground.unix:
            assert not ground.path.exists()
        else:
            again = socket.create_server((address.host, address.port or 0))
            again.close()


@direct
@pytest_twisted.ensureDeferred
async def test_what_was_never_served_leaves_nothing(ground: Ground) -> None:
    port = ground.open()
    address = parse_address(port.address())
    await port.close()
    assert not ground.path.exists()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        ground.connect(address)


@pytest_twisted.ensureDeferred
async def test_the_file_of_another_is_left(tmp_path: Path) -> None:
    """As when a new generation has taken the place of one that never served."""
    ground = Ground("unix", tmp_path)
    port = ground.open()
    os.unlink(ground.path)
    newer = socket.socket(socket.AF_UNIX)
    newer.bind(str(ground.path))
    await port.close()
    assert ground.path.exists()
    newer.close()
    ground.close()


def test_the_kind_of_endpoint_decides(tmp_path: Path) -> None:
    for kind, expected in zip(KINDS, (DirectPort, DirectPort, TwistedPort, TwistedPort), strict=True):
        ground = Ground(kind, tmp_path)
        port = ground.open()
        assert type(port) is expected
        port.close()
        ground.close()


def test_a_port_of_a_kind_of_its_own_has_no_backlog_that_we_know_of() -> None:
    class Port:
        def stopListening(self) -> Deferred[None]:
            return succeed(None)

        def getHost(self) -> None:
            return None

    empty_backlog(Port(), Budget())  # type: ignore[arg-type]


class Stays(Factory):
    """Clients stay, and count."""

    noisy = False

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.served: list[Recorder] = []

    def buildProtocol(self, addr: object) -> Any:
        self.budget.enter()
        self.served.append(Recorder())
        return self.served[-1]


@pytest_twisted.ensureDeferred
async def test_who_comes_when_there_is_no_room_waits_until_there_is(ground: Ground) -> None:
    budget = Budget()
    budget.allow(2, 100, "")
    port = open_port(ground.endpoint, ground.poller, reactor, budget=budget)
    stays = Stays(budget)
    await port.accept(stays)
    address = parse_address(port.address())
    for _ in range(4):
        ground.connect(address)
    await turns()
    assert (len(stays.served), budget.full) == (2, True)
    budget.leave()
    await turns()
    assert len(stays.served) == 3
    await port.close()
    await turns()
    assert len(stays.served) == 3  # what waits is refused with the listener, where there is no room
    budget.leave()
    await turns()
    for served in stays.served:
        served.transport.abortConnection()
    await turns()


@twisted
@pytest_twisted.ensureDeferred
async def test_twisteds_ports_rest_when_they_can_accept_nothing(ground: Ground) -> None:
    """Twisted goes on at once, and the reactor is told at once again."""
    port, accepted, address = await served(ground)
    calls: list[int] = []
    pace = cast(Any, port)._pace
    accept, pace._accept = pace._accept, lambda: calls.append(1)
    ground.connect(address)
    await turns(100)
    assert len(calls) == 1
    pace._accept = accept
    while not accepted.count:
        await turns(1)
    await port.close()


@twisted
@pytest_twisted.ensureDeferred
async def test_twisteds_ports_are_closed_while_they_rest(ground: Ground) -> None:
    port, accepted, address = await served(ground)
    pace = cast(Any, port)._pace
    accept, pace._accept = pace._accept, lambda: None
    ground.connect(address)
    await turns()
    pace._accept = accept
    await port.close()
    await turns()
    assert accepted.count == 1  # rule 70: the backlog is accepted first


@twisted
@pytest_twisted.ensureDeferred
async def test_twisteds_ports_do_not_rest_when_a_client_is_turned_away(ground: Ground) -> None:
    port, accepted, address = await served(ground)
    accepted.buildProtocol = lambda addr: None  # type: ignore[method-assign]
    client = ground.connect(address)
    await turns()
    assert client.recv(1) == b""
    assert cast(Any, port)._port in reactor.getReaders()
    await port.close()


@twisted
@pytest.mark.parametrize("full", ["before it goes on", "when it goes on"])
@pytest_twisted.ensureDeferred
async def test_twisteds_ports_that_rest_go_on_when_there_is_room_and_not_before(
    ground: Ground, full: str
) -> None:
    budget = Budget()
    budget.allow(1, 100, "")
    port = open_port(ground.endpoint, ground.poller, reactor, budget=budget)
    await port.accept(Accepted())
    pace = cast(Any, port)._pace
    accept, pace._accept = pace._accept, lambda: None
    ground.connect(parse_address(port.address()))
    await turns()
    budget.enter()
    if full == "when it goes on":
        await deferLater(reactor, 2 * PAUSE, int)
        assert pace._rest is None
    else:
        budget.leave()
    assert cast(Any, port)._port not in reactor.getReaders()
    pace._accept = accept
    if full == "when it goes on":
        budget.leave()
        assert cast(Any, port)._port in reactor.getReaders()
    await port.close()
    await turns()
