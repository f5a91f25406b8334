"""Responses: checked as strictly as requests, and refused with 502 however they were cut."""

from __future__ import annotations

import pytest

from lbtwist.errors import BadMessage
from lbtwist.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing, Kind
from lbtwist.wire.response_head import ResponseHead, parse_response_head
from tests.wire.cuttings import cuttings, one_by_one, parsed, refusal, refusals


def answering(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return first + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def to_get(data: bytes) -> tuple[ResponseHead, bytes] | None:
    return parse_response_head(data, b"GET")


def to_websocket(data: bytes) -> tuple[ResponseHead, bytes] | None:
    return parse_response_head(data, b"GET", b"websocket")


def head_of(data: bytes, method: bytes = b"GET") -> ResponseHead:
    answer = parse_response_head(data, method, b"websocket")
    assert answer is not None
    assert answer[1] == b""
    return answer[0]


SWITCH = [b"Connection: Upgrade", b"Upgrade: websocket"]
REFUSED = {
    "Content-Length twice": answering(b"Content-Length: 5", b"Content-Length: 5"),
    "a bad Content-Length": answering(b"Content-Length: +5"),
    "both": answering(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "another coding": answering(b"Transfer-Encoding: gzip, chunked"),
    "not chunked": answering(b"Transfer-Encoding: gzip"),
    "chunked in HTTP/1.0": answering(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK"),
    "white space before the colon": answering(b"A : b"),
    "an empty name": answering(b": b"),
    "a folded line": answering(b"A: b", b" c"),
    "a bare LF": b"HTTP/1.1 200 OK\nA: b\r\n\r\n",
    "a bare CR": answering(b"A: b\rc"),
    "NUL": answering(b"A: b\0"),
    "NUL in the reason": answering(first=b"HTTP/1.1 200 O\0K"),
    "Connection names Set-Cookie and Via": answering(b"Connection: set-cookie, via"),
    "Connection names a length": answering(b"Connection: content-length", b"Content-Length: 5"),
    "a status of two digits": answering(first=b"HTTP/1.1 20 OK"),
    "a status of four digits": answering(first=b"HTTP/1.1 2000 OK"),
    "a status with a sign": answering(first=b"HTTP/1.1 +20 OK"),
    "status 600": answering(first=b"HTTP/1.1 600 OK"),
    "status 099": answering(first=b"HTTP/1.1 099 OK"),
    "no status": answering(first=b"HTTP/1.1"),
    "no space": answering(first=b"HTTP/1.1200 OK"),
    "two spaces": answering(first=b"HTTP/1.1  200 OK"),
    "HTTP/2": answering(first=b"HTTP/2 200 OK"),
    "HTTP/1.2": answering(first=b"HTTP/1.2 200 OK"),
    "ICY": answering(first=b"ICY 200 OK"),
    "an empty line first": b"\r\n" + answering(),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "the first line too long": answering(first=b"HTTP/1.1 200 " + b"a" * 8180),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refused_however_it_is_cut(data: bytes) -> None:
    cut = cuttings(data) if len(data) < 1000 else [[data], one_by_one(data)]
    assert {refusal(to_get, pieces) for pieces in cut} == {502}


def test_limits() -> None:
    for lines in ([b"A: " + b"a" * 33000], [b"A: b"] * 101):
        data = answering(*lines)
        assert {refusal(to_get, pieces) for pieces in ([data], one_by_one(data))} == {502}
    assert len(head_of(answering(*[b"A: b"] * 100)).fields) == 100


def test_a_response_is_refused_before_it_is_whole() -> None:
    for data in (b"S", b"HTTP/2", b"HTTP/1.1 200 OK\n"):
        with pytest.raises(BadMessage):
            to_get(data)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        SWITCH[:1],
        SWITCH[1:],
        [b"Connection: Upgrade", b"Upgrade: h2c"],
        [*SWITCH, b"Upgrade: h2c"],
    ],
)
def test_a_101_to_anything_but_websocket_is_refused(lines: list[bytes]) -> None:
    data = answering(*lines, first=b"HTTP/1.1 101 Switching Protocols")
    assert refusals(to_websocket, data) == {502}


def test_a_101_counts_only_where_it_was_asked_for() -> None:
    data = answering(*SWITCH, b"Content-Length: 5", first=b"HTTP/1.1 101 Switching Protocols")
    assert refusals(to_get, data) == {502}
    head = head_of(data)
    assert (head.status, head.framing, head.interim) == (101, NO_BODY, False)
    answer = parsed(to_websocket, [data, b"\x81\x01a"])
    assert answer is not None
    assert answer[1] == b"\x81\x01a"


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found"])
def test_any_other_answer_to_an_upgrade_is_an_ordinary_response(first: bytes) -> None:
    head = head_of(answering(*SWITCH, b"Content-Length: 5", first=first))
    assert head.framing == Framing(Kind.LENGTH, 5)


@pytest.mark.parametrize(
    ("first", "version", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", b"1.1", 200, b"OK"),
        (b"HTTP/1.0 404 Not Found \xe4", b"1.0", 404, b"Not Found \xe4"),
        (b"HTTP/1.1 599 ", b"1.1", 599, b""),
        (b"HTTP/1.1 204", b"1.1", 204, b""),
    ],
)
def test_first_line(first: bytes, version: bytes, status: int, reason: bytes) -> None:
    head = head_of(answering(first=first))
    assert (head.version, head.status, head.reason) == (version, status, reason)


def test_accepted_in_the_same_way_however_it_is_cut() -> None:
    data = answering(b"Date: x", b"A:  b\t", b"Via: 1.1 b", b"Content-Length: 5")
    head = head_of(data)
    assert head.fields == [(b"Date", b"x"), (b"A", b"b"), (b"Via", b"1.1 b"), (b"Content-Length", b"5")]
    assert head.plain == [(b"A", b"b")]
    for pieces in cuttings(data):
        assert parsed(to_get, [*pieces, b"rest"]) == (head, b"rest")


LENGTH = Framing(Kind.LENGTH, 5)


@pytest.mark.parametrize(
    ("method", "status", "line", "framing"),
    [
        (b"GET", b"200", b"Content-Length: 5", LENGTH),
        (b"GET", b"200", b"Transfer-Encoding: chunked", CHUNKED),
        (b"GET", b"200", b"A: b", UNTIL_CLOSE),
        (b"GET", b"500", b"A: b", UNTIL_CLOSE),
        (b"GET", b"205", b"Content-Length: 5", LENGTH),
        (b"HEAD", b"200", b"Content-Length: 5", NO_BODY),
        (b"HEAD", b"200", b"Transfer-Encoding: chunked", NO_BODY),
        (b"HEAD", b"200", b"A: b", NO_BODY),
        (b"GET", b"100", b"Content-Length: 5", NO_BODY),
        (b"GET", b"103", b"Transfer-Encoding: chunked", NO_BODY),
        (b"GET", b"204", b"Content-Length: 5", NO_BODY),
        (b"GET", b"304", b"Content-Length: 5", NO_BODY),
        (b"CONNECT", b"200", b"Content-Length: 5", NO_BODY),
        (b"CONNECT", b"400", b"Content-Length: 5", LENGTH),
    ],
)
def test_which_responses_have_a_body(method: bytes, status: bytes, line: bytes, framing: Framing) -> None:
    head = head_of(answering(line, first=b"HTTP/1.1 " + status), method)
    assert head.framing == framing
    assert head.length == (5 if line.startswith(b"Content") else None)
    assert head.interim is (status < b"200")


@pytest.mark.parametrize(
    ("first", "lines", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5"], True),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 5", b"Connection: close"], False),
        (b"HTTP/1.1 200 OK", [], False),
        (b"HTTP/1.1 204 No Content", [], True),
        (b"HTTP/1.0 200 OK", [b"Content-Length: 5"], False),
        (b"HTTP/1.0 200 OK", [b"Content-Length: 5", b"Connection: keep-alive"], True),
        (b"HTTP/1.0 200 OK", [b"Connection: keep-alive"], False),
    ],
)
def test_whether_the_server_takes_another_request(first: bytes, lines: list[bytes], keep_alive: bool) -> None:
    assert head_of(answering(*lines, first=first)).keep_alive is keep_alive


def test_what_is_shown_of_a_head_has_no_secret() -> None:
    assert repr(head_of(answering(b"Set-Cookie: Secret"))) == "<ResponseHead 200 with 1 fields>"
