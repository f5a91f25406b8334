from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import Clock
from twisted.names import dns, error

from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.source import SourceAnswer
from lbtwist.service.nameservers import NotResolved, Server
from lbtwist.service.resolver import Addresses, Family, Service, Services
from lbtwist.service.sources.asked import AskedSource, Found, SourceFailed
from lbtwist.service.sources.dns import (
    SOONEST,
    AddressQuestion,
    DnsMaker,
    ServiceQuestion,
    preferred,
    weighed,
)
from tests.service.nameserver import serving
from tests.service.still import StillReactor, turns

V4, V6 = Family.IPV4, Family.IPV6
NONE = Addresses((), math.inf)


class Book:
    """A resolver that says what a test has put into it."""

    def __init__(self) -> None:
        self.hosts: dict[tuple[str, Family], Addresses | Exception] = {}
        self.found = Services((), 60, {})
        self.asked: list[tuple[str, Family]] = []

    async def addresses(self, name: str, family: Family) -> Addresses:
        self.asked.append((name, family))
        answer = self.hosts.get((name, family), NONE)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def services(self, name: str) -> Services:
        return self.found


def found(question: AddressQuestion | ServiceQuestion) -> tuple[Mapping[Address, int], float]:
    asking: Deferred[Any] = Deferred.fromCoroutine(question.ask())
    assert isinstance(asking.result, Found)
    return asking.result.servers, asking.result.again


def problem(question: AddressQuestion | ServiceQuestion) -> str:
    failures: list[Any] = []
    Deferred.fromCoroutine(question.ask()).addErrback(failures.append)
    failures[0].trap(SourceFailed)
    return str(failures[0].value)


@pytest.fixture
def book() -> Book:
    return Book()


def by_address(book: Book) -> AddressQuestion:
    return AddressQuestion("app.internal", 8080, 10, book)


def by_service(book: Book) -> ServiceQuestion:
    return ServiceQuestion("_http._tcp.app", 10, book)


def test_addresses_of_both_families_with_the_groups_port(book: Book) -> None:
    book.hosts = {
        ("app.internal", V4): Addresses(("10.0.0.2", "10.0.0.1"), 30),
        ("app.internal", V6): Addresses(("2001:db8::1",), 5),
    }
    servers, again = found(by_address(book))
    assert servers == dict.fromkeys(
        [Address("10.0.0.2", 8080), Address("10.0.0.1", 8080), Address("2001:db8::1", 8080)], 100
    )
    assert again == 5


@pytest.mark.parametrize(("ttl", "again"), [(0, SOONEST), (3, 3), (3600, 10), (math.inf, 10)])
def test_asked_again_by_the_ttl_and_not_later_than_the_interval(book: Book, ttl: float, again: float) -> None:
    book.hosts["app.internal", V4] = Addresses(("10.0.0.1",), ttl)
    assert found(by_address(book))[1] == again
    book.hosts["a.example", V4] = Addresses(("10.0.0.1",), 3600)
    book.found = Services((Service(0, 0, 80, "a.example"),), ttl, {})
    assert found(by_service(book))[1] == again
    book.hosts["a.example", V4] = Addresses(("10.0.0.1",), ttl)
    book.found = book.found._replace(ttl=3600)
    assert found(by_service(book))[1] == again


def test_no_address_is_an_answer(book: Book) -> None:
    assert found(by_address(book)) == ({}, 10)


@pytest.mark.parametrize("family", Family)
def test_an_answer_about_one_family_alone_is_none(book: Book, family: Family) -> None:
    book.hosts = {("app.internal", each): Addresses(("10.0.0.1",), 30) for each in Family}
    book.hosts["app.internal", family] = NotResolved("SERVFAIL")
    assert problem(by_address(book)) == "app.internal: SERVFAIL"


@pytest.mark.parametrize(
    "ips", [("10.0.0.1", "10.0.0.1"), ("0.0.0.0",), ("224.0.0.1",), ("10.0.0.1", "0.0.0.0")]
)
def test_addresses_that_can_not_be_meant_are_a_problem(book: Book, ips: tuple[str, ...]) -> None:
    book.hosts["app.internal", V4] = Addresses(ips, 30)
    assert problem(by_address(book)).startswith("app.internal: ")


