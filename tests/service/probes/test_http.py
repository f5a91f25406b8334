"""A check that asks by HTTP/1.1: what is sent, how the answer is judged, and that nothing is left."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult
from lbtwist.net.dialing import DialFailure, failure_of
from lbtwist.net.direct import DirectDialer
from lbtwist.service.probes.answer import MAX_ANSWER
from lbtwist.service.probes.http import GRACE, HTTPCheck
from lbtwist.service.probes.question import Question
from tests.net.fakes import FakeDialer
from tests.service.probes.conftest import Serve
from tests.service.probes.peers import OK, Flood, Peer, Server, got, settle

SERVER = Address("192.0.2.1", 8080)


class Bench:
    """A check of 3 s on a clock and a dialer of the test's."""

    def __init__(self, chunk: int = 64 * 1024) -> None:
        self.clock = Clock()
        self.dialer = FakeDialer(self.clock, chunk)
        self.peers: list[Peer] = []

    def ask(
        self, make: Callable[[], Peer] | DialFailure, after: float = 0.0, port: int = 0, **question: Any
    ) -> list[CheckResult]:
        """Ask a server that is made so; what was found comes into the list."""

        def connected() -> Peer:
            assert callable(make)
            self.peers.append(make())
            return self.peers[-1]

        self.dialer.answer(SERVER, make if isinstance(make, DialFailure) else connected, after)
        check = HTTPCheck(Question(**question), self.dialer, self.clock, 3.0, port)
        self.asked = check.check(SERVER)
        result = got(self.asked)
        settle(self.clock)
        return result

    def request(self) -> list[bytes]:
        """The lines of the request that the server has received."""
        assert self.peers[0].received.endswith(b"\r\n\r\n")
        return self.peers[0].received.split(b"\r\n")[:-2]

    def nothing_left(self) -> bool:
        settle(self.clock)
        ends = [end for wire in self.dialer.wires for end in (wire.client, wire.server)]
        return not self.clock.getDelayedCalls() and all(end.closed for end in ends)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def status(code: int, *fields: bytes) -> bytes:
    head = [b"HTTP/1.1 %d Whatever" % code, b"Content-Length: 0", *fields]
    return b"\r\n".join(head) + b"\r\n\r\n"


def test_it_is_a_health_check(bench: Bench) -> None:
    verifyObject(IHealthCheck, HTTPCheck(Question(), bench.dialer, bench.clock, 3))


def test_a_server_that_answers_well_passes(bench: Bench) -> None:
    result = bench.ask(lambda: Peer(OK), after=0.5)
    bench.clock.advance(0.5)
    settle(bench.clock)
    (found,) = result
    assert (found.passed, found.reason, found.seconds) == (True, "status 200", 0.5)
    assert [(step.name, step.seconds) for step in found.steps] == [("connect", 0.5), ("response", 0.0)]
    assert bench.nothing_left()


def test_the_request_is_plain_and_says_who_asks(bench: Bench) -> None:
    bench.ask(lambda: Peer(OK), path="/health?a=1")
    line, *fields = bench.request()
    assert line == b"GET /health?a=1 HTTP/1.1"
    names = sorted(field.split(b":")[0].lower() for field in fields)
    assert names == [b"accept", b"connection", b"host", b"user-agent"]
    assert {b"Host: 192.0.2.1:8080", b"Connection: close"} <= set(fields)


def test_the_host_is_the_one_that_is_set(bench: Bench) -> None:
    bench.ask(lambda: Peer(OK), host="www.example.com")
    assert b"Host: www.example.com" in bench.request()


def test_head_is_asked_and_answered_without_a_body(bench: Bench) -> None:
    (found,) = bench.ask(lambda: Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), method="HEAD")
    assert bench.request()[0] == b"HEAD / HTTP/1.1"
    assert (found.passed, bench.nothing_left()) == (True, True)


def test_another_port_is_asked_where_one_is_set(bench: Bench) -> None:
    bench.ask(lambda: Peer(OK), port=9000)
    assert bench.dialer.dialled == [Address("192.0.2.1", 9000)]


@pytest.mark.parametrize(
    ("code", "passed", "reason"),
    [
        (204, True, "status 204"),
        (302, True, "status 302"),
        (404, False, "status 404 not in 200-399"),
        (503, False, "status 503 not in 200-399"),
        (999, False, "status 999 not in 200-399"),
    ],
)
def test_the_status_decides(code: int, passed: bool, reason: str, bench: Bench) -> None:
    (found,) = bench.ask(lambda: Peer(status(code)))
    assert (found.passed, found.reason, found.own_fault) == (passed, reason, False)
    assert bench.nothing_left()


