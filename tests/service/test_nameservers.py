from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.names import dns, error
from twisted.python.failure import Failure

from lbtwist.service.nameservers import AT_ONCE, PATIENCE, Nameservers, NotResolved, Server, Stream, decoded
from tests.service.nameserver import serving
from tests.service.still import reactor

FIRST, SECOND = ("192.0.2.1", 53), ("192.0.2.2", 53)


class FakePort:
    """The transport of one question."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.peer: Server | None = None
        self.written: list[bytes] = []
        self.open = True

    def connect(self, host: str, port: int) -> None:
        self.peer = host, port

    def write(self, data: bytes, addr: Server) -> None:
        self.written.append(data)

    def stopListening(self) -> Deferred[None]:
        self.open = False
        return succeed(None)

    def answer(self, **changes: Any) -> None:
        """An answer with one address, with `changes` to the message."""
        message = decoded(self.written[0])
        message.answer = 1
        message.answers = [dns.RRHeader("a.example", dns.A, dns.IN, 60, dns.Record_A("10.0.0.1", 60))]
        for name, value in changes.items():
            setattr(message, name, value)
        self.protocol.datagramReceived(message.toStr(), self.peer)


class FakeReactor(Clock):
    """Gives fake ports for UDP."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[FakePort] = []

    def listenUDP(self, port: int, protocol: Any, interface: str = "") -> FakePort:
        assert port == 0
        self.ports.append(FakePort(protocol))
        protocol.makeConnection(self.ports[-1])
        return self.ports[-1]

    @property
    def asked(self) -> list[Server | None]:
        return [port.peer for port in self.ports]

    def check_clear(self) -> None:
        assert not self.getDelayedCalls()
        assert not any(port.open for port in self.ports)


@pytest.fixture
def fake() -> FakeReactor:
    return FakeReactor()


def ask(fake: FakeReactor, servers: Sequence[Server] = (FIRST, SECOND)) -> Deferred[Any]:
    return Deferred.fromCoroutine(Nameservers(fake, lambda: servers).ask("a.example", dns.A))


def answered(asking: Deferred[Any]) -> dns.Message:
    assert isinstance(asking.result, dns.Message)
    return asking.result


def problem(asking: Deferred[Any]) -> str:
    failures: list[Failure] = []
    asking.addErrback(failures.append)
    failures[0].trap(NotResolved)
    return failures[0].getErrorMessage()


def test_the_first_server_is_asked_and_answers(fake: FakeReactor) -> None:
    asking = ask(fake)
    fake.ports[0].answer()
    assert [str(record.name) for record in answered(asking).answers] == ["a.example"]
    assert fake.asked == [FIRST]
    fake.check_clear()


def test_servers_that_do_not_answer_are_asked_in_turn_and_again(fake: FakeReactor) -> None:
    asking = ask(fake)
    for seconds in [PATIENCE[0]] * 2 + [PATIENCE[1]] * 2:
        assert not asking.called
        fake.advance(seconds)
    assert fake.asked == [FIRST, SECOND, FIRST, SECOND]
    assert problem(asking) == "name server 192.0.2.2 does not answer"
    fake.check_clear()


def test_each_question_has_a_number_of_its_own(fake: FakeReactor) -> None:
    asking = ask(fake)
    fake.advance(PATIENCE[0])
    first, second = (port.written[0] for port in fake.ports)
    assert first[2:] == second[2:]
    fake.ports[0].answer()
    assert not asking.called  # too late: its socket is closed
    fake.ports[1].answer()
    assert asking.called
    fake.check_clear()


@pytest.mark.parametrize("code", [dns.ESERVER, dns.EREFUSED, dns.EFORMAT, dns.ENOTIMP, 15])
def test_a_server_that_fails_is_not_asked_again(fake: FakeReactor, code: int) -> None:
    asking = ask(fake)
    fake.ports[0].answer(rCode=code, answers=[])
    fake.ports[1].answer(rCode=code, answers=[])
    assert "the name server" in problem(asking)
    fake.check_clear()


