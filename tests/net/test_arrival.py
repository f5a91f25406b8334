"""Clients that have steps to pass: counted, drained, cut and timed like others, and handed over whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol

from lbtwist.model.plane import EVERYTHING, CutBy, Scope
from lbtwist.net.arrival import CUT, INCOMPLETE, LAST_MOMENT, TOO_SLOW, Arrival, Onward
from lbtwist.net.frontend import Frontend
from lbtwist.net.rotation import GroupRotation
from tests.net.bench import WEB, Bench, closed, member
from tests.net.http.stage import Stage, http, read, request, response
from tests.net.recorder import HalfCloseable
from tests.net.world import RELAY_KINDS, World, make_world

TIMEOUT = 5.0


class Password(Arrival):
    """Goes on when it has heard a line, `api` for the group of that name; anything after it is early."""

    heard = b""

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        line, end, rest = self.heard.partition(b"\n")
        if end:
            if line == b"api":
                self.group = self.frontend.means.group_of("api")
            self.go_on(rest)


class Doorkeeper:
    """Asks each client for a line."""

    def __init__(self, frontend: Frontend, timeout: float = TIMEOUT) -> None:
        self.frontend = frontend
        self.timeout = timeout
        self.arrivals: list[Password] = []

    def enter(
        self, address: IAddress | None, group: GroupRotation | None, onward: Onward
    ) -> IProtocol | None:
        self.arrivals.append(Password(self.frontend, address, group, onward, self.timeout))
        return self.arrivals[-1]


class Closed:
    """Lets nobody in."""

    def enter(self, address: object, group: object, onward: object) -> None:
        """Step."""


def frontend_of(bench: Bench) -> Frontend:
    return bench.plane._frontends[WEB]


def refused(bench: Bench) -> dict[str, int]:
    return dict(bench.plane.figures().listeners[WEB].refused)


def guarded(bench: Bench, *steps: Any) -> Bench:
    frontend = frontend_of(bench)
    frontend.steps = steps or (Doorkeeper(frontend),)
    return bench


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.servers(1)
    bench.listen()
    return guarded(bench)


def arrived(bench: Bench) -> Any:
    client = bench.client()
    bench.settle()
    return client


def say(bench: Bench, client: Any, *data: bytes) -> None:
    for each in data:
        client.transport.write(each)
        bench.settle()
    bench.settle()


def test_who_passes_is_served_and_counted_once(bench: Bench) -> None:
    client = arrived(bench)
    frontend = frontend_of(bench)
    assert (len(frontend.arrivals), frontend.means.budget.clients, bench.tally().live) == (1, 1, 0)
    assert bench.accepted[1] == []
    say(bench, client, b"pass", b"word\nGET", b" / HTTP")
    (server,) = bench.accepted[1]
    assert server.received == b"GET / HTTP"
    assert (len(frontend.arrivals), frontend.means.budget.clients, bench.tally().live) == (0, 1, 1)
    say(bench, server, b"answer")
    assert client.received == b"answer"
    assert (bench.tally().received, bench.tally().sent) == (len(b"GET / HTTP"), len(b"answer"))
    client.transport.abortConnection()
    bench.pass_time(1)
    assert (frontend.means.budget.clients, bench.tally().live, bench.timers) == (0, 0, 0)


def test_who_passes_does_not_take_the_place_of_another(bench: Bench) -> None:
    """It has one descriptor, before and after: the last place but one is not the last."""
    budget = frontend_of(bench).means.budget
    budget.allow(2, 100, "there is room for two")
    client = arrived(bench)
    with patch.object(budget, "_weigh", side_effect=AssertionError):
        say(bench, client, b"password\n")
    assert (budget.clients, budget.full, bench.tally().live) == (1, False, 1)


def test_what_is_early_waits_for_a_server_and_its_end_too(bench: Bench) -> None:
    bench.serve(1, after=1.0)
    client = arrived(bench)
    client.transport.write(b"\nearly")
    client.transport.loseWriteConnection()
    bench.settle()
    assert bench.accepted[1] == []
    bench.pass_time(1.1)
    (server,) = bench.accepted[1]
    assert server.received == b"early"
    assert "read lost" in server.events
    say(bench, server, b"still heard")
    assert client.received == b"still heard"


def test_what_is_early_goes_to_the_next_server_too_where_the_first_one_fails(bench: Bench) -> None:
    bench.refuse(2, after=0.5)
    bench.rotate(member(2), member(1), scheduler="rr")
    client = arrived(bench)
    say(bench, client, b"\nearly")
    bench.pass_time(1)
    assert [end.received for end in bench.accepted[1]] == [b"early"]


def test_a_step_chooses_the_group(bench: Bench) -> None:
    bench.serve(7)
    bench.rotate(member(7), group="api")
    say(bench, arrived(bench), b"api\nhello")
    assert [end.received for end in bench.accepted[7]] == [b"hello"]
    assert not bench.accepted[1]


def test_who_is_too_slow_is_reset_and_counted(bench: Bench) -> None:
    client = arrived(bench)
    bench.pass_time(TIMEOUT - 0.2)
    say(bench, client, b"no end of line")
    assert closed(client) == ""
    bench.pass_time(0.4)
    assert closed(client) == "reset"
    assert (refused(bench), bench.tally().failed) == ({TOO_SLOW: 1}, 1)
    assert (len(frontend_of(bench).arrivals), bench.timers) == (0, 0)


@pytest.mark.parametrize("end", ["loseConnection", "loseWriteConnection", "abortConnection"])
def test_who_leaves_before_is_counted_and_forgotten(bench: Bench, end: str) -> None:
    client = arrived(bench)
    say(bench, client, b"pass")
    getattr(client.transport, end)()
    bench.settle()
    bench.settle()
    assert (refused(bench), bench.tally().failed) == ({INCOMPLETE: 1}, 1)
    assert (len(frontend_of(bench).arrivals), frontend_of(bench).means.budget.clients) == (0, 0)
    assert bench.timers == 0
    assert bench.accepted[1] == []


def test_rule_71_when_nothing_new_is_accepted_there_is_little_time_left(bench: Bench) -> None:
    """Rule 71, and for a second step that begins only then."""
    frontend = frontend_of(bench)
    first, second = Doorkeeper(frontend), Doorkeeper(frontend)
    guarded(bench, first, second)
    client, other = arrived(bench), arrived(bench)
    bench.plane.stop_accepting(WEB)
    bench.pass_time(LAST_MOMENT - 0.3)
    assert closed(client) == closed(other) == ""
    say(bench, other, b"\n")
    assert len(second.arrivals) == 1
    bench.pass_time(0.5)
    assert closed(client) == "reset"
    assert closed(other) == ""
    bench.pass_time(LAST_MOMENT)
    assert closed(other) == "reset"
    assert refused(bench) == {TOO_SLOW: 2}


def test_rule_71_who_is_quick_enough_then_is_served(bench: Bench) -> None:
    """Rule 71."""
    client = arrived(bench)
    bench.plane.stop_accepting(WEB)
    say(bench, client, b"\nhello")
    bench.pass_time(2 * LAST_MOMENT)
    assert bench.accepted[1][0].received == b"hello"
    assert closed(client) == ""


def test_rule_4_a_drain_waits_for_those_at_the_entrance(bench: Bench) -> None:
    """Rule 4: it is over when nothing is left, not between an arrival and its connection."""
    over: list[None] = []
    client = arrived(bench)
    bench.plane.stop_accepting(WEB)
    bench.plane.when_empty(Scope.listener(WEB)).addCallback(over.append)
    bench.settle()
    assert over == []
    say(bench, client, b"\n")
    assert over == []
    client.transport.abortConnection()
    bench.pass_time(1)
    assert over == [None]


@pytest.mark.parametrize("scope", [EVERYTHING, Scope.listener(WEB)])
def test_rule_5_a_cut_ends_those_at_the_entrance_too(bench: Bench, scope: Scope) -> None:
    """Rule 5."""
    client = arrived(bench)
    bench.plane.cut(scope, why=CutBy.SHUTDOWN)
    bench.settle()
    assert closed(client) == "reset"
    assert refused(bench) == {CUT: 1}


def test_the_cut_of_a_registration_is_not_theirs(bench: Bench) -> None:
    client = arrived(bench)
    bench.plane.cut(Scope.registration(1))
    bench.settle()
    assert closed(client) == ""


def test_as_many_as_may_be_connected_with_those_at_the_entrance() -> None:
    bench = Bench()
    bench.servers(1)
    bench.listen(max_connections=2)
    guarded(bench)
    say(bench, arrived(bench), b"\n")
    waiting, late = arrived(bench), arrived(bench)
    assert [closed(waiting), closed(late)] == ["", "fin"]
    assert bench.tally().failed == 1
    say(bench, waiting, b"\n")
    assert (closed(waiting), len(bench.accepted[1])) == ("", 2)


def test_a_step_that_lets_nobody_in_closes_at_once_and_after_another_step(bench: Bench) -> None:
    guarded(bench, Closed())
    assert closed(arrived(bench)) == "fin"
    guarded(bench, Doorkeeper(frontend_of(bench)), Closed())
    client = arrived(bench)
    say(bench, client, b"\n")
    assert closed(client) == "fin"
    assert len(frontend_of(bench).arrivals) == 0


def test_who_has_arrived_goes_by_the_steps_that_there_were(bench: Bench) -> None:
    client = arrived(bench)
    guarded(bench, Closed())
    say(bench, client, b"\nhello")
    assert bench.accepted[1][0].received == b"hello"
    assert closed(arrived(bench)) == "fin"


def test_without_steps_nobody_waits() -> None:
    bench = Bench()
    bench.servers(1)
    bench.listen()
    client, server = bench.connected()
    say(bench, client, b"at once")
    assert server.received == b"at once"


def staged(**policy: Any) -> Stage:
    stage = http(**policy)
    stage.servers(1)
    guarded(stage)
    return stage


def test_what_is_early_is_the_beginning_of_a_request() -> None:
    stage = staged()
    client = stage.client()
    client.say(b"\n" + request()[:20], request()[20:])
    (server,) = stage.accepted[1]
    assert read(server.hear()).first == b"GET / HTTP/1.1"
    server.say(response(b"answer"))
    assert client.said().body == b"answer"
    client.close()
    stage.pass_time(10)
    assert stage.empty()


def test_requests_that_are_early_are_answered_in_their_order() -> None:
    stage = staged()
    client = stage.client()
    client.say(b"\n" + request("GET", "/1") + request("GET", "/2"))
    (server,) = stage.accepted[1]
    for n in (b"1", b"2"):
        assert read(server.hear()).first == b"GET /%b HTTP/1.1" % n
        server.say(response(n))
        assert client.said().body == n
    client.close()


def test_one_too_many_of_an_http_listener_is_told_so_at_the_end_of_the_entrance() -> None:
    stage = staged(max_connections=1)
    first, late = stage.client(), stage.client()
    first.say(b"\n")
    late.say(b"\n" + request())
    assert late.said().status == 503
    first.close()
    late.close()


@pytest.fixture(params=RELAY_KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = make_world(request.param, tmp_path)
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


@pytest_twisted.ensureDeferred
async def test_a_connection_is_handed_over_on_every_transport(world: World) -> None:
    """What came early, what comes later, both ends and their closes."""
    server = world.server()
    far = server.expect(HalfCloseable())
    world.rotate(server)
    await world.listen()
    frontend = world.plane._frontends[WEB]
    frontend.steps = (Doorkeeper(frontend), Doorkeeper(frontend))
    client = await world.client(end=HalfCloseable())
    world.send(client, b"one\ntw")
    world.send(client, b"o\nearly ")
    await far.until_received(len(b"early "))
    world.send(client, b"and late")
    await far.until_received(len(b"early and late"))
    assert far.received == b"early and late"
    far.transport.write(b"answer")
    await client.until_received(len(b"answer"))
    client.transport.loseWriteConnection()
    await far.until_heard("read lost")
    far.transport.loseConnection()
    await client.until_heard("read lost")
    client.transport.loseConnection()
    await world.empty()
