"""The main conversations of an http listener, over each kind of transport."""

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
from tests.net.http.stage import CHUNKED, SWITCHED, UPGRADE, chunks, read, request, response
from tests.net.recorder import HalfCloseable
from tests.net.test_plane_contract import outcome
from tests.net.test_transport_contract import random_bytes
from tests.net.world import KINDS, TLS_KINDS, World, make_world, reactor
from tests.wire.frames import CLOSE, TEXT, frame

SIZE = 3 * 1024 * 1024
PIECE = 64 * 1024
ASKED = request()
ANSWERED = response(b"hello")


@pytest.fixture(params=(*KINDS, *TLS_KINDS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = make_world(request.param, tmp_path)
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


def answering(data: bytes, times: int = 1) -> HalfCloseable:
    """A server's end that says `data` when a request has come, so many times."""
    end = HalfCloseable()
    left = [data] * times

    def answer(_: bytes) -> None:
        if left and b"\r\n\r\n" in end.received:
            end.received.clear()
            end.transport.write(left.pop())

    end.on_data = answer
    return end


async def listening(world: World, *ends: HalfCloseable, **policy: Any) -> Any:
    """One server, whose connections get `ends` in their order."""
    server = world.server()
    for end in ends:
        server.expect(end)
    world.rotate(server)
    await world.listen(protocol="http", **policy)
    return server


async def until_whole(end: Any, last: bytes) -> None:
    """`last` is the last that `end` has heard."""
    await end.until(lambda: end.received.endswith(last))


@pytest_twisted.ensureDeferred
async def test_requests_one_after_the_other_on_kept_connections(world: World) -> None:
    server = await listening(world, answering(ANSWERED, 9))
    for _ in range(2):
        client = await world.client()
        for _ in range(3):
            client.received.clear()
            client.transport.write(ASKED)
            await until_whole(client, b"hello")
            assert read(bytes(client.received)).field("connection") is None
    assert len(server.ends) == 1
    assert world.plane.tally(Scope.registration(1)).total == 6
    assert world.plane.tally(EVERYTHING).live == 0


@pytest_twisted.ensureDeferred
async def test_pipelined_requests_are_answered_in_their_order(world: World) -> None:
    numbers = iter(range(40))
    end = HalfCloseable()

    def answer(data: bytes) -> None:
        end.transport.write(response(b"%d;" % next(numbers)))

    end.on_data = answer
    await listening(world, end)
    client = await world.client()
    client.transport.write(b"".join(request("GET", f"/{n}") for n in range(40)))
    await until_whole(client, b"39;")
    at = [client.received.index(b"\r\n\r\n%d;" % n) for n in range(40)]
    assert at == sorted(at)


async def send_slowly(sender: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        sender.transport.write(piece)
        await deferLater(reactor, 0, int)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest_twisted.ensureDeferred
async def test_bodies_in_bulk_both_ways(world: World, framing: str) -> None:
    body = random_bytes(SIZE)
    pieces = [body[at : at + PIECE] for at in range(0, SIZE, PIECE)]
    if framing == "chunked":
        pieces = [*(chunks(piece, last=False) for piece in pieces), chunks()]
    field = CHUNKED if framing == "chunked" else f"Content-Length: {SIZE}"
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    client.transport.write(request("POST", "/", field))
    await send_slowly(client, pieces)
    await until_whole(end, pieces[-1][-16:])
    assert hashlib.sha256(read(bytes(end.received)).body).digest() == hashlib.sha256(body).digest()
    client.transport.pauseProducing()
    end.transport.write(response(b"", field, length=False))
    await send_slowly(end, pieces)
    client.transport.resumeProducing()
    await until_whole(client, pieces[-1][-16:])
    said = read(bytes(client.received))
    assert hashlib.sha256(said.body).digest() == hashlib.sha256(body).digest()
    assert said.framed
    client.transport.write(ASKED)
    await end.until(lambda: end.received.count(b"HTTP/1.1") == 2)


@pytest.mark.parametrize("world", KINDS, indirect=True)
@pytest_twisted.ensureDeferred
async def test_who_shuts_its_sending_side_still_gets_its_response(world: World) -> None:
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    client.transport.write(request("POST", body=b"abc"))
    client.transport.loseWriteConnection()
    await end.until(lambda: end.received.endswith(b"abc"))
    end.transport.write(ANSWERED)
    await client.until(lambda: closed(client))
    said = read(bytes(client.received))
    assert (said.body, said.field("connection"), closed(client)) == (b"hello", b"close", "fin")


@pytest_twisted.ensureDeferred
async def test_a_client_that_resets_frees_its_server(world: World) -> None:
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    client.transport.write(ASKED)
    await end.until_received(1)
    client.transport.abortConnection()
    if world.tells_resets:
        await end.until(lambda: closed(end))
        await world.plane.when_empty(EVERYTHING)
    else:
        end.transport.write(response(bytes(PIECE)) * 3)
        await end.until(lambda: closed(end))


@pytest_twisted.ensureDeferred
async def test_who_still_sends_when_it_is_refused_gets_the_answer_and_a_clean_end(world: World) -> None:
    await listening(world)
    client = await world.client()
    client.transport.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(PIECE))
    await client.until(lambda: closed(client))
    client.transport.write(bytes(PIECE))
    assert read(bytes(client.received)).status == 400
    client.transport.loseConnection()
    await client.until_heard("lost")
    assert closed(client) == "fin"


@pytest_twisted.ensureDeferred
async def test_a_server_that_closes_an_idle_connection_costs_nobody_a_request(world: World) -> None:
    first, second = answering(ANSWERED), answering(ANSWERED)
    await listening(world, first, second)
    client = await world.client()
    client.transport.write(ASKED)
    await until_whole(client, b"hello")
    first.transport.abortConnection()
    client.received.clear()
    client.transport.write(ASKED)
    await until_whole(client, b"hello")
    assert second.count


@pytest.mark.parametrize("old", [False, True])
@pytest_twisted.ensureDeferred
async def test_rule_7_a_response_that_is_cut_is_not_whole(world: World, old: bool) -> None:
    """Rule 7: no last chunk; a reset for HTTP/1.0; no close_notify."""
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    client.transport.write(request(version="1.0" if old else "1.1"))
    await end.until_received(1)
    end.transport.write(response(b"some", length=False))
    await client.until(lambda: b"some" in client.received)
    assert world.plane.cut(EVERYTHING) == 1
    await client.until(lambda: closed(client))
    await end.until(lambda: closed(end))
    assert read(bytes(client.received)).framed is False
    if world.tells_truncation:
        assert closed(client) == "reset"
    elif world.tells_resets:
        assert closed(client) == ("reset" if old else "fin")
    assert world.plane.tally(Scope.listener(WEB)).truncated == 1


@pytest_twisted.ensureDeferred
async def test_rule_6_a_request_that_is_cut_gets_the_error_status(world: World) -> None:
    """Rule 6."""
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    client.transport.write(request("POST", "/", "Content-Length: 9") + b"abc")
    await end.until(lambda: end.received.endswith(b"abc"))
    assert world.plane.cut(Scope.registration(1)) == 1
    await client.until(lambda: closed(client))
    await end.until(lambda: closed(end))
    said = read(bytes(client.received))
    assert (said.status, said.framed, said.field("connection")) == (500, True, b"close")
    if world.tells_resets:
        assert closed(end) == "reset"


@pytest_twisted.ensureDeferred
async def test_a_websocket_and_rule_51(world: World) -> None:
    """Rules 50 and 51: messages, and Close frames to both sides, closed together."""
    end = HalfCloseable()
    await listening(world, end)
    client = await world.client()
    message, masked = frame(TEXT, b"hello"), frame(TEXT, b"hello", mask=b"abcd")
    client.transport.write(UPGRADE + masked)
    await end.until_received(1)
    end.transport.write(SWITCHED + message)
    await until_whole(client, message)
    await end.until(lambda: end.received.endswith(masked))
    assert world.plane.cut(EVERYTHING) == 1
    code = (1001).to_bytes(2, "big")
    await until_whole(client, message + frame(CLOSE, code))
    await end.until(lambda: end.received[-8:-6] == b"\x88\x82")
    assert closed(client) == closed(end) == ""
    client.transport.write(frame(CLOSE, code, mask=b"abcd"))
    end.transport.write(frame(CLOSE, code))
    await client.until_heard("read lost")
    await end.until_heard("read lost")
    await world.plane.when_empty(EVERYTHING)
    assert world.plane.tally(EVERYTHING).closed == 1


@pytest_twisted.ensureDeferred
async def test_rule_71_a_listener_that_leaves_is_empty_when_its_clients_are_gone(world: World) -> None:
    """Rule 71: an idle client hears FIN within a second or so, and no reset for what crosses it."""
    await listening(world, answering(ANSWERED, 2))
    client, crossing = await world.client(), await world.client()
    for each in (client, crossing):
        each.transport.write(ASKED)
        await until_whole(each, b"hello")
    await world.plane.stop_accepting(WEB)
    waiting = outcome(world.plane.when_empty(EVERYTHING))
    await crossing.until(lambda: closed(crossing))
    crossing.transport.write(ASKED)
    await client.until(lambda: closed(client))
    assert waiting == []
    for each in (client, crossing):
        each.transport.loseConnection()
        await each.until_heard("lost")
        assert closed(each) == "fin"
    await world.plane.when_empty(EVERYTHING)
