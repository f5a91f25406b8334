"""Requests of which it is known what must become of them: from lists of others, and from our own tests."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from tests.wire.test_body import BAD, BODIES
from tests.wire.test_request_head import ACCEPTED, REFUSED

HOST = b"Host: a.example\r\n"
CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"


class Fate(Enum):
    """What must become of a request."""

    PASSED = "it is answered by the server"
    KEPT_OUT = "nothing of it reaches a server"
    CUT_OFF = "a server may see its beginning, and never a whole request"


class Case(NamedTuple):
    """A request and its fate."""

    name: str
    data: bytes
    fate: Fate
    whole: bytes = b""
    """Of one that is passed, the body that the server gets."""


def _post(lines: bytes, body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\n" + lines + b"\r\n" + body


def _parsers() -> list[Case]:
    """Those that the parsers' tests have, with a body where they declare one."""
    out = [Case(name, data, Fate.KEPT_OUT) for name, (data, _) in REFUSED.items()]
    unfinished = ("the largest length",)
    passed = [(name, data) for name, data in ACCEPTED.items() if name not in unfinished]
    for name, data in passed:
        body = b"hello" if b"ontent-Length: " in data else b""
        framed = b"5\r\nhello\r\n0\r\n\r\n" if b"Chunked" in data else body
        out.append(Case(name, data + framed, Fate.PASSED, b"hello" if framed else b""))
    out += [Case(f"chunks: {b!r}", _post(CHUNKED, b), Fate.PASSED, BODIES[b][0]) for b in BODIES]
    out += [Case(f"chunks with {name}", _post(CHUNKED, bad[1]), Fate.CUT_OFF) for name, bad in BAD.items()]
    return out


PASSED = {
    "HEAD": (b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "a body with a GET": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "Expect": (_post(HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"abc"), b"abc"),
    "a request in a body": (_post(HOST + b"Content-Length: %d\r\n" % len(NEXT), NEXT), NEXT),
    "a request in a chunk": (
        _post(CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(NEXT), NEXT)),
        NEXT,
    ),
    "one byte in each chunk": (_post(CHUNKED, b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"), b"a" * 20_000),
    "trailers that frame": (
        _post(CHUNKED, b"1\r\na\r\n0\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\nHost: b\r\n\r\n"),
        b"a",
    ),
    "trailers with credentials": (
        _post(CHUNKED, b"1\r\na\r\n0\r\nAuthorization: x\r\nCookie: a\r\nX-T: a\r\n\r\n"),
        b"a",
    ),
    "Connection names a field": (b"GET / HTTP/1.1\r\n" + HOST + b"Connection: X-A\r\nX-A: b\r\n\r\n", b""),
    "h2c with a body": (
        _post(HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 1\r\n", b"a"),
        b"a",
    ),
    "100 fields": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 99 + b"\r\n", b""),
    "a field with _": (b"GET / HTTP/1.1\r\n" + HOST + b"X_Forwarded_For: 6.6.6.6\r\n\r\n", b""),
    "HTTP/1.0 with keep-alive": (b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n", b""),
}
KEPT_OUT = {
    "101 fields": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 100 + b"\r\n",
    "a head without end": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40_000,
    "a line without end": b"GET /" + b"a" * 10_000,
    "a head that stops": b"GET / HTTP/1.1\r\n" + HOST,
    "a target of 9 KiB": b"GET /" + b"a" * 9216 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "empty lines only": b"\r\n" * 100,
    "NUL only": b"\0" * 100,
    "chunked with obs-text": _post(HOST + b"Transfer-Encoding: chunked\xa0\r\n", b"0\r\n\r\n"),
    "chunked with a long s": _post(HOST + "Transfer-Encoding: chunked\u017f\r\n".encode(), b"0\r\n\r\n"),
    "a length and a form feed": _post(HOST + b"Content-Length: 3\x0c\r\n", b"abc"),
    "both, one hidden by a folded line": _post(
        HOST + b"X: a\r\n Content-Length: 3\r\nContent-Length: 5\r\n", b"abcde"
    ),
    "a field before Host that is folded": b"GET / HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n",
    "websocket with a body": b"GET / HTTP/1.1\r\n"
    + HOST
    + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
}
CUT_OFF = {
    "a body that stops": _post(HOST + b"Content-Length: 10\r\n", b"abc"),
    "chunks that stop": _post(CHUNKED, b"3\r\nabc\r\n"),
    "a chunk that stops": _post(CHUNKED, b"5\r\nabc"),
    "no end of the trailers": _post(CHUNKED, b"0\r\nX-T: a\r\n"),
    "trailers without end": _post(CHUNKED, b"0\r\n" + b"X-T: a\r\n" * 2000),
    "a folded trailer": _post(CHUNKED, b"0\r\nX-T: a\r\n b\r\n\r\n"),
    "NUL in a trailer": _post(CHUNKED, b"0\r\nX-T: \0\r\n\r\n"),
    "white space before the colon of a trailer": _post(CHUNKED, b"0\r\nX-T : a\r\n\r\n"),
    "a size of 64 bits and one more": _post(CHUNKED, b"10000000000000001\r\na\r\n0\r\n\r\n"),
    "the end of a chunk is CR": _post(CHUNKED, b"1\r\na\r0\r\n\r\n"),
    "a chunk that is too long by two": _post(CHUNKED, b"1\r\nabc\r\n0\r\n\r\n"),
    "a chunk with its end counted": _post(CHUNKED, b"3\r\na\r\n0\r\n\r\n"),
}
CASES = [
    *_parsers(),
    *(Case(name, data, Fate.PASSED, body) for name, (data, body) in PASSED.items()),
    *(Case(name, data, Fate.KEPT_OUT) for name, data in KEPT_OUT.items()),
    *(Case(name, data, Fate.CUT_OFF) for name, data in CUT_OFF.items()),
]