def test_the_next_server_answers_for_one_that_fails_or_refuses(fake: FakeReactor) -> None:
    asking = ask(fake)
    fake.ports[0].protocol.connectionRefused()
    fake.ports[1].answer()
    assert answered(asking).rCode == dns.OK
    fake.check_clear()


def test_no_such_name_is_an_answer_of_the_first_server(fake: FakeReactor) -> None:
    asking = ask(fake)
    fake.ports[0].answer(rCode=dns.ENAME, answers=[])
    assert problem(asking) == "there is no such name (NXDOMAIN)"
    assert fake.asked == [FIRST]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 0},
        {"answer": 0},
        {"queries": []},
        {"queries": [dns.Query(b"b.example", dns.A, dns.IN)]},
        {"queries": [dns.Query(b"a.example", dns.AAAA, dns.IN)]},
    ],
)
def test_what_is_not_the_answer_is_passed_over(fake: FakeReactor, changes: dict[str, Any]) -> None:
    asking = ask(fake)
    port = fake.ports[0]
    number = int.from_bytes(port.written[0][:2])
    port.answer(**changes | ({"id": number ^ 1} if "id" in changes else {}))
    assert not asking.called
    port.answer(queries=[dns.Query(b"A.EXAMPLE", dns.A, dns.IN)])
    assert asking.called


def test_cancelling_leaves_nothing(fake: FakeReactor) -> None:
    asking = ask(fake)
    asking.cancel()
    asking.addErrback(lambda failure: failure.trap(CancelledError))
    fake.ports[0].answer()
    fake.check_clear()


def test_a_bounded_number_of_questions_at_once(fake: FakeReactor) -> None:
    servers = Nameservers(fake, lambda: [FIRST])
    asking = [Deferred.fromCoroutine(servers.ask("a.example", dns.A)) for _ in range(AT_ONCE + 2)]
    assert len(fake.ports) == AT_ONCE
    fake.ports[0].answer()
    assert len(fake.ports) == AT_ONCE + 1
    for each in asking:
        each.addErrback(lambda failure: failure.trap(CancelledError))
        each.cancel()
    assert len(fake.ports) <= AT_ONCE + 2
    fake.check_clear()


def test_no_server(fake: FakeReactor) -> None:
    assert problem(ask(fake, ())) == "there is no name server"


def response(*records: dns.RRHeader) -> bytes:
    message = dns.Message(7, answer=1, maxSize=0)
    message.queries = [dns.Query(b"a.example", dns.A, dns.IN)]
    message.answers = list(records)
    return message.toStr()


def a_record(number: int) -> dns.RRHeader:
    return dns.RRHeader("a.example", dns.A, dns.IN, 60, dns.Record_A(f"10.0.{number >> 8}.{number & 255}"))


def test_a_message_of_a_thousand_addresses_is_read() -> None:
    assert len(decoded(response(*map(a_record, range(3000)))).answers) == 3000


def test_pointers_to_an_endless_name_are_not_followed_for_ever() -> None:
    header = struct.pack("!H2B4H", 7, 0x80, 0, 0, 2001, 0, 0)
    endless = b"\x01a" * 20_000 + b"\0"
    first = b"\0" + struct.pack("!HHIH", 999, dns.IN, 60, len(endless)) + endless
    pointing = struct.pack("!HHHIH", 0xC000 | len(header) + 11, 999, dns.IN, 60, 0)
    began = time.process_time()
    with pytest.raises(ValueError, match="can't be read"):
        decoded(header + first + pointing * 2000)
    assert time.process_time() - began < 5  # it would take 45 s


@given(st.integers(0, 200))
def test_a_message_that_is_cut_short_unsaid_is_not_read(cut: int) -> None:
    """Twisted's decoder would take it for an answer with fewer servers."""
    whole = response(*map(a_record, range(10)))
    assert len(decoded(whole).answers) == 10
    with pytest.raises(ValueError, match=r"cut short|can't be read"):
        decoded(whole[: min(cut, len(whole) - 1)])


