"""What the log is told of a refusal: each has its own words, always the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lbtwist.errors import BadMessage
from lbtwist.wire.body import MAX_TRAILERS, body_reader
from lbtwist.wire.framing import CHUNKED, Framing, Kind
from lbtwist.wire.lines import checked_fields
from lbtwist.wire.request_head import parse_request_head
from lbtwist.wire.response_head import parse_response_head
from lbtwist.wire.target import Target, refuse_other_host

HOST = b"Host: a\r\n"


def get(lines: bytes = b"", first: bytes = b"GET / HTTP/1.1") -> bytes:
    return first + b"\r\n" + HOST + lines + b"\r\n"


REQUESTS: dict[str, tuple[int, bytes]] = {
    "not a request": (400, get(b"A : b\r\n")),
    "bare CR or LF": (400, b"GET / HTTP/1.1\n"),
    "first line too long": (414, b"GET /" + b"a" * 8200),
    "head too large": (431, get(b"A: " + b"a" * 33000)),
    "too many fields": (431, get(b"A: b\r\n" * 100)),
    "a field that could be taken for framing": (400, get(b"Content_Length: 5\r\n")),
    "not HTTP/1.0 or HTTP/1.1": (505, get(first=b"GET / HTTP/1.2")),
    "TRACE or CONNECT": (405, get(first=b"TRACE / HTTP/1.1")),
    "HEAD in other letters": (400, get(first=b"Head / HTTP/1.1")),
    "not one Host": (400, get(HOST)),
    "bad host": (400, b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    "bad target": (400, get(first=b"GET a HTTP/1.1")),
    "the target is for another host than Host": (400, get(first=b"GET http://b/ HTTP/1.1")),
    "a path that climbs": (400, get(first=b"GET /a/../b HTTP/1.1")),
    "bad Connection": (400, get(b"Connection: a b\r\n")),
    "Connection names a field that must not be dropped": (400, get(b"Connection: host\r\n")),
    "Transfer-Encoding in HTTP/1.0": (400, get(b"Transfer-Encoding: chunked\r\n", b"GET / HTTP/1.0")),
    "Content-Length with Transfer-Encoding": (
        400,
        get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ),
    "more than one Content-Length": (400, get(b"Content-Length: 5\r\nContent-Length: 5\r\n")),
    "bad Content-Length": (400, get(b"Content-Length: +5\r\n")),
    "Transfer-Encoding does not end in one chunked": (400, get(b"Transfer-Encoding: gzip\r\n")),
    "a transfer coding besides chunked": (501, get(b"Transfer-Encoding: gzip, chunked\r\n")),
    "an upgrade with a body": (
        400,
        get(b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n"),
    ),
    "the request goes round in a loop": (508, get(b"Via: 1.1 lbtwist, 1.1 lbtwist\r\n")),
}
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
RESPONSES = {
    "not a response": (b"SSH-2.0", None),
    "too many fields": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", None),
    "a 101 that was not asked for": (SWITCH % b"websocket", None),
    "a 101 to something else": (SWITCH % b"h2c", b"websocket"),
}
CHUNKS = {
    "bad chunk size": b"+5\r\n",
    "chunk extension too long": b"5;" + b"a" * 256 + b"\r\n",
    "a chunk that does not end in CRLF": b"1\r\nab",
    "bare CR or LF": b"0\r\nA: b\n",
    "not a field": b"0\r\nA : b\r\n\r\n",
    "trailers too large": b"0\r\n" + b"A: b\r\n" * MAX_TRAILERS,
}


def said(call: Callable[[], object]) -> tuple[int, str]:
    """The status and the reason that it is refused with."""
    with pytest.raises(BadMessage) as caught:
        call()
    assert str(caught.value) == f"{caught.value.reason} ({caught.value.status})"
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize("reason", REQUESTS)
def test_of_requests(reason: str) -> None:
    status, data = REQUESTS[reason]
    assert said(lambda: parse_request_head(data, strict_path=True)) == (status, reason)


@pytest.mark.parametrize("reason", RESPONSES)
def test_of_responses(reason: str) -> None:
    """Whose fault it was is said where what is shared with requests was wrong."""
    data, upgrade = RESPONSES[reason]
    expected = 502, f"from a server: {reason}"
    assert said(lambda: parse_response_head(data, b"GET", upgrade)) == expected


@pytest.mark.parametrize("reason", CHUNKS)
@pytest.mark.parametrize("blame", [400, 502])
def test_of_chunks(reason: str, blame: int) -> None:
    assert said(lambda: body_reader(CHUNKED, blame).feed(CHUNKS[reason])) == (blame, reason)


@pytest.mark.parametrize("blame", [400, 502])
def test_of_bodies_that_are_cut_off(blame: int) -> None:
    counted, chunked = body_reader(Framing(Kind.LENGTH, 5), blame), body_reader(CHUNKED, blame)
    assert said(counted.end) == (blame, "the connection ended in a body")
    assert said(chunked.end) == (blame, "the connection ended in a chunked body")


@pytest.mark.parametrize("coding", [b"X, chunkedX", b"Xchunked", b"chunked\xa0"])
def test_what_is_nearly_chunked_is_not(coding: bytes) -> None:
    data = get(b"Transfer-Encoding: " + coding + b"\r\n")
    assert said(lambda: parse_request_head(data)) == (400, "Transfer-Encoding does not end in one chunked")


def test_of_fields_alone() -> None:
    assert said(lambda: checked_fields(b"\r\nA : b")) == (400, "not a field")
    assert said(lambda: checked_fields(b"\r\nA: b" * 101)) == (431, "too many fields")


def test_of_a_host_beside_the_target() -> None:
    target = Target(b"/", b"/", b"http", b"a")
    assert said(lambda: refuse_other_host(target, b"u@a")) == (400, "bad host")
