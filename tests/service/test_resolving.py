from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.python.failure import Failure

from lbtwist.model.address import Address
from lbtwist.model.hostname import HostName
from lbtwist.service.nameservers import NotResolved
from lbtwist.service.resolver import Addresses, Family, Resolver, Services
from lbtwist.service.resolving import LATEST, LIMIT, SOONEST, Resolving
from tests.service.nameserver import serving
from tests.service.still import reactor, turns

NAME = HostName("app.internal", 8080)
Said = tuple[Address | None, str]


class Book:
    """A resolver that says what a test has put into it."""

    def __init__(self) -> None:
        self.ipv4: Addresses | Exception | Deferred[Addresses] = Addresses((), 30)
        self.ipv6: Addresses | Exception | Deferred[Addresses] = Addresses((), 30)
        self.asked: list[Family] = []

    async def addresses(self, name: str, family: Family) -> Addresses:
        assert name == NAME.host
        self.asked.append(family)
        answer = self.ipv4 if family is Family.IPV4 else self.ipv6
        if isinstance(answer, Exception):
            raise answer
        return await answer if isinstance(answer, Deferred) else answer

    async def services(self, name: str) -> Services:
        raise AssertionError("a host is no service")


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.book = Book()
        self.heard: list[Said] = []
        self.resolving = Resolving(NAME, self.clock, self.book, lambda *said: self.heard.append(said))

    def new(self) -> list[Said]:
        """What was said since the last time."""
        heard, self.heard[:] = self.heard.copy(), []
        return heard


@pytest.fixture
def world() -> World:
    return World()


def at(ip: str) -> Said:
    return Address(ip, 8080), ""


def test_the_first_ipv4_address_is_used(world: World) -> None:
    world.book.ipv4 = Addresses(("10.0.0.2", "10.0.0.1"), 30)
    world.book.ipv6 = Addresses(("2001:db8::1",), 30)
    world.resolving.start()
    assert world.new() == [at("10.0.0.2")]
    assert world.book.asked == [Family.IPV4]
    world.resolving.stop()


def test_ipv6_where_there_is_no_ipv4(world: World) -> None:
    world.book.ipv6 = Addresses(("2001:db8::1",), 30)
    world.resolving.start()
    assert world.new() == [at("2001:db8::1")]
    world.resolving.stop()


@pytest.mark.parametrize(("ttl", "wait"), [(0, SOONEST), (30, 30), (3600, LATEST), (float("inf"), LATEST)])
def test_asked_again_by_the_ttl(world: World, ttl: float, wait: float) -> None:
    world.book.ipv4 = Addresses(("10.0.0.1",), ttl)
    world.resolving.start()
    world.clock.advance(wait - 0.1)
    assert len(world.book.asked) == 1
    world.clock.advance(0.2)
    assert len(world.book.asked) == 2
    world.resolving.stop()


def test_an_address_is_kept_while_it_is_among_the_answers(world: World) -> None:
    world.book.ipv4 = Addresses(("10.0.0.1", "10.0.0.2"), 30)
    world.resolving.start()
    world.new()
    world.book.ipv4 = Addresses(("10.0.0.2", "10.0.0.1"), 30)
    world.clock.advance(30)
    assert world.new() == []
    world.book.ipv4 = Addresses(("10.0.0.3", "10.0.0.2"), 30)
    world.clock.advance(30)
    assert world.new() == [at("10.0.0.3")]
    world.resolving.stop()


def test_an_ipv6_address_is_kept_when_the_name_gets_an_ipv4_address(world: World) -> None:
    world.book.ipv6 = Addresses(("2001:db8::1",), 30)
    world.resolving.start()
    world.new()
    world.book.ipv4 = Addresses(("10.0.0.1",), 30)
    world.clock.advance(30)
    assert world.new() == []
    world.book.ipv6 = Addresses(("2001:db8::2",), 30)
    world.clock.advance(30)
    assert world.new() == [at("10.0.0.1")]
    world.resolving.stop()


def test_a_failure_is_told_once_and_asked_again_ever_later(world: World) -> None:
    world.book.ipv4 = NotResolved("there is no such name (NXDOMAIN)")
    world.resolving.start()
    assert world.new() == [(None, "app.internal: there is no such name (NXDOMAIN)")]
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        asked = len(world.book.asked)
        world.clock.advance(wait - 0.1)
        assert len(world.book.asked) == asked
        world.clock.advance(0.1)
        assert len(world.book.asked) == asked + 1
    assert world.new() == []
    world.resolving.stop()


