"""Which server answers a request, which others are asked, and what the client is told when none does."""

from __future__ import annotations

import pytest

from lbtwist.model.plane import EVERYTHING
from lbtwist.model.routing import Rule
from tests.net.bench import GROUP, member
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


def asked(stage: Stage, number: int) -> list[bytes]:
    """The first lines of what server `number` has heard, on all its connections."""
    return [read(bytes(end.received)).first for end in stage.accepted[number] if end.received]


def test_an_answer_of_our_own() -> None:
    stage = http()
    stage.rotate()
    client = stage.client()
    client.say(request())
    assert client.hear() == (
        b"HTTP/1.1 503 Service Unavailable\r\nDate: %b\r\nVia: 1.1 lbtwist\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 127\r\nCache-Control: no-store\r\n"
        b"Connection: close\r\n\r\n"
        b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head>\n"
        b"<body><h1>503 Service Unavailable</h1></body></html>\n" % DATE
    )
    assert client.end == "fin"
    assert stage.tally().failed == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (request("GET", "/", "Content-Length: 1", "Content-Length: 1"), 400),
        (request("POST", "/", CHUNKED, "Content-Length: 1"), 400),
        (request("GET", "/", "Connection: Cookie"), 400),
        (request("GET", "/", "A : b"), 400),
        (request("GET", "http://other/"), 400),
        (request("GET", "/", "Connection: upgrade", "Upgrade: websocket", "Content-Length: 3"), 400),
        (b"\0", 400),
        (request("TRACE"), 405),
        (request("CONNECT", "a.example:80"), 405),
        (request("GET", "/" + "a" * 9000), 414),
        (request("GET", "/", *(f"X-{n}: 1" for n in range(101))), 431),
        (request("GET", "/", *("X: " + "a" * 1000 for _ in range(33))), 431),
        (request("POST", "/", "Transfer-Encoding: gzip, chunked"), 501),
        (request(version="2.0"), 505),
        (request("GET", "/", "Via: 1.1 lbtwist, 1.1 x, 1.1 lbtwist"), 508),
    ],
)
def test_of_a_refused_head_nothing_reaches_a_server(head: bytes, status: int) -> None:
    stage = http()
    client = stage.client()
    client.say(head)
    said = client.said()
    assert said.status == status
    assert said.field("connection") == b"close"
    assert (said.field("allow") is not None) == (status == 405)
    assert stage.dialer.dialled == []
    assert client.end == "fin"
    client.close()
    assert stage.empty()


def test_a_refused_request_is_the_last_and_the_one_before_it_is_answered() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/1") + b"\0" + request("GET", "/3"))
    server.say(response(b"1"))
    first = read(client.hear())
    assert first.body == b"1"
    assert read(first.rest).status == 400
    assert client.end == "fin"
    assert asked(stage, 2) == []


@pytest.mark.parametrize("bad", [b"xyz\r\n", b"3\r\ndefg\r\n", b"0\r\nBad : 1\r\n\r\n", b"\n", b"3 \r\n"])
@pytest.mark.parametrize("piece", [1, 8])
def test_a_refused_body_ends_before_its_first_bad_byte(bad: bytes, piece: int) -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", CHUNKED))
    server.hear()
    body = b"3\r\nabc\r\n" + bad
    client.say(*(body[at : at + piece] for at in range(0, len(body), piece)))
    heard = read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + server.hear())
    assert (heard.body[:3], heard.framed) == (b"abc", False), "no last chunk"
    assert b"defg".startswith(heard.body[3:]), "what came before the bad byte may be on its way"
    assert server.end == "reset"
    assert client.said().status == 400
    assert stage.tally(1).live == 0


def test_a_body_that_is_refused_after_its_response_began_truncates_it() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", CHUNKED))
    server.say(response(b"ab", "Content-Length: 4", length=False))
    client.say(b"nonsense")
    said = client.said()
    assert (said.body, said.framed, client.end, server.end) == (b"ab", False, "fin", "reset")


@pytest.mark.parametrize(
    ("failures", "status"),
    [
        (("refused", "refused"), 502),
        (("refused", "timed out"), 504),
        (("timed out", "refused"), 502),
        (("timed out", "timed out"), 504),
    ],
)
def test_what_no_server_can_be_reached_for_is_502_or_504_by_its_cause(
    failures: tuple[str, str], status: int
) -> None:
    stage = http()
    for number, failure in enumerate(failures, 1):
        stage.refuse(number, failure)
    client = stage.client()
    client.say(request("POST", body=b"abc"))
    assert client.said().status == status
    assert stage.observer.heard == [(1, failures[0]), (2, failures[1])]


