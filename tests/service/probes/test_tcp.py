"""A check that connects, and no more."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult, Step
from lbtwist.net.dialing import DialFailure, failure_of
from lbtwist.net.direct import DirectDialer
from lbtwist.service.probes.tcp import TCPCheck
from tests.net.fakes import FakeDialer
from tests.service.probes.conftest import Serve
from tests.service.probes.peers import Server, got, settle

SERVER = Address("192.0.2.1", 80)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeDialer:
    return FakeDialer(clock)


def test_it_is_a_health_check(clock: Clock, fake: FakeDialer) -> None:
    verifyObject(IHealthCheck, TCPCheck(fake, clock, 3))


def test_a_server_that_accepts_passes_in_the_time_that_it_took(clock: Clock, fake: FakeDialer) -> None:
    fake.answer(SERVER, Protocol, after=0.5)
    result = got(TCPCheck(fake, clock, 3).check(SERVER))
    clock.advance(0.5)
    assert result == [CheckResult(True, "connected", 0.5, steps=(Step("connect", 0.5),))]


def test_the_connection_is_reset_at_once(clock: Clock, fake: FakeDialer) -> None:
    fake.answer(SERVER, Protocol)
    result = got(TCPCheck(fake, clock, 3).check(SERVER))
    settle(clock)
    assert result[0].passed
    (wire,) = fake.wires
    assert (wire.client.closed, wire.server.closed, wire.server.reset) == (True, True, True)


@pytest.mark.parametrize(
    ("failure", "own"),
    [
        (failure_of(errno.ECONNREFUSED), False),
        (failure_of(errno.EHOSTUNREACH), False),
        (failure_of(errno.EMFILE), True),
        (failure_of(errno.EADDRNOTAVAIL), True),
    ],
    ids=lambda value: str(value),
)
def test_why_there_is_no_connection_is_told_and_whose_fault_it_is(
    failure: DialFailure, own: bool, clock: Clock, fake: FakeDialer
) -> None:
    fake.answer(SERVER, failure, after=0.25)
    result = got(TCPCheck(fake, clock, 3).check(SERVER))
    clock.advance(0.25)
    assert result == [CheckResult(False, failure.reason, 0.25, own_fault=own)]


def test_a_server_that_keeps_silent_costs_the_timeout(clock: Clock, fake: FakeDialer) -> None:
    fake.answer(SERVER, Protocol, after=60)
    result = got(TCPCheck(fake, clock, 3).check(SERVER))
    clock.advance(2.9)
    assert result == []
    clock.advance(0.1)
    assert [(found.passed, found.reason) for found in result] == [(False, "timed out")]


def test_cancelled_it_leaves_nothing(clock: Clock, fake: FakeDialer) -> None:
    fake.answer(SERVER, Protocol, after=1)
    asked = TCPCheck(fake, clock, 3).check(SERVER)
    asked.addErrback(lambda failure: failure.trap(CancelledError))
    asked.cancel()
    assert clock.getDelayedCalls() == []


def test_another_port_is_asked_where_one_is_set(clock: Clock, fake: FakeDialer) -> None:
    check = TCPCheck(fake, clock, 3, port=9000)
    for address in (SERVER, Address("::1", 80), Address("/run/server")):
        check.check(address)
    assert [str(address) for address in fake.dialled] == ["192.0.2.1:9000", "[::1]:9000", "unix:/run/server"]
    settle(clock)


@pytest_twisted.ensureDeferred
async def test_a_listening_server_passes_and_sees_a_reset(dialer: DirectDialer, serve: Serve) -> None:
    server = Server()
    result = await TCPCheck(dialer, reactor, 3).check(serve(server))
    assert (result.passed, result.reason) == (True, "connected")
    peer = await server.accepted
    assert isinstance(await peer.lost, ConnectionLost)


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_passes(dialer: DirectDialer, serve: Serve, tmp_path: Path) -> None:
    server = Server()
    result = await TCPCheck(dialer, reactor, 3).check(serve(server, tmp_path / "s"))
    assert result.passed
    await (await server.accepted).lost


@pytest_twisted.ensureDeferred
async def test_one_that_does_not_listen_is_refused(dialer: DirectDialer, closed_port: int) -> None:
    result = await TCPCheck(dialer, reactor, 3).check(Address("127.0.0.1", closed_port))
    assert (result.passed, result.reason, result.own_fault) == (False, "refused", False)


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_that_is_not_there_fails(dialer: DirectDialer, tmp_path: Path) -> None:
    result = await TCPCheck(dialer, reactor, 3).check(Address(str(tmp_path / "none")))
    assert (result.passed, result.reason) == (False, "no such socket")