def test_an_ipv4_address_in_both_families_is_told_twice(book: Book) -> None:
    book.hosts = {
        ("app.internal", V4): Addresses(("10.0.0.1",), 30),
        ("app.internal", V6): Addresses(("::ffff:10.0.0.1",), 30),
    }
    assert problem(by_address(book)) == "app.internal: 10.0.0.1:8080 stands twice"


def test_services_with_addresses_that_came_along_and_that_are_asked_for(book: Book) -> None:
    book.hosts = {
        ("a.example", V6): Addresses(("2001:db8::1",), 7),
        ("b.example", V4): Addresses(("10.0.0.2",), 30),
    }
    book.found = Services(
        (Service(1, 10, 80, "a.example"), Service(1, 20, 81, "b.example"), Service(2, 9, 82, "c.example")),
        60,
        {("a.example", V4): Addresses(("10.0.0.1",), 30), ("c.example", V4): Addresses(("10.0.0.3",), 1)},
    )
    servers, again = found(by_service(book))
    assert servers == {
        Address("10.0.0.1", 80): 50,
        Address("2001:db8::1", 80): 50,
        Address("10.0.0.2", 81): 100,
    }
    assert again == 7  # nothing of c.example, which is of no use now
    assert sorted(book.asked) == [("a.example", V6), ("b.example", V4), ("b.example", V6)]


def test_one_target_with_two_ports_is_asked_for_once(book: Book) -> None:
    book.hosts["a.example", V4] = Addresses(("10.0.0.1",), 30)
    book.found = Services((Service(1, 0, 80, "a.example"), Service(1, 0, 81, "a.example")), 60, {})
    assert found(by_service(book))[0] == {Address("10.0.0.1", 80): 100, Address("10.0.0.1", 81): 100}
    assert len(book.asked) == 2


def test_no_service_is_an_answer(book: Book) -> None:
    assert found(by_service(book)) == ({}, 10)
    book.found = Services((Service(0, 0, 0, ""),), 60, {})
    assert found(by_service(book)) == ({}, 10)


def test_a_target_that_is_not_resolved_is_a_problem(book: Book) -> None:
    """Or all servers behind that name would be removed."""
    book.hosts["a.example", V4] = Addresses(("10.0.0.1",), 30)
    book.found = Services((Service(0, 0, 80, "a.example"), Service(0, 0, 80, "b.example")), 60, {})
    assert problem(by_service(book)) == "_http._tcp.app: b.example: the name has no address"
    book.hosts["b.example", V6] = NotResolved("SERVFAIL")
    assert problem(by_service(book)) == "_http._tcp.app: b.example: SERVFAIL"


@pytest.mark.parametrize(
    "service", [Service(0, 0, 0, "a.example"), Service(0, 0, 80, "a b"), Service(0, 0, 80, "1")]
)
def test_services_that_can_not_be_meant_are_a_problem(book: Book, service: Service) -> None:
    book.hosts[service.target, V4] = Addresses(("10.0.0.1",), 30)
    book.found = Services((service,), 60, {})
    assert problem(by_service(book)).startswith("_http._tcp.app: ")


def test_two_targets_with_one_address_are_a_problem(book: Book) -> None:
    for name in "a.example", "b.example":
        book.hosts[name, V4] = Addresses(("10.0.0.1",), 30)
    book.found = Services((Service(0, 0, 80, "a.example"), Service(0, 0, 80, "b.example")), 60, {})
    assert problem(by_service(book)) == "_http._tcp.app: 10.0.0.1:80 stands twice"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 65535)), max_size=8))
