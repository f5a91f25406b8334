"""What is over is freed by reference counting: nothing of it waits for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from lbtwist.model.plane import EVERYTHING
from lbtwist.net.http.client import ClientConnection
from lbtwist.net.http.exchange import Exchange
from lbtwist.net.http.farewell import Farewell, WebSocketEnd
from lbtwist.net.http.linger import Lingering
from lbtwist.net.http.server import ServerConnection
from lbtwist.net.http.tunnel import Tunnel
from tests.net.http.stage import CHUNKED, UPGRADE, Stage, http, request, response

OURS = (ClientConnection, Exchange, Farewell, Lingering, ServerConnection, Tunnel, WebSocketEnd)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def answered(stage: Stage) -> None:
    client, server = stage.asks(request())
    server.say(response(b"x"))
    client.say(request("GET", "/", "Connection: close"))
    stage.accepted[2][0].say(response(b"x"))


def uploaded(stage: Stage) -> None:
    client, server = stage.asks(request("POST", "/", CHUNKED) + b"3\r\nabc\r\n0\r\n\r\n")
    server.say(response(b"x", length=False))
    server.close()
    client.close()


def refused(stage: Stage) -> None:
    stage.client().say(b"\0")
    stage.pass_time(1.2)


def silent(stage: Stage) -> None:
    stage.client()
    stage.pass_time(4)


def late(stage: Stage) -> None:
    stage.asks(request())
    stage.pass_time(22)


def tried_twice(stage: Stage) -> None:
    _, first = stage.asks(request())
    first.close()
    stage.accepted[2][0].close()
    stage.pass_time(1.2)


def reset(stage: Stage) -> None:
    client, _ = stage.asks(request())
    client.reset()


def unreachable(stage: Stage) -> None:
    stage.refuse(1)
    stage.refuse(2)
    stage.client().say(request())
    stage.pass_time(1.2)


def cut(stage: Stage) -> None:
    stage.asks(request())
    stage.asks(request(), server=2)[1].say(response(b"a", "Content-Length: 9", length=False))
    stage.plane.cut(EVERYTHING)
    stage.pass_time(1.2)


def tunnelled(stage: Stage) -> None:
    client, server = stage.tunnel()
    client.close()
    server.close()


def tunnel_cut(stage: Stage) -> None:
    stage.tunnel()
    stage.plane.cut(EVERYTHING)
    stage.pass_time(1.2)


def tunnel_refused(stage: Stage) -> None:
    client, server = stage.asks(UPGRADE)
    server.say(response(b"", status=403))
    client.close()


@pytest.mark.parametrize(
    "what",
    [
        answered,
        uploaded,
        refused,
        silent,
        late,
        tried_twice,
        reset,
        unreachable,
        cut,
        tunnelled,
        tunnel_cut,
        tunnel_refused,
    ],
)
def test_nothing_is_left(what: Callable[[Stage], None]) -> None:
    stage = http()
    what(stage)
    stage.pass_time(5)
    assert stage.empty()
    assert [each for each in gc.get_objects() if isinstance(each, OURS)] == []
    assert stage.busy == 0
