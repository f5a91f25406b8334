"""What a client says and hears: requests one after the other, half-closes, and what is refused."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from lbtwist.model.routing import Rule
from tests.net.bench import CHUNK
from tests.net.http.stage import (
    CHUNKED,
    DATE,
    TIMEOUTS,
    Stage,
    answers,
    chunks,
    http,
    read,
    request,
    response,
)

ROOM = 1000
"""Bytes that each end takes in, in a small world."""


def small() -> Stage:
    """One server, and little room on the way."""
    stage = Stage(capacity=ROOM)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    return stage


def test_a_request_and_its_response() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/path?q=1", "Accept: */*", "X-Mine: 1"))
    assert server.hear() == (
        b"GET /path?q=1 HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nX-Mine: 1\r\n"
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 0\r\n"
        b"X-Forwarded-Host: a.example\r\nVia: 1.1 lbtwist\r\n\r\n"
    )
    server.say(response(b"hello", "X-Its: 2"))
    assert client.hear() == (
        b"HTTP/1.1 200 Said\r\nX-Its: 2\r\nDate: %b\r\nVia: 1.1 lbtwist\r\nContent-Length: 5\r\n\r\nhello"
        % DATE
    )
    assert client.end == server.end == ""
    assert stage.tally().live == stage.tally(1).live == 0
    assert stage.tally(1).total == 1


def test_a_client_asks_again_on_its_connection_and_each_request_has_a_choice_of_its_own() -> None:
    stage = http()
    client, first = stage.asks(request("GET", "/1"))
    first.say(response(b"one"))
    client.say(request("GET", "/2"))
    (second,) = stage.accepted[2]
    assert read(second.hear()).first == b"GET /2 HTTP/1.1"
    second.say(response(b"two"))
    assert [each.body for each in answers(client.hear())] == [b"one", b"two"]
    assert (stage.tally().total, stage.tally(1).total, stage.tally(2).total) == (2, 1, 1)


@pytest.mark.parametrize("count", [2, 16, 40])
def test_pipelined_requests_are_answered_in_their_order(count: int) -> None:
    stage = http()
    client = stage.client()
    client.say(b"".join(request("GET", f"/{n}") for n in range(count)))
    for n in range(count):
        end = stage.accepted[n % 2 + 1][0]
        assert read(end.hear()).first == b"GET /%d HTTP/1.1" % n, "one at a time"
        end.say(response(b"%d" % n))
    assert [each.body for each in answers(client.hear())] == [b"%d" % n for n in range(count)]
    assert stage.tally().live == 0


def test_who_pipelines_and_waits_is_not_read() -> None:
    stage = http()
    client, _ = stage.asks(request())
    for _ in range(20):
        client.say(bytes(CHUNK))
    assert len(client.transport.far.unread) == CHUNK, "one read is held, and the rest is not read"
    assert len(client.transport.far.protocol._buffer) == CHUNK


def test_answers_of_our_own_wait_for_a_client_that_does_not_read() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.deaf()
    for _ in range(10):
        client.say(request() * 2000)
    assert len(client.transport.far.queue) < CHUNK
    client.listen()
    assert client.hear().count(b"HTTP/1.1 404 ") == 20_000
    assert client.end == ""


def test_who_does_not_take_answers_of_our_own_is_closed_after_the_idle_timeout() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.deaf()
    client.say(request() * 2000)
    stage.pass_time(6.9)
    assert not client.transport.far.closed
    stage.pass_time(0.3)
    assert client.transport.far.closed
    assert stage.empty()


def test_who_shuts_its_sending_while_it_does_not_take_its_answers_still_gets_them_all() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.deaf()
    client.say(request() * 1000)
    client.shut()
    client.listen()
    assert client.hear().count(b"HTTP/1.1 404 ") == 1000
    assert client.end == "fin"
    assert stage.empty()


def test_an_answer_to_connection_close_is_the_last() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/", "Connection: close") + request("GET", "/2"))
    server.say(response(b"bye"))
    assert client.said().field("connection") == b"close"
    assert client.end == "fin"
    assert not stage.accepted[2]


def test_http_1_0_gets_one_response_and_the_end() -> None:
    stage = http()
    client, server = stage.asks(request(version="1.0", host=""))
    asked = read(server.hear())
    assert (asked.first, asked.field("host")) == (b"GET / HTTP/1.1", b"192.0.2.2:80")
    server.say(response(b"old"))
    said = client.said()
    assert (said.first, said.body, said.field("connection")) == (b"HTTP/1.1 200 Said", b"old", b"close")
    assert client.end == "fin"
    assert server.end == "", "its connection is kept for others"


def test_http_1_0_with_keep_alive_may_ask_again() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/", "Connection: keep-alive", version="1.0"))
    server.say(response(b"1"))
    assert client.said().field("connection") == b"keep-alive"
    client.say(request("GET", "/2", version="1.0"))
    stage.accepted[2][0].say(response(b"2"))
    assert client.said().body == b"2"


def test_http_1_0_gets_a_chunked_response_without_chunks_and_its_end_is_that_of_the_connection() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/", "Connection: keep-alive", version="1.0"))
    server.say(response(chunks(b"ab", b"c"), CHUNKED, length=False))
    said = client.said()
    assert (said.body, said.field("transfer-encoding"), said.field("connection")) == (b"abc", None, b"close")
    assert client.end == "fin"


def test_a_body_with_its_length_streams() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 6"))
    assert read(server.hear()).field("content-length") == b"6"
    client.say(b"ab")
    assert server.hear() == b"ab"
    client.say(b"cdef")
    assert server.hear() == b"cdef"
    server.say(response(b"got it"))
    assert client.said().body == b"got it"
    assert client.end == server.end == ""


def test_a_chunked_body_streams_with_its_trailers() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", CHUNKED, "Trailer: X-Sum, Host"))
    asked = read(server.hear())
    assert (asked.field("trailer"), asked.field("transfer-encoding")) == (b"X-Sum", b"chunked")
    client.say(b"3;name=value\r\nabc\r\n")
    assert server.hear() == chunks(b"abc", last=False)
    client.say(b"0\r\nX-Sum: 1\r\nHost: b\r\n\r\n")
    assert server.hear() == b"0\r\nX-Sum: 1\r\n\r\n"
    server.say(response(chunks(b"x", trailers="X-Time: 3\r\nSet-Cookie: a=b\r\n"), CHUNKED, length=False))
    assert client.hear().endswith(b"\r\n\r\n1\r\nx\r\n0\r\nX-Time: 3\r\n\r\n")


def test_what_follows_a_body_is_the_next_request() -> None:
    stage = http()
    _, server = stage.asks(request("POST", "/1", body=b"abc") + request("GET", "/2"))
    assert read(server.hear()).body == b"abc"
    assert not stage.accepted[2]
    server.say(response(b"1"))
    assert read(stage.accepted[2][0].hear()).first == b"GET /2 HTTP/1.1"


def test_a_body_goes_out_as_its_server_takes_it() -> None:
    stage = small()
    client, server = stage.asks(request("POST", "/", "Content-Length: 20000"))
    server.hear()
    server.deaf()
    client.say(bytes(20_000))
    taken = len(server.transport.unread) + len(server.transport.far.queue)
    assert taken <= 2 * ROOM, "what is unread, and one read that waits"
    server.listen()
    assert server.hear() == bytes(20_000)
    server.say(response(b"ok"))
    assert client.said().body == b"ok"


def test_a_response_goes_out_as_its_client_takes_it() -> None:
    stage = small()
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(20_000)))
    assert len(client.transport.unread) + len(client.transport.far.queue) <= 2 * ROOM + 100
    client.listen()
    assert client.said().body == bytes(20_000)
    assert stage.tally().live == 0


def test_a_response_is_in_flight_until_its_client_has_taken_it() -> None:
    """Rule 64 counts it, and rule 7 cuts it."""
    stage = small()
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(ROOM - 60)))
    assert stage.tally(1).live == 0, "its server is through with it"
    assert stage.tally().live == 1
    client.listen()
    assert stage.tally().live == 0
    assert client.said().framed


def test_a_servers_connection_that_was_held_up_is_good_for_the_next_request() -> None:
    stage = small()
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(ROOM - 60)))
    client.listen()
    client.hear()
    client.say(request())
    assert stage.accepted[1] == [server]
    server.say(response(b"again"))
    assert client.said().body == b"again"


def test_who_shuts_its_sending_side_still_gets_its_responses() -> None:
    stage = http()
    client, first = stage.asks(request("GET", "/1") + request("GET", "/2"))
    client.shut()
    first.say(response(b"1"))
    stage.accepted[2][0].say(response(b"2"))
    said = answers(client.hear())
    assert [(each.body, each.field("connection")) for each in said] == [(b"1", None), (b"2", b"close")]
    assert client.end == "fin"
    assert stage.ledger.live == {}


def test_who_shuts_its_sending_side_after_a_body_that_no_server_has_yet_still_gets_its_response() -> None:
    stage = http()
    stage.serve(1, after=1.0)
    client = stage.client()
    client.say(request("POST", body=b"abc"))
    client.shut()
    stage.clock.advance(1)
    (server,) = stage.accepted[1]
    assert read(server.hear()).body == b"abc"
    server.say(response(b"ok"))
    assert client.said().body == b"ok"
    assert client.end == "fin"


@pytest.mark.parametrize("after", [0.0, 1.0])
def test_who_ends_in_a_body_is_refused_and_its_server_sees_a_reset(after: float) -> None:
    stage = http()
    stage.serve(1, after=after)
    client = stage.client()
    client.say(request("POST", body=b"abc")[:-1])
    stage.clock.advance(after)
    client.shut()
    stage.settle()
    assert client.said().status == 400
    assert client.end == "fin"
    assert stage.accepted[1][0].end == "reset"


def test_who_ends_in_a_body_before_its_server_is_there_is_refused_then() -> None:
    stage = http()
    stage.serve(1, after=1.0)
    client = stage.client()
    client.say(request("POST", body=b"abc")[:-1])
    client.shut()
    assert client.hear() == b""
    stage.clock.advance(1)
    assert client.said().status == 400
    assert stage.accepted[1][0].end == "reset"


@pytest.mark.parametrize("said", [b"", b"GET / HT"])
def test_who_ends_without_a_request_is_closed_without_a_word(said: bytes) -> None:
    stage = http()
    client = stage.client()
    client.say(said)
    client.shut()
    assert (client.hear(), client.end) == (b"", "fin")
    assert stage.dialer.dialled == []
    assert stage.empty()


@pytest.mark.parametrize("moment", ["asked", "answering", "uploading", "connecting", "queued"])
def test_a_client_that_resets_frees_its_server_at_once(moment: str) -> None:
    stage = http()
    stage.rotate(stage.limited(1), max_queue=1)
    if moment == "connecting":
        stage.serve(1, after=1.0)
    other = stage.asks(request())[0] if moment == "queued" else None
    client = stage.client()
    client.say(request("POST", "/", "Content-Length: 9") if moment == "uploading" else request())
    if moment == "answering":
        stage.accepted[1][0].say(response(b"abc", "Content-Length: 9", length=False))
    assert stage.tally().live == (2 if other else 1)
    client.reset()
    assert stage.tally().live == (1 if other else 0)
    assert stage.busy == (1 if other else 0)
    if not other:
        assert all(end.end for end in stage.accepted[1])
        assert stage.empty()


def test_head_204_and_304_have_no_body() -> None:
    stage = http()
    stage.servers(1)
    client, server = stage.asks(request("HEAD"))
    server.say(response(b"", "Content-Length: 5", length=False))
    said = client.said(bodyless=True)
    assert (said.field("content-length"), said.rest) == (b"5", b"")
    for status in (204, 304):
        client.say(request())
        server.say(response(b"", status=status, length=False))
        assert client.said().status == status
    client.say(request())
    server.say(response(b"body"))
    assert client.said().body == b"body"
    assert stage.accepted[1] == [server]


def test_expect_and_interim_responses() -> None:
    stage = http()
    client, server = stage.asks(request("PUT", "/", "Expect: 100-continue", "Content-Length: 3"))
    assert read(server.hear()).field("expect") == b"100-continue"
    server.say(response(b"", status=103, length=False))
    server.say(response(b"", status=102, length=False) + response(b"", status=100, length=False))
    assert [each.status for each in answers(client.hear())] == [103, 102, 100]
    client.say(b"abc")
    assert server.hear() == b"abc"
    server.say(response(b"done", status=201))
    assert client.said().status == 201
    assert client.end == server.end == ""


def test_http_1_0_hears_no_interim_response_and_its_server_no_expectation() -> None:
    stage = http()
    client, server = stage.asks(request("PUT", "/", "Expect: 100-continue", version="1.0", body=b"abc"))
    assert read(server.hear()).field("expect") is None
    server.say(response(b"", status=103, length=False) + response(b"x"))
    assert client.said().status == 200


def test_a_final_response_to_an_expectation_ends_both_connections() -> None:
    stage = http()
    client, server = stage.asks(request("PUT", "/", "Expect: 100-continue", "Content-Length: 3"))
    server.say(response(b"no", status=417))
    said = client.said()
    assert (said.status, said.body, said.field("connection")) == (417, b"no", b"close")
    assert client.end == "fin"
    assert server.end == "reset", "it waits for a body that never comes"


def test_an_early_response_streams_while_the_body_goes_on() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 6"))
    server.hear()
    server.say(response(b"ab", "Content-Length: 4", length=False))
    client.say(b"abc")
    assert server.hear() == b"abc"
    client.say(b"def")
    assert server.hear() == b"def"
    server.say(b"cd")
    said = client.said()
    assert (said.body, said.field("connection")) == (b"abcd", b"close")
    assert client.end == "fin"


def test_what_is_sent_on_after_an_early_response_is_read_and_dropped() -> None:
    stage = small()
    client, server = stage.asks(request("POST", "/", "Content-Length: 100"))
    client.deaf()
    server.say(response(bytes(ROOM - 60)))
    client.say(bytes(10), bytes(10))
    client.shut()
    client.listen()
    said = client.said()
    assert (said.framed, said.field("connection")) == (True, b"close")
    assert client.end == "fin"
    assert server.end == "reset"
    assert stage.empty()


def test_over_max_connections_a_client_is_answered_503() -> None:
    stage = http(max_connections=1)
    first = stage.client()
    second = stage.client()
    assert second.said().status == 503
    assert second.end == "fin"
    assert stage.tally().failed == 1
    first.close()
    second.close()
    third, server = stage.asks(request())
    server.say(response(b"1"))
    assert third.said().status == 200


def test_a_new_policy_counts_for_the_next_request_of_an_old_connection() -> None:
    trusted = (ip_network("192.0.2.0/24"),)
    told = "X-Forwarded-For: 198.51.100.7"
    stage = http(trusted_proxies=trusted)
    stage.servers(1)
    client, server = stage.asks(request("GET", "/", told))
    assert read(server.hear()).field("x-forwarded-for") == b"198.51.100.7, 192.0.2.1"
    server.say(response(b""))
    stage.listen(**TIMEOUTS, proxy_name=b"other", rules=(Rule(path_prefix=b"/no", respond=410),))
    client.hear()
    client.say(request("GET", "/", told))
    asked = read(server.hear())
    assert asked.field("x-forwarded-for") == b"192.0.2.1"
    assert asked.field("via") == b"1.1 other"
    server.say(response(b""))
    assert client.said().field("via") == b"1.1 other"
    client.say(request("GET", "/no/more"))
    assert client.said().status == 410


def test_the_client_behind_trusted_proxies_is_who_is_scheduled_by() -> None:
    stage = http(trusted_proxies=(ip_network("192.0.2.0/24"),))
    stage.servers(1, 2, scheduler="source_hash")
    client = stage.client()
    chosen: dict[int, set[Any]] = {}
    for n in range(20):
        client.say(request("GET", "/", f"X-Forwarded-For: 198.51.100.{n % 10}"))
        (asked,) = [end for end in stage.accepted[1] + stage.accepted[2] if end.hear()]
        chosen.setdefault(n % 10, set()).add(asked)
        asked.say(response(b""))
    assert all(len(ends) == 1 for ends in chosen.values())
    assert len({end for ends in chosen.values() for end in ends}) == 2