def test_weights_and_priorities(numbers: list[tuple[int, int]]) -> None:
    services = [Service(p, w, 80, f"{n}.example") for n, (p, w) in enumerate(numbers)]
    chosen = preferred(services)
    assert {service.priority for service in chosen} == ({min(p for p, _ in numbers)} if numbers else set())
    known = {f"{n}.example": [Addresses((f"10.0.0.{n}",), 1)] for n in range(len(numbers))}
    weights = [weight for _, weight in weighed(chosen, known)]
    assert all(1 <= weight <= 100 for weight in weights)
    assert max(weights, default=100) == 100
    for heavy, weight in zip(chosen, weights, strict=True):
        assert weight == 100 or abs(weight - heavy.weight * 100 / max(s.weight for s in chosen)) <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name is missing"),
        ({"name": 5}, "name: 5 is not text"),
        ({"name": "10.0.0.1"}, "is not a name"),
        ({"name": "a..b"}, "is not a name"),
        ({"name": "a", "interval": 0}, "interval"),
        ({"name": "a", "resolver": "ns1.internal"}, "resolver"),
        ({"name": "a", "resolver": "10.0.0.1:0"}, "resolver"),
        ({"name": "a", "resolver": "unix:/x"}, "resolver"),
        ({"name": "a", "port": 5}, "'port' is not a key"),
    ],
    ids=str,
)
def test_settings_are_strict(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DnsMaker().make(settings, 80, Clock())


def test_addresses_need_a_port_and_services_have_one() -> None:
    with pytest.raises(ValueError, match="set the group's port"):
        DnsMaker().make({"name": "app.internal"}, None, Clock())
    assert DnsMaker().make({"name": "_http._tcp.app"}, None, Clock())


class Watched:
    """A source on a clock, with a real name server."""

    def __init__(self, name: str, where: Server) -> None:
        self.clock = StillReactor()
        settings = {"name": name, "resolver": f"{where[0]}:{where[1]}"}
        self.source: IServerSource = DnsMaker().make(settings, 8080, self.clock)
        self.heard: DeferredQueue[SourceAnswer] = DeferredQueue()

    async def answer(self) -> SourceAnswer:
        return await self.heard.get()


@pytest_twisted.ensureDeferred
async def test_addresses_of_a_real_server_as_they_change_rule_18() -> None:
    async with serving() as (zone, _, where):
        zone.put("app.internal", dns.Record_A("10.0.0.1"), dns.Record_AAAA("2001:db8::1"), ttl=2)
        watched = Watched("app.internal", where)
        watched.source.watch(watched.heard.put)
        first = {Address("10.0.0.1", 8080): 100, Address("2001:db8::1", 8080): 100}
        assert await watched.answer() == SourceAnswer(first)
        await turns()
        zone.put("app.internal", dns.Record_A("10.0.0.2"), ttl=2)
        watched.clock.advance(2)
        assert await watched.answer() == SourceAnswer({Address("10.0.0.2", 8080): 100})
        for kind, words in (error.ResolverError, "SERVFAIL"), (error.AuthoritativeDomainError, "NXDOMAIN"):
            await turns()
            zone.failing["app.internal"] = kind
            watched.clock.advance(10)
            answer = await watched.answer()
            assert answer.servers is None
            assert words in answer.problem
        await turns()
        zone.failing.clear()
        zone.put("app.internal", dns.Record_TXT(b"no address any more"))
        watched.clock.advance(10)
        assert await watched.answer() == SourceAnswer({})
        await turns()
        await watched.source.stop()
        assert watched.clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_services_of_a_real_server_too_many_for_a_datagram() -> None:
    async with serving() as (zone, server, where):
        numbers = range(1, 101)
        zone.put("_http._tcp.app", *(dns.Record_SRV(0, 5, 8000 + n, f"h{n}.example") for n in numbers))
        zone.add("h1.example", dns.Record_A("10.0.0.1"))
        for n in numbers[1:]:
            zone.put(f"h{n}.example", dns.Record_A(f"10.0.0.{n}"))
        zone.put("h1.example", dns.Record_TXT(b"no addresses but those that came along"))
        watched = Watched("_http._tcp.app", where)
        watched.source.watch(watched.heard.put)
        answer = await watched.answer()
        assert answer.servers == {Address(f"10.0.0.{n}", 8000 + n): 100 for n in numbers}
        assert server.streams == 1
        await watched.source.stop()


@pytest_twisted.ensureDeferred
async def test_stop_while_a_real_server_is_silent() -> None:
    async with serving() as (zone, _, where):
        zone.silent = True
        watched = Watched("app.internal", where)
        watched.source.watch(watched.heard.put)
        await turns()
        await watched.source.stop()
        assert watched.heard.pending == []
        assert watched.clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_a_silent_server_is_a_problem() -> None:
    async with serving() as (zone, _, where):
        zone.silent = True
        watched = Watched("app.internal", where)
        watched.source.watch(watched.heard.put)
        answering = watched.heard.get()
        while not answering.called:
            watched.clock.advance(1)
            await turns(5)
        answer = await answering
        assert (answer.servers, answer.problem) == (
            None,
            "app.internal: name server 127.0.0.1 does not answer",
        )
        await watched.source.stop()


def test_the_source_is_one_that_is_asked() -> None:
    assert isinstance(DnsMaker().make({"name": "a"}, 80, Clock()), AskedSource)