def test_rule_31_a_field_or_a_status_asks_for_a_drain(bench: Bench) -> None:
    drain: dict[str, Any] = {"drain_header": "X-Drain", "drain_codes": ((503, 503),)}
    (by_field,) = bench.ask(lambda: Peer(status(200, b"x-drain: yes")), **drain)
    (by_status,) = bench.ask(lambda: Peer(status(503)), **drain)
    (neither,) = bench.ask(lambda: Peer(status(200)), **drain)
    assert (by_field.passed, by_field.drain_requested) == (True, True)
    assert (by_status.passed, by_status.drain_requested) == (True, True)
    assert by_status.reason == "status 503, asks to be drained"
    assert (neither.passed, neither.drain_requested) == (True, False)


@pytest.mark.parametrize("chunk", [1, 7, 65536])
@pytest.mark.parametrize(
    "says",
    [
        OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ],
    ids=["length", "interim", "chunked", "1.0", "close"],
)
def test_an_answer_may_be_framed_as_it_likes(chunk: int, says: bytes) -> None:
    bench = Bench(chunk)
    found = bench.ask(lambda: Peer(says, then="loseConnection"))
    settle(bench.clock)
    settle(bench.clock)
    assert [one.reason for one in found] == ["status 200"]
    assert bench.nothing_left()


@pytest.mark.parametrize(
    ("failure", "reason", "own"),
    [
        (failure_of(errno.ECONNREFUSED), "refused", False),
        (failure_of(errno.EHOSTUNREACH), "no route", False),
        (failure_of(errno.EMFILE), "no descriptor left in this process", True),
    ],
    ids=["refused", "no route", "own"],
)
def test_why_there_is_no_connection_is_told(
    failure: DialFailure, reason: str, own: bool, bench: Bench
) -> None:
    (found,) = bench.ask(failure)
    assert (found.passed, found.reason, found.own_fault) == (False, reason, own)
    assert bench.nothing_left()


@pytest.mark.parametrize(
    "says",
    [
        b"hello\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 +200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"\x00" * 100_000,
        b"HTTP/1.1 200 " + b"x" * 100_000,
    ],
    ids=range(10),
)
def test_garbage_is_no_answer(says: bytes, bench: Bench) -> None:
    found = bench.ask(lambda: Peer(says))
    settle(bench.clock)
    assert [(one.passed, one.reason) for one in found] == [(False, "no HTTP answer")]
    assert bench.nothing_left()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
@pytest.mark.parametrize(
    ("then", "reason"), [("loseConnection", "no HTTP answer"), ("abortConnection", "reset")]
)
def test_a_server_that_leaves_before_its_answer_fails(
    says: bytes, then: str, reason: str, bench: Bench
) -> None:
    (found,) = bench.ask(lambda: Peer(says, then))
    assert (found.passed, found.reason) == (False, reason)
    assert bench.nothing_left()