def test_after_a_failure_the_address_of_before_is_preferred(world: World) -> None:
    world.book.ipv4 = Addresses(("10.0.0.1",), 1)
    world.resolving.start()
    world.book.ipv4 = NotResolved("SERVFAIL")
    world.clock.advance(1)
    world.book.ipv4 = Addresses(("10.0.0.2", "10.0.0.1"), 1)
    world.clock.advance(1)
    assert world.new() == [at("10.0.0.1"), (None, "app.internal: SERVFAIL"), at("10.0.0.1")]
    world.book.ipv4 = NotResolved("SERVFAIL")
    world.clock.advance(1)
    world.clock.advance(SOONEST)  # an answer has made it patient again
    assert len(world.book.asked) == 5
    world.resolving.stop()


def test_a_failing_ipv4_answer_does_not_make_the_server_move(world: World) -> None:
    world.book.ipv4 = NotResolved("SERVFAIL")
    world.book.ipv6 = Addresses(("2001:db8::1",), 30)
    world.resolving.start()
    assert world.new() == [(None, "app.internal: SERVFAIL")]
    world.resolving.stop()


def test_a_name_without_an_address(world: World) -> None:
    world.resolving.start()
    assert world.new() == [(None, "app.internal: the name has no address")]
    world.resolving.stop()


def test_an_address_that_is_no_servers_is_none(world: World) -> None:
    world.book.ipv4 = Addresses(("0.0.0.0",), 30)
    world.resolving.start()
    ((address, words),) = world.new()
    assert address is None
    assert "one server" in words
    world.resolving.stop()


def test_an_answer_that_does_not_come(world: World) -> None:
    world.book.ipv4 = Deferred()
    world.resolving.start()
    world.clock.advance(LIMIT)
    assert world.new() == [(None, "app.internal: no answer within 10 s")]
    assert world.resolving.stop().called


def test_a_fault_is_told_and_logged(world: World, flush_logged_errors: Callable[..., list[Failure]]) -> None:
    world.book.ipv4 = KeyError("secret")
    world.resolving.start()
    assert world.new() == [(None, "app.internal: a fault: KeyError")]
    assert len(flush_logged_errors(KeyError)) == 1
    world.book.ipv4 = Addresses(("10.0.0.1",), 30)
    world.clock.advance(SOONEST)
    assert world.new() == [at("10.0.0.1")]
    world.resolving.stop()


def test_stop_ends_it(world: World) -> None:
    waiting: Deferred[Addresses] = Deferred()
    world.book.ipv4 = waiting
    world.resolving.start()
    assert world.resolving.stop().called
    assert (world.new(), world.clock.getDelayedCalls()) == ([], [])


@pytest_twisted.ensureDeferred
async def test_with_a_real_name_server() -> None:
    heard: DeferredQueue[Said] = DeferredQueue()
    clock = Clock()

    async def next_said() -> Said:
        said = await heard.get()
        await turns()  # it is told before the next question is planned
        return said

    async with serving() as (zone, _, where):
        zone.put("app.internal", dns.Record_A("10.0.0.1"), ttl=0)
        resolving = Resolving(NAME, clock, Resolver(reactor, where), lambda *said: heard.put(said))
        resolving.start()
        assert await next_said() == at("10.0.0.1")
        zone.put("app.internal", dns.Record_AAAA("2001:db8::1"), ttl=0)
        clock.advance(SOONEST)
        assert await next_said() == at("2001:db8::1")
        zone.put("app.internal")
        clock.advance(SOONEST)
        assert await next_said() == (None, "app.internal: there is no such name (NXDOMAIN)")
        await resolving.stop()


def test_an_address_knows_the_name_that_stood_for_it(world: World) -> None:
    """TLS has to be with that name; for everything else the address is the same under any."""
    world.book.ipv4 = Addresses(("10.0.0.1",), 30)
    world.resolving.start()
    ((address, _),) = world.new()
    assert address is not None
    assert (address, address.name) == (Address("10.0.0.1", 8080), NAME.host)
    world.resolving.stop()
