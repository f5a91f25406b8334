"""What passes a relay, told as conversations of a client and a server: the same over all transports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from lbtwist.model.plane import EVERYTHING, Scope
from tests.net.bench import WEB, closed
from tests.net.recorder import HalfCloseable, Recorder
from tests.net.test_transport_contract import LARGE, random_bytes
from tests.net.world import RELAY_KINDS, TLS_KINDS, World, make_world, reactor

PIECE = 256 * 1024


@pytest.fixture(params=(*RELAY_KINDS, *TLS_KINDS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = make_world(request.param, tmp_path)
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


def aborting(end: Recorder) -> None:
    end.transport.abortConnection()


def closing(end: Recorder) -> None:
    end.transport.loseConnection()


async def fill(world: World, sender: Any, side: str) -> int:
    """Have `sender`, the client or server as `side` says, send until the relay holds bytes from it."""
    relay: Any
    (relay,) = world.plane._frontends[WEB].ledger.live.values()
    sent = 0
    while (
        not (end := relay._server if side == "client" else relay._client) or not end.held
    ):  # what the kernel takes is its own affair
        sender.transport.write(random_bytes(PIECE))
        sent += PIECE
        assert sent < 2**28, "there is no end to what is taken"
        await deferLater(reactor, 0, int)
    return sent


def sides(ends: tuple[Any, Any], sender: str) -> tuple[Any, Any]:
    """The one that sends, and the other, of a client and a server."""
    return ends if sender == "client" else (ends[1], ends[0])


either = pytest.mark.parametrize("sender", ["client", "server"])
half_closing = pytest.mark.parametrize("world", RELAY_KINDS, indirect=True)
"""But for TLS, where the end of one direction is that of both: tests/net/tls/test_relay.py has those."""


@pytest_twisted.ensureDeferred
async def test_bytes_go_both_ways(world: World) -> None:
    client, server = await world.conversation()
    client.transport.write(b"question")
    await server.until_received(8)
    server.transport.write(b"answer")
    await client.until_received(6)
    assert (bytes(server.received), bytes(client.received)) == (b"question", b"answer")


@pytest_twisted.ensureDeferred
async def test_what_was_sent_before_there_was_a_server_arrives(world: World) -> None:
    server = world.server()
    far = server.expect(HalfCloseable())
    world.rotate(server)
    await world.listen()
    client = await world.client(end=HalfCloseable(made=lambda end: end.transport.write(b"hello")))
    await far.until_received(5)
    client.transport.write(b" there")
    await far.until_received(11)
    assert bytes(far.received) == b"hello there"


@half_closing
@either
@pytest_twisted.ensureDeferred
async def test_a_half_close_goes_on_and_the_other_direction_stays(world: World, sender: str) -> None:
    """Rule 2: half-closed connections go on."""
    first, second = sides(await world.conversation(), sender)
    first.transport.write(b"all")
    first.transport.loseWriteConnection()
    await second.until_heard("read lost")
    assert bytes(second.received) == b"all"
    for piece in (b"first", b"then", b"last"):
        second.transport.write(piece)
        await first.until(lambda piece=piece: first.received.endswith(piece))
    (view,) = world.plane.connections(EVERYTHING)
    assert view.activity == "half-closed"
    assert closed(first) == ""
    second.transport.loseWriteConnection()
    await first.until_heard("read lost")
    await world.empty()
    assert bytes(first.received) == b"firstthenlast"
    assert (closed(first), closed(second)) == ("fin", "fin")


@half_closing
@pytest_twisted.ensureDeferred
async def test_much_data_goes_both_ways_at_once_up_to_its_end(world: World) -> None:
    client, server = await world.conversation(HalfCloseable(keep=False), HalfCloseable(keep=False))
    there, back = random_bytes(LARGE), random_bytes(LARGE - 1)
    for end, data in ((client, there), (server, back)):
        end.transport.write(data)
        end.transport.loseWriteConnection()
    await server.until_heard("read lost")
    await client.until_heard("read lost")
    assert server.digest.digest() == hashlib.sha256(there).digest()
    assert client.digest.digest() == hashlib.sha256(back).digest()
    await world.empty()
    tally = world.plane.tally(EVERYTHING)
    assert (tally.received, tally.sent) == (LARGE, LARGE - 1)
    assert world.plane.tally(Scope.registration(1)) == tally


@either
@pytest_twisted.ensureDeferred
async def test_who_sends_is_held_back_while_the_other_does_not_read(world: World, sender: str) -> None:
    first, second = sides(
        await world.conversation(HalfCloseable(keep=False), HalfCloseable(keep=False)), sender
    )
    second.transport.pauseProducing()
    sent = await fill(world, first, sender)
    for _ in range(20):
        first.transport.write(random_bytes(PIECE))
        sent += PIECE
    for count in range(1, 101):  # each message gives the relay time to read what it should not
        second.transport.write(b".")
        await first.until_received(count)
    assert world.plane.tally(EVERYTHING).moved < sent - 10 * PIECE
    second.transport.resumeProducing()
    await second.until_received(sent)
    assert second.digest.digest() == hashlib.sha256(random_bytes(PIECE) * (sent // PIECE)).digest()


@either
@pytest_twisted.ensureDeferred
async def test_what_was_sent_just_before_a_close_arrives(world: World, sender: str) -> None:
    first, second = sides(
        await world.conversation(HalfCloseable(keep=False), HalfCloseable(keep=False)), sender
    )
    data = random_bytes(LARGE)
    first.transport.write(data)
    first.transport.loseConnection()
    await second.until_heard("read lost")
    assert second.digest.digest() == hashlib.sha256(data).digest()
    second.transport.loseConnection()
    await world.empty()


@either
@pytest_twisted.ensureDeferred
async def test_a_reset_goes_on_after_what_came_before_it(world: World, sender: str) -> None:
    first, second = sides(await world.conversation(), sender)
    second.transport.write(b"hello")
    await first.until_received(5)
    world.send(first, b"last words")
    first.transport.abortConnection()
    await second.until(lambda: closed(second))
    assert bytes(second.received) == b"last words"
    if world.tells_resets:
        assert closed(second) == "reset"
    else:
        second.transport.loseConnection()
    await world.empty()


@half_closing
@pytest.mark.parametrize("ended", ["", "client", "server"])
@pytest_twisted.ensureDeferred
async def test_rule_5_who_was_given_everything_sees_fin(world: World, ended: str) -> None:
    client, server = await world.conversation()
    client.transport.write(b"question")
    server.transport.write(b"answer")
    await server.until_received(8)
    await client.until_received(6)
    if ended:
        first, second = sides((client, server), ended)
        first.transport.loseWriteConnection()
        await second.until_heard("read lost")
    assert world.plane.cut(Scope.registration(1)) == 1
    await client.until_heard("read lost")
    await server.until_heard("read lost")
    await world.empty()
    assert (closed(client), closed(server)) == ("fin", "fin")
    assert world.plane.tally(EVERYTHING).cut == 1


@half_closing
@pytest.mark.parametrize("half_closed", [False, True])
@either
@pytest_twisted.ensureDeferred
async def test_rule_5_who_was_not_given_everything_sees_a_reset(
    world: World, sender: str, half_closed: bool
) -> None:
    """And that of a half-closed connection too."""
    first, second = sides(
        await world.conversation(HalfCloseable(keep=False), HalfCloseable(keep=False)), sender
    )
    first.transport.write(b"hello")
    await second.until_received(5)
    if half_closed:
        second.transport.loseWriteConnection()
        await first.until_heard("read lost")
    second.transport.pauseProducing()
    sent = await fill(world, first, sender)
    assert world.plane.cut(EVERYTHING) == 1
    await world.empty()
    second.transport.resumeProducing()
    await second.until(lambda: closed(second))
    assert second.count < sent
    if world.tells_resets:
        assert closed(second) == "reset"
    await first.until(lambda: closed(first))


@pytest.mark.parametrize("leaving", [aborting, closing])
@pytest_twisted.ensureDeferred
async def test_server_that_goes_before_any_byte_has_failed(world: World, leaving: Any) -> None:
    first, second = world.server(), world.server()
    first.expect(HalfCloseable(made=leaving))
    far = second.expect(HalfCloseable(made=lambda end: end.transport.write(b"220 ready")))
    world.rotate(first, second)
    await world.listen()
    client = await world.client()
    await client.until_received(9)
    client.transport.write(b"EHLO")
    await far.until_received(4)
    assert len(first.ends) == len(second.ends) == 1
    assert world.observer.heard == [(1, "closed before any byte was passed")]
    tallies = [world.plane.tally(Scope.registration(number)) for number in (1, 2)]
    assert [(tally.live, tally.total, tally.failed) for tally in tallies] == [(0, 1, 1), (1, 1, 0)]


@pytest.mark.parametrize("leaving", [aborting, closing])
@pytest_twisted.ensureDeferred
async def test_server_that_goes_after_a_byte_has_not_failed(world: World, leaving: Any) -> None:
    first, second = world.server(), world.server()
    far = first.expect(HalfCloseable())
    far.on_data = lambda data: leaving(far)
    world.rotate(first, second)
    await world.listen()
    client = await world.client()
    client.transport.write(b"question")
    await client.until(lambda: closed(client))
    client.transport.loseConnection()
    await world.empty()
    assert second.ends == []
    assert world.observer.heard == []


@pytest.mark.parametrize("leaving", [aborting, closing])
@pytest_twisted.ensureDeferred
async def test_server_that_goes_after_its_greeting_has_not_failed(world: World, leaving: Any) -> None:
    first, second = world.server(), world.server()
    far = first.expect(HalfCloseable())
    world.rotate(first, second)
    await world.listen()
    client = await world.client()
    await far.until_heard("made")
    far.transport.write(b"220 ready")
    await client.until_received(9)
    leaving(far)
    await client.until(lambda: closed(client))
    client.transport.loseConnection()
    await world.empty()
    assert second.ends == []
    assert world.observer.heard == []


@half_closing
@pytest_twisted.ensureDeferred
async def test_server_that_goes_after_the_client_has_ended_has_not_failed(world: World) -> None:
    first, second = world.server(), world.server()
    far = first.expect(HalfCloseable())
    world.rotate(first, second)
    await world.listen()
    client = await world.client()
    client.transport.loseWriteConnection()
    await far.until_heard("read lost")
    far.transport.loseConnection()
    await client.until_heard("read lost")
    await world.empty()
    assert second.ends == []
    assert world.observer.heard == []


@pytest_twisted.ensureDeferred
async def test_server_that_refuses_is_passed_over(world: World) -> None:
    dead, alive = world.dead(), world.server()
    far = alive.expect(HalfCloseable())
    world.rotate(dead, alive)
    await world.listen()
    client = await world.client()
    client.transport.write(b"hello")
    await far.until_received(5)
    assert [number for number, _ in world.observer.heard] == [1]
    assert world.plane.tally(Scope.registration(1)).failed == 1
    assert world.plane.tally(EVERYTHING).failed == 0


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest_twisted.ensureDeferred
async def test_rule_13_without_a_server_a_client_is_closed_at_once(world: World, number: int) -> None:
    world.rotate(*[world.dead() for _ in range(number)])
    await world.listen()
    client = await world.client()
    await client.until_heard("read lost")
    await world.empty()
    tally = world.plane.tally(EVERYTHING)
    assert (tally.total, tally.failed, tally.cut) == (1, 1, 0)
