"""How a client's connection is closed after the last response: FIN, and then what it still sends is read."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.plane import EVERYTHING
from tests.net.http.stage import CHUNKED, TIMEOUTS, Stage, http, request, response

LIMIT = 256 * 1024


def refused(stage: Stage) -> Any:
    """A client that has its answer, and the FIN after it."""
    client = stage.client()
    client.say(b"\0")
    assert client.said().status == 400
    assert client.end == "fin"
    return client


def test_what_a_client_still_sends_is_read_and_dropped() -> None:
    stage = http()
    client = refused(stage)
    for _ in range(4):
        client.say(bytes(LIMIT // 4))
    assert (client.transport.closed, client.transport.reset) == (False, False)
    assert len(client.transport.far.unread) == 0
    client.say(b"x")
    stage.settle()
    assert client.transport.far.closed, "it was too much"


def test_for_a_second_at_most() -> None:
    stage = http()
    client = refused(stage)
    stage.pass_time(0.8)
    client.say(b"x")
    assert not client.transport.far.closed
    stage.pass_time(0.25)
    assert client.transport.far.closed
    assert stage.empty()


@pytest.mark.parametrize("how", ["shut", "close", "reset"])
def test_until_the_client_has_closed_too(how: str) -> None:
    stage = http()
    client = refused(stage)
    assert stage.guests == 1
    getattr(client, how)()
    assert client.transport.far is None or client.transport.far.closed
    assert stage.empty()


def test_who_had_shut_its_sending_side_is_closed_at_once() -> None:
    stage = http()
    client, server = stage.asks(request())
    client.shut()
    server.say(response(b"x"))
    assert client.end == "fin"
    assert client.transport.far.closed


def test_who_has_asked_for_the_close_is_closed_at_once() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/", "Connection: close"))
    server.say(response(b"x"))
    assert client.transport.far.closed
    assert not client.transport.reset


def test_who_takes_nothing_of_an_answer_of_ours_is_reset_after_a_second() -> None:
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    client, server = stage.asks(request("POST", "/", CHUNKED))
    client.deaf()
    for _ in range(30):
        server.say(response(b"", status=103, length=False))
    client.say(b"no size\r\n")
    assert not client.transport.far.closed
    stage.pass_time(1.1)
    assert client.transport.far.closed
    assert client.transport.reset
    assert stage.empty()


def test_who_was_not_read_for_pipelining_is_read_when_it_lingers() -> None:
    stage = http()
    client, _ = stage.asks(request(), request(), request())
    stage.plane.cut(EVERYTHING)
    stage.settle()
    assert client.said().status == 500
    client.close()
    assert stage.guests == 0


def test_who_takes_an_answer_of_ours_slowly_is_not_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lbtwist.net.http.linger.queued", lambda transport: len(transport.queue))
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    client, server = stage.asks(request("POST", "/", CHUNKED))
    client.deaf()
    for _ in range(30):
        server.say(response(b"", status=103, length=False))
    client.say(b"no size\r\n")
    for _ in range(6):
        stage.pass_time(0.8)
        client.transport.capacity += 1  # it has read a byte
        client.transport.far._soon()
        stage.settle()
    assert not client.transport.far.closed
    client.listen()
    assert client.hear().endswith(b"</html>\n")
    assert client.end == "fin"


def test_lingering_clients_count_for_max_connections() -> None:
    stage = http(max_connections=1)
    client = refused(stage)
    assert stage.client().said().status == 503
    client.close()
    stage.pass_time(1.1)
    third, server = stage.asks(request())
    server.say(response(b"x"))
    assert third.said().status == 200


def test_a_new_policy_and_a_listener_that_leaves_let_it_linger() -> None:
    stage = http()
    client = refused(stage)
    stage.listen(**{**TIMEOUTS, "idle_timeout": 1.0})
    stage.plane.stop_accepting(1)
    stage.pass_time(0.8)
    assert not client.transport.far.closed
    stage.pass_time(0.3)
    assert stage.empty()
