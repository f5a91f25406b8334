"""Servers' connections: kept between requests, taken again, and let go."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.plane import EVERYTHING
from tests.net.bench import member
from tests.net.http.stage import CHUNKED, Stage, chunks, http, read, request, response


def one(**rotation: Any) -> Stage:
    """One server alone."""
    stage = http()
    stage.servers(1, **rotation)
    return stage


def exchange(stage: Stage, client: Any) -> None:
    """A request of `client`, answered on the newest connection."""
    before = len(client.received)
    client.say(request())
    server = stage.accepted[1][-1]
    assert server.hear()
    server.say(response(b"yes"))
    assert client.received[before:].endswith(b"yes")


def test_a_connection_is_kept_and_another_clients_request_goes_on_it() -> None:
    stage = one()
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        client, server = stage.asks(request(), host=host)
        server.say(response(b"x"))
        assert client.said().body == b"x"
    assert stage.accepted[1] == [server]
    assert stage.tally(1).total == 3


def test_two_at_once_have_two_connections_and_the_one_used_last_is_taken_first() -> None:
    stage = one()
    (first, one_end), (second, other_end) = stage.asks(request()), stage.asks(request())
    assert one_end is not other_end
    one_end.say(response(b"1"))
    other_end.say(response(b"2"))
    other_end.hear()
    first.say(request())
    assert other_end.hear()
    assert [first.said().body, second.said().body] == [b"1", b"2"]


def test_keepalive_is_how_many_are_kept() -> None:
    stage = one(keepalive=1)
    (_, first), (_, second) = stage.asks(request()), stage.asks(request())
    first.say(response(b"1"))
    second.say(response(b"2"))
    assert (first.end, second.end) == ("fin", ""), "who was used longest ago has to go"


def test_without_keepalive_a_server_is_told_to_close() -> None:
    stage = one(keepalive=0)
    client, server = stage.asks(request())
    assert read(server.hear()).field("connection") == b"close"
    server.say(response(b"1"))
    assert server.end == "fin"
    assert client.said().field("connection") is None
    assert client.end == ""


def test_a_kept_connection_that_is_used_again_is_closed_so_long_after_that() -> None:
    stage = one(keepalive_timeout=4.0)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    for in_use in (0.0, 0.0, 6.0):
        stage.pass_time(3.0)
        assert server.end == ""
        client.say(request())
        stage.pass_time(in_use)
        server.say(response(b"2"))
    stage.pass_time(3.9)
    assert server.end == ""
    stage.pass_time(0.3)
    assert server.end == "fin"


def test_a_shorter_keepalive_timeout_counts_from_the_next_use_on() -> None:
    stage = one(keepalive_timeout=60.0)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    stage.servers(1, keepalive_timeout=2.0)
    client.say(request())
    server.say(response(b"2"))
    stage.pass_time(1.9)
    assert server.end == ""
    stage.pass_time(0.3)
    assert server.end == "fin"


def test_a_kept_connection_is_closed_after_the_keepalive_timeout() -> None:
    stage = one(keepalive_timeout=4.0)
    client, server = stage.asks(request())
    stage.pass_time(5)
    server.say(response(b"1"))
    stage.pass_time(3.9)
    assert server.end == ""
    stage.pass_time(0.3)
    assert server.end == "fin"
    exchange(stage, client)
    assert len(stage.accepted[1]) == 2


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (response(b"x"), True),
        (response(chunks(b"x"), CHUNKED, length=False), True),
        (response(b"x", "Connection: close"), False),
        (response(b"x", version="1.0"), False),
        (response(b"x", "Connection: keep-alive", version="1.0"), True),
        (response(b"x") + b"!", False),
        (response(b"", status=204, length=False) + response(b"x"), False),
    ],
)
def test_what_says_that_it_closes_or_says_too_much_is_not_kept(said: bytes, kept: bool) -> None:
    stage = one()
    client, server = stage.asks(request())
    server.say(said)
    assert read(client.hear()).status in (200, 204)
    assert server.end == ("" if kept else "fin")
    assert client.end == ""


def test_a_byte_that_no_request_asked_for_closes_a_kept_connection() -> None:
    stage = one()
    client, server = stage.asks(request())
    server.say(response(b"1"))
    server.say(b"!")
    assert server.end == "fin"
    assert client.said().body == b"1"


def test_a_connection_that_has_spoken_unasked_is_never_taken_again() -> None:
    stage = one()
    client, server = stage.asks(request())
    server.say(response(b"1"))
    client.hear()
    server.transport.write(b"!")
    client.transport.write(request("POST", body=b"abc"))
    stage.settle()
    assert server.end == "fin"
    _, second = stage.accepted[1]
    assert read(second.hear()).body == b"abc"


def test_a_kept_connection_that_its_server_closes_is_forgotten() -> None:
    stage = one()
    client, server = stage.asks(request())
    server.say(response(b"1"))
    server.close()
    exchange(stage, client)
    assert len(stage.accepted[1]) == 2
    assert stage.observer.heard == []


def test_a_get_that_crosses_the_end_of_a_kept_connection_goes_on_a_new_one() -> None:
    stage = one(retries=0)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    client.hear()
    client.transport.write(request("GET", "/2"))
    server.transport.abortConnection()
    stage.settle()
    _, second = stage.accepted[1]
    assert read(second.hear()).first == b"GET /2 HTTP/1.1"
    second.say(response(b"2"))
    assert client.said().body == b"2"
    assert stage.observer.heard == [], "to close an idle connection is no fault"


def test_a_get_that_was_lost_on_a_kept_connection_is_not_tried_on_another_kept_one() -> None:
    stage = one()
    (client, first), (_, second) = stage.asks(request()), stage.asks(request())
    first.say(response(b"1"))
    second.say(response(b"2"))
    first.hear()
    client.say(request())
    second.reset()
    assert first.hear() == b""
    assert len(stage.accepted[1]) == 3
    assert stage.accepted[1][2].hear()


def test_a_post_that_crosses_the_end_of_a_kept_connection_is_not_sent_again() -> None:
    stage = one()
    client, server = stage.asks(request())
    server.say(response(b"1"))
    client.hear()
    client.say(request("POST", body=b"abc"))
    assert stage.accepted[1] == [server]
    server.reset()
    assert client.said().status == 502
    assert stage.accepted[1] == [server]
    assert stage.observer.heard == []


@pytest.mark.parametrize(
    ("method", "body", "after", "taken"),
    [
        ("POST", b"abc", 1.0, True),
        ("POST", b"abc", 1.05, False),
        ("POST", b"", 1.05, False),
        ("PUT", b"abc", 1.05, False),
        ("PUT", b"", 3.5, True),
        ("GET", b"", 3.5, True),
    ],
)
def test_what_may_not_be_sent_twice_goes_on_no_connection_that_was_idle_for_a_second(
    method: str, body: bytes, after: float, taken: bool
) -> None:
    stage = one(keepalive_timeout=4.0)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    server.hear()
    stage.clock.advance(after)
    client.say(request(method, body=body))
    assert len(stage.accepted[1]) == (1 if taken else 2)
    assert stage.accepted[1][-1].hear()


def test_a_server_that_takes_no_more_of_a_request_is_not_kept() -> None:
    stage = Stage(capacity=100)
    stage.servers(1)
    stage.listen(protocol="http")
    client, server = stage.asks(request("POST", "/", "Content-Length: 150"))
    server.deaf()
    client.say(bytes(150))
    server.say(response(b"early"))
    server.listen()
    assert client.said().body == b"early"
    assert server.end == "reset"


def test_rule_15_idle_connections_are_closed_when_their_server_leaves() -> None:
    """Rule 15: they hold nothing up; the client's own lives on, and its next request goes elsewhere."""
    stage = http()
    client, first = stage.asks(request())
    first.say(response(b"1"))
    busy, second = stage.asks(request(), server=2)
    third = stage.asks(request())[1]
    assert third is first
    third.say(response(b"3"))
    stage.rotate(member(2), scheduler="rr")
    stage.settle()
    assert first.end == "fin"
    assert client.end == busy.end == second.end == ""
    client.hear()
    client.say(request())
    assert len(stage.accepted[2]) == 2


def test_rule_15_one_that_becomes_idle_during_the_drain_is_closed() -> None:
    """Rule 15, for a request that was in flight."""
    stage = http()
    client, server = stage.asks(request("GET", "/1"))
    stage.rotate(member(2))
    stage.settle()
    assert server.end == ""
    server.say(response(b"whole"))
    assert (client.said().body, server.end, client.end) == (b"whole", "fin", "")
    client.say(request("GET", "/2"))
    assert read(stage.accepted[2][0].hear()).first == b"GET /2 HTTP/1.1"


def test_nothing_is_left_when_all_are_gone() -> None:
    stage = one(keepalive_timeout=4.0)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    client.close()
    assert not stage.empty(), "one is kept"
    stage.pass_time(4.2)
    assert server.end == "fin"
    assert stage.empty()
    assert list(stage.plane.connections(EVERYTHING)) == []