def test_an_address_of_a_wrong_length_is_not_read() -> None:
    whole = response(a_record(1))
    with pytest.raises(ValueError, match="wrong length"):
        decoded(whole[:-6] + b"\x00\x08" + whole[-4:])


@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    for message in data, response(a_record(1))[:12] + data:
        try:
            assert isinstance(decoded(message), dns.Message)
        except ValueError:
            continue


@given(st.data())
def test_a_message_with_wrong_bytes_is_a_message_or_a_value_error(data: st.DataObject) -> None:
    changed = bytearray(response(a_record(1), a_record(2)))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded(bytes(changed))
    except ValueError:
        return


@pytest_twisted.ensureDeferred
async def test_an_answer_that_is_too_large_for_udp_comes_over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Stream] = []
    lost = Stream.connectionLost

    def see(stream: Stream, reason: Failure) -> None:
        closed.append(stream)
        lost(stream, reason)

    monkeypatch.setattr(Stream, "connectionLost", see)
    async with serving() as (zone, server, where):
        zone.put("a.example", *(dns.Record_A(f"10.0.0.{number}") for number in range(1, 101)))
        reply = await Nameservers(reactor, lambda: [where]).ask("a.example", dns.A)
        assert len(closed) == server.streams == 1
    assert len(reply.answers) == 100
    assert zone.asked == [("a.example", dns.A)] * 2


@pytest_twisted.ensureDeferred
async def test_a_datagram_that_is_too_large_is_asked_for_over_tcp() -> None:
    async with serving() as (zone, server, where):
        server.datagram_size = 0
        zone.put("a.example", *(dns.Record_A(f"10.0.0.{number}") for number in range(1, 101)))
        reply = await Nameservers(reactor, lambda: [where]).ask("a.example", dns.A)
    assert (len(reply.answers), server.streams) == (100, 1)


@pytest.mark.parametrize(
    ("kind", "words"),
    [(error.ResolverError, "SERVFAIL"), (error.AuthoritativeDomainError, "NXDOMAIN")],
)
@pytest_twisted.ensureDeferred
async def test_errors_of_a_real_server(kind: type[Exception], words: str) -> None:
    async with serving() as (zone, _, where):
        zone.failing["a.example"] = kind
        with pytest.raises(NotResolved, match=words):
            await Nameservers(reactor, lambda: [where]).ask("a.example", dns.A)


@pytest_twisted.ensureDeferred
async def test_an_empty_answer_is_an_answer() -> None:
    async with serving() as (zone, _, where):
        zone.put("a.example", dns.Record_A("10.0.0.1"))
        reply = await Nameservers(reactor, lambda: [where]).ask("a.example", dns.AAAA)
    assert reply.answers == []


@pytest_twisted.ensureDeferred
async def test_a_port_where_nobody_listens_is_known_at_once() -> None:
    async with serving() as (_, _, where):
        pass
    with pytest.raises(NotResolved, match="nobody listens there"):
        await Nameservers(reactor, lambda: [where]).ask("a.example", dns.A)


@pytest_twisted.ensureDeferred
async def test_no_route_is_a_problem() -> None:
    with pytest.raises(NotResolved, match="name server"):
        await Nameservers(reactor, lambda: [("255.255.255.255", 53)]).ask("a.example", dns.A)


@pytest_twisted.ensureDeferred
async def test_a_server_that_closes_its_stream_is_a_problem() -> None:
    async with serving() as (zone, server, where):
        zone.put("a.example", *(dns.Record_A(f"10.0.0.{number}") for number in range(1, 101)))
        server.closing = True
        with pytest.raises(NotResolved, match="closed"):
            await Nameservers(reactor, lambda: [where]).ask("a.example", dns.A)


@pytest_twisted.ensureDeferred
async def test_cancelling_a_real_question_leaves_nothing() -> None:
    async with serving() as (zone, _, where):
        zone.silent = True
        asking = Deferred.fromCoroutine(Nameservers(reactor, lambda: [where]).ask("a.example", dns.A))
        asking.cancel()
        with pytest.raises(CancelledError):
            await asking
