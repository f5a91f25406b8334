"""What IDataPlane promises, of a data plane in memory, on sockets of ours, and on Twisted's.

Any other data plane that the control plane is to drive has to keep the same: a World of its own is all
that these tests need.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from zope.interface.verify import verifyObject

from lbtwist.errors import BindError
from lbtwist.interfaces import IDataPlane
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.figures import Figures, GroupFigures, ListenerFigures
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Member, Rotation, Scope, Tally
from lbtwist.net.generations import Generations
from tests.net.bench import GROUP, WEB, closed
from tests.net.world import RELAY_KINDS, Server, SocketWorld, World, make_world, reactor

OTHER = 2
FIRST, SECOND = Scope.registration(1), Scope.registration(2)


@pytest.fixture(params=(*RELAY_KINDS, "generations"))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    whole = request.param == "generations"
    world = make_world("fake" if whole else request.param, tmp_path)
    if whole:
        world.plane = Generations(world.plane)  # type: ignore[assignment]  # it has the same face
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


async def connected(world: World, server: Server, listener: int = WEB) -> tuple[Any, Any]:
    """A client and `server`, which have exchanged something."""
    before = len(server.ends)
    client = await world.client(listener)
    client.transport.write(b"?")
    while len(server.ends) == before:
        await deferLater(reactor, 0, int)
    end: Any = server.ends[before]
    await end.until_received(1)
    end.transport.write(b"!")
    await client.until_received(1)
    return client, end


async def started(world: World, count: int = 2) -> list[Server]:
    """Servers, all in rotation, and a listener."""
    servers = [world.server() for _ in range(count)]
    world.rotate(*servers, scheduler="rr")
    await world.listen()
    return servers


def outcome(waiting: Deferred[None]) -> list[object]:
    results: list[object] = []
    waiting.addBoth(results.append)
    return results


def test_it_is_one(world: World) -> None:
    assert verifyObject(IDataPlane, world.plane)


@pytest_twisted.ensureDeferred
async def test_what_is_unknown_is_empty(world: World) -> None:
    for scope in (EVERYTHING, Scope.listener(7), Scope.registration(7)):
        assert world.plane.tally(scope) == Tally()
        assert list(world.plane.connections(scope)) == []
        assert world.plane.cut(scope) == 0
        await world.plane.when_empty(scope)
        if scope is not EVERYTHING:
            world.plane.forget(scope)
    assert not world.plane.cut_connection(1)
    assert world.plane.address(7) == ""
    await world.plane.stop_accepting(7)


@pytest_twisted.ensureDeferred
async def test_what_is_served_has_an_address_until_it_accepts_no_more(world: World) -> None:
    await started(world)
    assert world.plane.address(WEB)
    await world.plane.stop_accepting(WEB)
    assert world.plane.address(WEB) == ""


@pytest_twisted.ensureDeferred
async def test_an_endpoint_in_use_is_a_bind_error(world: World) -> None:
    if not isinstance(world, SocketWorld):
        return
    await started(world)
    taken = world.plane.address(WEB)
    path = taken.removeprefix("unix:")
    if world.twisted:
        port = taken.split(":")[-1]
        taken = f"unix:address={path}" if world.unix else f"tcp:{port}:interface=127.0.0.1"

    async def take() -> None:
        world.plane.bind(OTHER, parse_endpoint(taken))
        await world.plane.serve(ListenerPolicy(OTHER, "other", GROUP))

    with pytest.raises(BindError):
        await take()


@pytest_twisted.ensureDeferred
async def test_rule_70_connections_go_on_when_nothing_is_accepted_any_more(world: World) -> None:
    (server,) = await started(world, 1)
    client, end = await connected(world, server)
    await world.plane.stop_accepting(WEB)
    client.transport.write(b"still")
    await end.until_received(6)
    end.transport.write(b"here")
    await client.until_received(5)
    assert world.plane.tally(Scope.listener(WEB)).live == 1


@pytest_twisted.ensureDeferred
async def test_rule_1_nobody_goes_to_who_is_not_in_rotation(world: World) -> None:
    first, second = await started(world)
    client, end = await connected(world, first)
    world.plane.rotate(GROUP, Rotation((Member(2, f"{GROUP}/s2#2", second.address, 1),)))
    for _ in range(4):
        await connected(world, second)
    assert len(first.ends) == 1
    client.transport.write(b"rule 2")
    await end.until_received(7)
    assert world.plane.tally(FIRST).live == 1


@pytest_twisted.ensureDeferred
async def test_a_listener_gets_another_policy(world: World) -> None:
    first, second = await started(world)
    conversation = await connected(world, first)
    await world.listen(group="none")
    lost = await world.client()
    await lost.until_heard("read lost")
    await world.listen(group=GROUP, max_connections=1)
    full = await world.client()
    await full.until(lambda: closed(full))
    await world.listen(group=GROUP)
    await connected(world, second)
    conversation[0].transport.write(b"rule 73")
    await conversation[1].until_received(8)
    assert world.plane.tally(Scope.listener(WEB)).failed == 2


@pytest_twisted.ensureDeferred
async def test_counters_of_each_scope(world: World) -> None:
    first, second = await started(world)
    await world.listen(OTHER)
    await connected(world, first)
    await connected(world, second, OTHER)
    client, end = await connected(world, first)
    client.transport.write(b"12345")
    await end.until_received(6)
    tally = world.plane.tally
    assert tally(FIRST) == tally(Scope.listener(WEB)) == Tally(live=2, total=2, received=7, sent=2)
    assert tally(SECOND) == tally(Scope.listener(OTHER)) == Tally(live=1, total=1, received=1, sent=1)
    assert tally(EVERYTHING) == tally(Scope.registration(1, 2)) == tally(FIRST) + tally(SECOND)
    assert world.plane.totals() == {1: 2, 2: 1}


@pytest_twisted.ensureDeferred
async def test_counters_are_forgotten_and_stay_in_those_of_all(world: World) -> None:
    (server,) = await started(world, 1)
    await connected(world, server)
    world.plane.cut(EVERYTHING)
    await world.empty()
    before = world.plane.tally(EVERYTHING)
    assert before == Tally(total=1, cut=1, received=1, sent=1)
    for scope in (FIRST, Scope.listener(WEB)):
        world.plane.forget(scope)
        assert world.plane.tally(scope) == Tally()
    assert world.plane.tally(EVERYTHING) == before
    assert world.plane.totals() == {}


@pytest_twisted.ensureDeferred
async def test_a_failed_connect_is_reported(world: World) -> None:
    dead, alive = world.dead(), world.server()
    world.rotate(dead, alive, scheduler="rr")
    await world.listen()
    await connected(world, alive)
    ((number, reason),) = world.observer.heard
    assert number == 1
    assert reason in ("refused", "no such socket")
    assert world.plane.tally(FIRST) == Tally(failed=1)


@pytest_twisted.ensureDeferred
async def test_what_is_counted_beside_the_tallies(world: World) -> None:
    assert world.plane.figures() == Figures()
    dead, alive = world.dead(), world.server()
    world.rotate(dead, alive, scheduler="rr")
    await world.listen()
    await world.listen(OTHER, group="none")
    await connected(world, alive)
    lost = await world.client(OTHER)
    await lost.until(lambda: closed(lost))
    figures = world.plane.figures()
    ((_, reason),) = world.observer.heard
    assert figures.failures == {1: {reason: 1}}
    assert figures.listeners == {WEB: ListenerFigures(clients=1), OTHER: ListenerFigures()}
    app = figures.groups[GROUP]
    assert (app.queue, app.no_server, app.retries, app.connect.total) == (0, 0, 1, 1)
    assert 0 <= app.connect.seconds < 60
    assert figures.groups["none"] == GroupFigures(no_server=1)
    for scope in (FIRST, Scope.listener(OTHER)):
        world.plane.forget(scope)
    assert (list(world.plane.figures().listeners), world.plane.figures().failures) == ([WEB], {})


@pytest_twisted.ensureDeferred
async def test_rule_4_it_tells_when_a_scope_is_empty(world: World) -> None:
    first, second = await started(world)
    await connected(world, first)
    await connected(world, second)
    waits = [outcome(world.plane.when_empty(scope)) for scope in (FIRST, SECOND, EVERYTHING)]
    given_up = world.plane.when_empty(FIRST)
    results = outcome(given_up)
    given_up.cancel()
    assert results[0].check(CancelledError)  # type: ignore[attr-defined]
    assert world.plane.cut(FIRST) == 1
    await world.plane.when_empty(FIRST)
    assert waits == [[None], [], []]
    assert world.plane.tally(EVERYTHING).live == 1
    world.plane.cut(SECOND)
    await world.plane.when_empty(EVERYTHING)
    assert waits == [[None]] * 3
    assert outcome(world.plane.when_empty(SECOND)) == [None]


@pytest_twisted.ensureDeferred
async def test_a_cut_is_for_its_scope_alone(world: World) -> None:
    first, second = await started(world)
    await world.listen(OTHER)
    mine = await connected(world, first)
    others = await connected(world, second, OTHER)
    assert world.plane.cut(Scope.listener(WEB)) == 1
    await mine[0].until(lambda: closed(mine[0]))
    await mine[1].until(lambda: closed(mine[1]))
    await world.plane.when_empty(FIRST)
    others[0].transport.write(b"rule 12")
    await others[1].until_received(8)
    assert world.plane.cut(EVERYTHING) == 1
    await others[0].until(lambda: closed(others[0]))
    await world.empty()
    assert world.plane.tally(EVERYTHING).cut == 2


@pytest_twisted.ensureDeferred
async def test_a_cut_of_some_takes_the_longest_idle(world: World) -> None:
    (server,) = await started(world, 1)
    conversations = [await connected(world, server) for _ in range(3)]
    for client, end in (conversations[2], conversations[0]):
        client.transport.write(b".")
        await end.until_received(2)
    for place in (1, 2, 0):
        assert world.plane.cut(FIRST, 1) == 1
        client, _ = conversations[place]
        await client.until_heard("read lost")
        assert len([each for each, _ in conversations if closed(each)]) == [1, 2, 0].index(place) + 1


@pytest_twisted.ensureDeferred
async def test_one_connection_is_cut(world: World) -> None:
    (server,) = await started(world, 1)
    first, second = await connected(world, server), await connected(world, server)
    ids = [view.id for view in world.plane.connections(EVERYTHING)]
    assert world.plane.cut_connection(ids[1])
    await second[0].until_heard("read lost")
    assert closed(first[0]) == ""
    assert not world.plane.cut_connection(max(ids) + 1)


@pytest_twisted.ensureDeferred
async def test_connections_are_shown(world: World) -> None:
    first, second = await started(world)
    await connected(world, first)
    await connected(world, second)
    await world.listen(OTHER)
    for scope, servers in (
        (EVERYTHING, ["app/s1#1", "app/s2#2"]),
        (Scope.listener(WEB), ["app/s1#1", "app/s2#2"]),
        (Scope.listener(OTHER), []),
        (SECOND, ["app/s2#2"]),
    ):
        views = list(world.plane.connections(scope))
        assert [view.server for view in views] == servers
        for view in views:
            assert (view.listener, view.protocol, view.activity) == ("l1", "tcp", "relaying")
            assert (view.received, view.sent) == (1, 1)
            assert 0 <= view.idle <= view.age < 60
            assert view.client
    assert len({view.client for view in world.plane.connections(EVERYTHING)}) == (
        1 if isinstance(world, SocketWorld) and world.unix else 2
    )


@pytest_twisted.ensureDeferred
async def test_a_preview_begins_with_who_a_client_is_tied_to_and_changes_nothing(world: World) -> None:
    members = tuple(
        Member(n, f"{GROUP}/s{n}#{n}", world.server().address, 1, cookie=b"%d" % n) for n in (1, 2)
    )
    world.plane.rotate(GROUP, Rotation(members, "rr", persistence=60.0, cookie=b"SERVERID"))
    assert [world.plane.tied(GROUP, "", cookie) for cookie in (b"", b"1", b"2", b"3")] == [None, 1, 2, None]
    assert [list(world.plane.preview(GROUP, "", cookie)) for cookie in (b"", b"1", b"2", b"")] == [
        [1, 2],
        [1, 2],
        [2, 1],
        [1, 2],
    ]
    world.plane.rotate(GROUP, Rotation(members[:1], "rr", persistence=60.0, cookie=b"SERVERID"))
    assert world.plane.tied(GROUP, "", b"2") is None, "rule 10"
    assert (world.plane.tied("none", ""), list(world.plane.preview("none", ""))) == (None, [])


@pytest_twisted.ensureDeferred
async def test_when_it_is_closed_nothing_is_left(world: World) -> None:
    (server,) = await started(world, 1)
    client, end = await connected(world, server)
    world.plane.close()
    await client.until_heard("read lost")
    await end.until_heard("read lost")
    await world.empty()
    assert world.plane.address(WEB) == ""