def test_a_server_that_takes_too_long_to_be_connected_is_504() -> None:
    stage = http(connect_timeout=2.0)
    stage.rotate(member(1))
    stage.serve(1, after=3.0)
    client = stage.client()
    client.say(request())
    stage.pass_time(1.9)
    assert client.hear() == b""
    stage.pass_time(0.2)
    assert client.said().status == 504


def test_what_this_process_is_short_of_is_503_and_no_servers_fault() -> None:
    stage = http()
    stage.refuse(1, "no descriptor left in this process", own=True)
    client = stage.client()
    client.say(request())
    assert client.said().status == 503
    assert stage.observer.heard == []


@pytest.mark.parametrize("retries", [0, 1])
def test_a_request_of_any_kind_is_tried_elsewhere_when_the_connection_cant_be_made(retries: int) -> None:
    stage = http()
    stage.rotate(member(1), member(2), scheduler="rr", retries=retries)
    stage.refuse(1)
    client = stage.client()
    client.say(request("POST", body=b"abc"))
    if retries:
        (server,) = stage.accepted[2]
        assert read(server.hear()).body == b"abc"
    else:
        assert client.said().status == 502
        assert stage.accepted[2] == []


def test_at_most_retries_further_servers_are_tried() -> None:
    stage = http()
    for number in (1, 2, 3, 4):
        stage.refuse(number)
    stage.rotate(*map(member, (1, 2, 3, 4)), scheduler="rr", retries=2)
    client = stage.client()
    client.say(request())
    assert len(stage.dialer.dialled) == 3
    assert client.said().status == 502


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "MINE"])
@pytest.mark.parametrize("body", [b"", b"abc"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_what_was_sent_is_sent_again_only_when_it_is_idempotent_and_empty(
    method: str, body: bytes, how: str
) -> None:
    stage = http()
    client, first = stage.asks(request(method, body=body))
    getattr(first, how)()
    if method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE") and not body:
        (second,) = stage.accepted[2]
        second.say(response(b"2" if method != "HEAD" else b""))
        assert client.said().status == 200
        assert stage.tally(1).total == stage.tally(2).total == 1
        assert stage.tally().total == 1, "it is one request"
    else:
        assert client.said().status == 502
        assert stage.accepted[2] == []
    assert stage.tally(1).failed == 1
    assert stage.observer.heard == [(1, "closed before a response")]
    assert stage.ledger.live == {}


def test_what_each_server_closes_on_is_502_after_retries_further_ones() -> None:
    stage = http()
    stage.servers(1, 2, 3, 4, scheduler="rr", retries=2)
    client = stage.client()
    client.say(request())
    for number in (1, 2, 3):
        stage.accepted[number][0].close()
    assert client.said().status == 502
    assert stage.accepted[4] == []


@pytest.mark.parametrize(
    "began",
    [b"H", b"HTTP/1.1 200 OK\r\nContent-Le", response(b"", status=103, length=False)],
)
def test_nothing_is_sent_again_after_a_byte_of_a_response(began: bytes) -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(began)
    server.reset()
    last = answers(client.hear())[-1]
    assert last.status == 502
    assert stage.accepted[2] == []
    assert stage.tally(1).failed == 0, "it was reached"


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_a_server_that_breaks_the_protocol_is_502_and_is_not_asked_again(said: bytes) -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(said)
    assert client.said().status == 502
    assert server.end == "fin"
    assert stage.accepted[2] == []
    client.close()
    assert stage.empty(), "its connection is not kept"


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked", "until close", "until close, HTTP/1.0"])
def test_a_response_that_ends_too_early_is_never_whole_for_its_client(end: str, framing: str) -> None:
    """Rule 7, for a server that goes by itself."""
    stage = http()
    old = framing.endswith("1.0")
    client, server = stage.asks(request(version="1.0" if old else "1.1"))
    start = {
        "length": response(b"ab", "Content-Length: 9", length=False),
        "chunked": response(chunks(b"ab", last=False), CHUNKED, length=False),
    }.get(framing, response(b"ab", length=False))
    server.say(start)
    getattr(server, end)()
    said = client.said()
    if framing.startswith("until close") and end == "close":
        assert (said.body, said.framed, client.end) == (b"ab", not old, "fin" if old else "")
    elif old:
        assert client.end == "reset"
    else:
        assert (said.body, said.framed, client.end) == (b"ab", False, "fin")
    assert stage.tally().live == 0
    assert stage.tally().cut == 0


def test_a_response_with_a_bad_chunk_ends_before_it() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(chunks(b"ab", last=False), CHUNKED, length=False))
    server.say(b"1\r\nc\r\n", b"1\r\ndefg\r\n")
    said = client.said()
    assert (said.body, said.framed, client.end, server.end) == (b"abc", False, "fin", "fin")


def test_a_body_that_the_servers_connection_ends_is_chunked_for_a_client_that_stays() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"ab", length=False))
    server.say(b"c")
    server.close()
    said = client.said()
    assert (said.body, said.framed, said.field("transfer-encoding")) == (b"abc", True, b"chunked")
    assert (client.end, said.field("connection")) == ("", None)


