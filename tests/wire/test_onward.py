"""What goes on: exactly what was routed on, and nothing that concerns one connection."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lbtwist.wire.forwarded import Hop
from lbtwist.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing, Kind
from lbtwist.wire.onward import client_framing, onward_interim, onward_request, onward_response
from lbtwist.wire.request_head import RequestHead, parse_request_head
from lbtwist.wire.response_head import ResponseHead, parse_response_head

HOP = Hop(b"lbtwist", "192.0.2.1", False, b"https", b"203.0.113.1:443", 443)
OURS = [
    b"X-Forwarded-For: 192.0.2.1",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Port: 443",
    b"X-Forwarded-Host: a",
    b"Via: 1.1 lbtwist",
]
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
WEBSOCKET = [b"Connection: upgrade", b"Upgrade: WebSocket"]
UPGRADE = b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *WEBSOCKET, b"", b""])


def request(*lines: bytes, first: bytes = b"GET /a?b HTTP/1.1", host: bytes | None = b"a") -> RequestHead:
    hosts = [] if host is None else [b"Host: " + host]
    answer = parse_request_head(b"\r\n".join([first, *hosts, *lines, b"", b""]))
    assert answer is not None
    return answer[0]


def response(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> ResponseHead:
    answer = parse_response_head(b"\r\n".join([first, *lines, b"", b""]), method, b"websocket")
    assert answer is not None
    return answer[0]


def sent(
    *lines: bytes, hop: Hop = HOP, cookie: bytes = b"", close: bool = False, **options: Any
) -> list[bytes]:
    """The lines that a server gets of a request that has `lines`."""
    return written(onward_request(request(*lines, **options), hop, cookie, close))


def answered(head: ResponseHead, *, asked: RequestHead | None = None, **options: Any) -> list[bytes]:
    asked, options = asked or request(), {"keep_alive": True, **options}
    return written(onward_response(head, asked.version, b"lbtwist", DATE, upgrade=asked.upgrade, **options))


def written(data: bytes) -> list[bytes]:
    assert data.endswith(b"\r\n\r\n")
    return data[:-4].split(b"\r\n")


def test_a_request_of_a_client() -> None:
    assert sent(b"aCCEPT:b ", b"X: y", b"Content-Length: 05") == [
        b"GET /a?b HTTP/1.1",
        b"Host: a",
        b"aCCEPT: b",
        b"X: y",
        *OURS,
        b"Content-Length: 5",
    ]


def test_hop_by_hop_fields_are_dropped() -> None:
    lines = sent(
        b"Connection: close, X-A, x-b",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"TE: trailers",
        b"X-A: 1",
        b"X_B: 2",
        b"X-C: 3",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    assert lines == [b"GET /a?b HTTP/1.1", b"Host: a", b"X-C: 3", *OURS]


def test_a_field_that_is_understood_is_dropped_where_connection_names_it() -> None:
    lines = sent(
        b"Connection: expect, trailer", b"Expect: 100-continue", b"Transfer-Encoding: chunked", b"Trailer: A"
    )
    assert lines == [b"GET /a?b HTTP/1.1", b"Host: a", *OURS, b"Transfer-Encoding: chunked"]


def test_an_upgrade_to_websocket_goes_on() -> None:
    assert sent(*WEBSOCKET, b"Sec-WebSocket-Key: x", close=True) == [
        b"GET /a?b HTTP/1.1",
        b"Host: a",
        b"Sec-WebSocket-Key: x",
        *OURS,
        b"Connection: Upgrade",
        b"Upgrade: websocket",
    ]


def test_the_server_is_told_when_nothing_follows() -> None:
    assert sent(close=True)[-1] == b"Connection: close"


def test_an_expectation_goes_on() -> None:
    lines = [b"Expect: 100-continue", b"Content-Length: 5"]
    assert lines[0] in sent(*lines)
    assert lines[0] not in sent(*lines, first=b"POST / HTTP/1.0")


def test_a_request_in_http_1_0() -> None:
    assert sent(first=b"GET / HTTP/1.0", host=None) == [
        b"GET / HTTP/1.1",
        b"Host: 203.0.113.1:443",
        *OURS[:3],
        b"X-Forwarded-Host: 203.0.113.1:443",
        b"Via: 1.0 lbtwist",
    ]


@pytest.mark.parametrize(
    ("first", "host", "line"),
    [
        (b"GET http://a?b HTTP/1.1", b"a", b"GET /?b HTTP/1.1"),
        (b"GET https://A:8443/b HTTP/1.1", b"a:8443", b"GET /b HTTP/1.1"),
        (b"OPTIONS http://a HTTP/1.1", b"a", b"OPTIONS * HTTP/1.1"),
    ],
)
def test_an_absolute_target_goes_on_as_path_and_host(first: bytes, host: bytes, line: bytes) -> None:
    assert sent(first=first, host=host)[:2] == [line, b"Host: " + host]


def test_via_is_appended() -> None:
    lines = sent(b"Via: 1.0 a, 1.1 b", b"VIA: 1.1 c (x)")
    assert [line for line in lines if line.lower().startswith(b"via")] == [
        b"Via: 1.0 a, 1.1 b, 1.1 c (x), 1.1 lbtwist"
    ]


def test_our_cookie_is_taken_out() -> None:
    lines = sent(b"Cookie: a=b; SID=1", b"Cookie: SID=2", cookie=b"SID")
    assert [line for line in lines if line.startswith(b"Cookie")] == [b"Cookie: a=b"]
    assert b"Cookie: a=b; SID=1" in sent(b"Cookie: a=b; SID=1")


def test_what_a_client_says_of_itself_is_not_believed() -> None:
    told = [
        b"X-Forwarded-For: 1.2.3.4",
        b"x_forwarded_for: 1.2.3.4",
        b"X-Forwarded-Prefix: /a",
        b"Forwarded: for=1.2.3.4",
        b"X-Real-IP: 1.2.3.4",
        b"X_Real_IP: 1.2.3.4",
    ]
    assert sent(*told) == [b"GET /a?b HTTP/1.1", b"Host: a", *OURS]


def test_what_a_trusted_proxy_says_is_kept() -> None:
    trusted = dataclasses.replace(HOP, trusted=True)
    told = [
        b"X-Forwarded-For: 1.2.3.4",
        b"x-forwarded-proto: http",
        b"X-Forwarded-For: ::1",
        b"Forwarded: for=x",
    ]
    assert sent(*told, hop=trusted) == [
        b"GET /a?b HTTP/1.1",
        b"Host: a",
        b"X-Forwarded-Proto: http",
        b"Forwarded: for=x",
        b"X-Forwarded-For: 1.2.3.4, ::1, 192.0.2.1",
        b"X-Forwarded-Port: 443",
        b"X-Forwarded-Host: a",
        b"Via: 1.1 lbtwist",
    ]


def test_a_trailer_is_announced_only_with_chunks_and_without_what_is_dropped() -> None:
    named = b"Trailer: X-Sum, content-length, Cookie"
    assert sent(b"Transfer-Encoding: chunked", named)[-2:] == [
        b"Transfer-Encoding: chunked",
        b"Trailer: X-Sum",
    ]
    assert sent(named) == [b"GET /a?b HTTP/1.1", b"Host: a", *OURS]
    assert sent(b"Transfer-Encoding: chunked", b"Trailer: Host")[-1] == b"Transfer-Encoding: chunked"


def test_a_response_of_a_server() -> None:
    head = response(
        b"Date: then", b"A:b", b"Set-Cookie: a", b"Set-Cookie: b", b"Content-Length: 05", b"Via: 1.0 c"
    )
    assert answered(head, set_cookie=b"SID=1") == [
        b"HTTP/1.1 200 OK",
        b"A: b",
        b"Set-Cookie: a",
        b"Set-Cookie: b",
        b"Date: then",
        b"Via: 1.0 c, 1.1 lbtwist",
        b"Set-Cookie: SID=1",
        b"Content-Length: 5",
    ]


def test_a_response_without_date_and_in_http_1_0() -> None:
    assert answered(response(b"Content-Length: 0", first=b"HTTP/1.0 404 Not Found")) == [
        b"HTTP/1.1 404 Not Found",
        b"Date: " + DATE,
        b"Via: 1.0 lbtwist",
        b"Content-Length: 0",
    ]


def test_hop_by_hop_fields_of_a_response_are_dropped() -> None:
    head = response(
        b"Connection: close, x-a, date",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: close",
        b"Upgrade: h2",
        b"X-A: 1",
        b"Date: then",
        b"Content-Length: 5",
    )
    common = [b"HTTP/1.1 200 OK", b"Date: " + DATE, b"Via: 1.1 lbtwist", b"Content-Length: 5"]
    assert answered(head) == common
    assert answered(head, keep_alive=False) == [*common, b"Connection: close"]


def test_a_client_of_http_1_0_is_told_that_its_connection_stays() -> None:
    old = request(first=b"GET / HTTP/1.0")
    assert answered(response(b"Content-Length: 5"), asked=old)[-1] == b"Connection: keep-alive"
    assert answered(response(b"Content-Length: 5"), asked=old, keep_alive=False)[-1] == b"Connection: close"


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"A: b"])
def test_a_body_without_a_length_goes_on_in_chunks(line: bytes) -> None:
    head = response(line)
    assert answered(head)[-1] == b"Transfer-Encoding: chunked"
    old = answered(head, asked=request(first=b"GET / HTTP/1.0"))
    assert old[-1] == b"Connection: close"
    assert b"Transfer-Encoding: chunked" not in old
    assert not [line for line in old if line.startswith(b"Content-Length")]


def test_framing_for_the_client() -> None:
    length = Framing(Kind.LENGTH, 5)
    for version in (b"1.0", b"1.1"):
        assert client_framing(length, version) == length
        assert client_framing(NO_BODY, version) == NO_BODY
    assert client_framing(UNTIL_CLOSE, b"1.1") == client_framing(CHUNKED, b"1.1") == CHUNKED
    assert client_framing(UNTIL_CLOSE, b"1.0") == client_framing(CHUNKED, b"1.0") == UNTIL_CLOSE


@pytest.mark.parametrize(
    ("method", "first", "kept"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK", True),
        (b"GET", b"HTTP/1.1 304 Not Modified", True),
        (b"GET", b"HTTP/1.1 204 No Content", False),
    ],
)
def test_the_length_of_a_body_that_is_not_there(method: bytes, first: bytes, kept: bool) -> None:
    lines = answered(response(b"Content-Length: 5", first=first, method=method))
    assert (b"Content-Length: 5" in lines) is kept
    lines = answered(response(b"Transfer-Encoding: chunked", first=first, method=method))
    assert lines == [first, b"Date: " + DATE, b"Via: 1.1 lbtwist"]


def test_a_101() -> None:
    head = response(*WEBSOCKET, b"Sec-WebSocket-Accept: x", first=b"HTTP/1.1 101 Switching Protocols")
    assert answered(head, asked=request(*WEBSOCKET)) == [
        b"HTTP/1.1 101 Switching Protocols",
        b"Sec-WebSocket-Accept: x",
        b"Date: " + DATE,
        b"Via: 1.1 lbtwist",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
    ]


def test_another_answer_to_an_upgrade_has_none() -> None:
    head = response(*WEBSOCKET, b"Content-Length: 5")
    assert answered(head, asked=request(*WEBSOCKET))[-1] == b"Content-Length: 5"


def test_an_interim_response() -> None:
    head = response(
        b"Link: a", b"Content-Length: 5", b"Connection: x", b"X: y", first=b"HTTP/1.1 103 Early Hints"
    )
    assert written(onward_interim(head, b"lbtwist")) == [
        b"HTTP/1.1 103 Early Hints",
        b"Link: a",
        b"Via: 1.1 lbtwist",
    ]