@pytest.mark.parametrize("then", ["loseConnection", "abortConnection"])
def test_one_that_leaves_after_the_status_has_answered(then: str, bench: Bench) -> None:
    (found,) = bench.ask(lambda: Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", then))
    assert (found.passed, bench.nothing_left()) == (True, True)


def test_a_server_that_accepts_and_hangs_costs_the_timeout(bench: Bench) -> None:
    found = bench.ask(lambda: Peer())
    bench.clock.advance(2.9)
    assert found == []
    bench.clock.advance(0.1)
    assert [(one.passed, one.reason, one.seconds) for one in found] == [(False, "timed out after 3 s", 3.0)]
    assert [step.name for step in found[0].steps] == ["connect"]
    assert bench.nothing_left()


def test_one_that_does_not_even_accept_costs_the_same(bench: Bench) -> None:
    found = bench.ask(lambda: Peer(), after=60)
    bench.clock.advance(3)
    assert [(one.passed, one.reason) for one in found] == [(False, "timed out after 3 s")]
    assert bench.nothing_left()


def test_one_that_drips_a_byte_a_second_costs_the_same(bench: Bench) -> None:
    found = bench.ask(lambda: Peer())
    for byte in OK[:3]:
        bench.peers[0].say(bytes([byte]))
        bench.clock.advance(1)
        settle(bench.clock)
    assert [one.reason for one in found] == ["timed out after 3 s"]
    assert bench.nothing_left()


def test_a_body_that_does_not_end_is_waited_for_a_moment_only(bench: Bench) -> None:
    found = bench.ask(lambda: Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"))
    assert found == []
    bench.clock.advance(GRACE)
    assert [(one.passed, one.reason, one.seconds) for one in found] == [(True, "status 200", 0.0)]
    assert bench.nothing_left()


def test_that_moment_ends_with_the_timeout(bench: Bench) -> None:
    found = bench.ask(lambda: Peer())
    bench.clock.advance(2.9)
    bench.peers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
    settle(bench.clock)
    assert found == []
    bench.clock.advance(0.1)
    assert [(one.passed, round(one.seconds, 3)) for one in found] == [(True, 2.9)]
    assert bench.nothing_left()


@pytest.mark.parametrize(
    ("says", "piece", "passed", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 16384, True, "status 200"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 2000, False, "head too long"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"x" * 16384, False, "no HTTP answer"),
        (b"HTTP/1.1 103 \r\n\r\n", b"HTTP/1.1 103 \r\n\r\n" * 500, False, "head too long"),
    ],
    ids=["body", "head", "line", "interim"],
)
def test_one_that_sends_without_end_is_cut_off(
    says: bytes, piece: bytes, passed: bool, reason: str, bench: Bench
) -> None:
    found = bench.ask(lambda: Flood(says, piece))
    settle(bench.clock)
    assert [(one.passed, one.reason) for one in found] == [(passed, reason)]
    assert bench.nothing_left()
    (flood,) = bench.peers
    assert isinstance(flood, Flood)
    assert flood.sent < 4 * MAX_ANSWER


@pytest.mark.parametrize("phase", ["connecting", "asked", "in the body"])
def test_cancelled_it_leaves_nothing(phase: str, bench: Bench) -> None:
    says = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" if phase == "in the body" else b""
    found = bench.ask(lambda: Peer(says), after=1 if phase == "connecting" else 0)
    bench.asked.addErrback(lambda failure: failure.trap(CancelledError))
    bench.asked.cancel()
    assert bench.nothing_left()
    bench.clock.advance(10)
    assert found == []


def test_nothing_of_all_that_is_logged(bench: Bench) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    with capturedLogs() as events:
        for says in (OK, hints * 10 + OK, b"garbage\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b""):
            bench.ask(partial(Peer, says, "loseConnection"))
    assert len(bench.peers) == 5
    assert events == []


@pytest_twisted.ensureDeferred
async def test_a_real_server_is_asked_and_left(dialer: DirectDialer, serve: Serve) -> None:
    server = Server(lambda: Peer(OK, then="loseConnection"))
    result = await HTTPCheck(Question(), dialer, reactor, 3).check(serve(server))
    assert (result.passed, result.reason) == (True, "status 200")
    await server.peers[0].lost


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_is_asked(dialer: DirectDialer, serve: Serve, tmp_path: Path) -> None:
    server = Server(lambda: Peer(OK))
    result = await HTTPCheck(Question(), dialer, reactor, 3).check(serve(server, tmp_path / "s"))
    assert (result.passed, result.reason) == (True, "status 200")
    assert b"\r\nHost: localhost\r\n" in server.peers[0].received
    await server.peers[0].lost


@pytest_twisted.ensureDeferred
async def test_one_that_refuses_is_told_apart(dialer: DirectDialer, closed_port: int) -> None:
    result = await HTTPCheck(Question(), dialer, reactor, 3).check(Address("127.0.0.1", closed_port))
    assert (result.passed, result.reason) == (False, "refused")


@pytest_twisted.ensureDeferred
async def test_a_real_one_that_hangs_is_left_after_the_timeout(dialer: DirectDialer, serve: Serve) -> None:
    clock = Clock()
    server = Server()
    asked = HTTPCheck(Question(), dialer, clock, 3).check(serve(server))
    await server.accepted
    clock.advance(3)
    assert (await asked).reason == "timed out after 3 s"
    await server.peers[0].lost


@pytest_twisted.ensureDeferred
async def test_a_real_flood_is_cut_off(dialer: DirectDialer, serve: Serve) -> None:
    server = Server(lambda: Flood(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"))
    result = await HTTPCheck(Question(), dialer, reactor, 3).check(serve(server))
    assert result.passed
    assert result.seconds < 1
    await server.peers[0].lost