def test_a_rules_group_has_its_own_servers_retries_and_error_status() -> None:
    stage = http(rules=(Rule(path_prefix=b"/api", group="api"), Rule(host=b"*.b.example", group="none")))
    stage.serve(7)
    stage.rotate(member(7), group="api", error_status=502)
    client = stage.client()
    client.say(request("GET", "/api/x"))
    assert asked(stage, 7) == [b"GET /api/x HTTP/1.1"]
    assert stage.tally(7).live == 1
    assert stage.plane.cut(EVERYTHING) == 1
    stage.settle()
    assert client.said().status == 502
    client = stage.client()
    client.say(request("GET", "/", host="x.b.example:8080"))
    assert client.said().status == 503
    client = stage.client()
    client.say(request("GET", "/", host="b.example"))
    assert asked(stage, 1) == [b"GET / HTTP/1.1"]


def test_a_request_waits_for_a_place_and_503_when_that_takes_too_long_or_too_many_wait() -> None:
    stage = http()
    stage.rotate(stage.limited(1), max_queue=1, queue_timeout=4.0)
    _, server = stage.asks(request("GET", "/1"))
    second = stage.client()
    second.say(request("GET", "/2"))
    third = stage.client()
    third.say(request("GET", "/3"))
    assert third.said().status == 503
    assert [view.activity for view in stage.plane.connections(EVERYTHING)] == ["waiting", "queued"]
    server.say(response(b"1"))
    assert asked(stage, 1) == [b"GET /1 HTTP/1.1"], "on the same connection"
    assert server.hear().count(b"GET /2") == 1
    fourth = stage.client()
    fourth.say(request("GET", "/4"))
    stage.pass_time(3.9)
    assert fourth.hear() == b""
    stage.pass_time(0.3)
    assert fourth.said().status == 503
    server.say(response(b"2"))
    assert second.said().body == b"2"
    assert stage.busy == 0


def test_requests_are_shown_by_what_they_do() -> None:
    stage = http()
    stage.serve(1, after=1.0)
    client = stage.client()
    client.say(b"POST /up?secret=1 HTTP/1.1\r\n")

    def shown() -> tuple[str, str, str, str, str]:
        view = stage.view()
        return view.activity, view.server, view.method, view.host, view.path

    assert shown() == ("receiving", "", "", "", "")
    client.say(b"Host: A.example:80\r\nContent-Length: 3\r\n\r\n")
    assert shown() == ("connecting", "", "POST", "a.example", "/up")
    stage.clock.advance(1)
    assert shown() == ("receiving", f"{GROUP}/s1#1", "POST", "a.example", "/up")
    client.say(b"abc")
    assert shown()[0] == "waiting"
    stage.pass_time(2)
    view = stage.view()
    assert (round(view.age), round(view.idle), view.protocol, view.client) == (
        3,
        2,
        "http",
        "192.0.2.1:50000",
    )
    assert view.received == len(
        b"POST /up?secret=1 HTTP/1.1\r\nHost: A.example:80\r\nContent-Length: 3\r\n\r\nabc"
    )
    stage.accepted[1][0].say(response(b"a", "Content-Length: 2", length=False))
    assert shown()[0] == "responding"
    assert stage.view().sent == len(client.hear())


def test_counters_of_requests() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", body=b"abc"))
    server.say(response(b"defg"))
    heard = len(client.hear())
    tally = stage.tally(1)
    sent = len(request("POST", "/", body=b"abc"))
    assert (tally.live, tally.total, tally.received, tally.sent, tally.cut) == (0, 1, sent, heard, 0)
    assert stage.tally() == tally
    stage.listen(**TIMEOUTS)
    assert stage.tally() == tally


def test_what_was_read_with_a_body_is_counted_where_it_belongs() -> None:
    stage = http()
    first, second = request("POST", "/1", body=b"abc"), request("GET", "/2")
    client, server = stage.asks(first + second)
    server.say(response(b"1"))
    stage.accepted[2][0].say(response(b"2"))
    assert client.hear()
    assert (stage.tally(1).received, stage.tally(2).received) == (len(first), len(second))
