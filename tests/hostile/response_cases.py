"""Responses of servers of which it is known what must become of them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from tests.wire.test_body import BAD, BODIES
from tests.wire.test_response_head import REFUSED


class Fate(Enum):
    """What the client must see of a response."""

    PASSED = "it, and its content"
    REFUSED = "a 502 of the load balancer"
    CUT_OFF = "its head, perhaps, and no end of its content"


class Case(NamedTuple):
    """A response and its fate."""

    name: str
    data: bytes
    fate: Fate
    content: bytes = b""
    closes: bool = False
    """The server closes after it; else it says nothing more, and takes another request."""
    method: bytes = b"GET"
    excess: bool = False
    """There are, or may be, bytes behind it."""


def _ok(lines: bytes = b"", body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
MUCH = POISON * 5000
HELLO = b"Content-Length: 5\r\n"
BYTES = b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"
COOKIES = b"Set-Cookie: a\r\nSet-Cookie: b\r\n"
SWITCH = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"

PASSED = [
    Case("plain", _ok(HELLO, b"hello"), Fate.PASSED, b"hello"),
    Case("no content", _ok(b"Content-Length: 0\r\n"), Fate.PASSED),
    Case("until the end", _ok(b"", b"hello"), Fate.PASSED, b"hello", closes=True),
    Case("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", Fate.PASSED, b"hello", closes=True),
    Case("no reason", _ok(HELLO, b"hello", b"200"), Fate.PASSED, b"hello"),
    Case("204", _ok(b"", b"", b"204 No Content"), Fate.PASSED),
    Case("204 with a length", _ok(HELLO, b"", b"204 No Content"), Fate.PASSED),
    Case("304 with a length", _ok(HELLO, b"", b"304 Not Modified"), Fate.PASSED),
    Case("HEAD", _ok(HELLO), Fate.PASSED, method=b"HEAD"),
    Case("HEAD, chunked", _ok(CHUNKED), Fate.PASSED, method=b"HEAD"),
    Case("103", _ok(b"", b"", b"103 Early Hints") + _ok(HELLO, b"hello"), Fate.PASSED, b"hello"),
    Case("a flood of 1xx", _ok(b"", b"", b"102 ") * 2000 + _ok(HELLO, b"hello"), Fate.PASSED, b"hello"),
    Case("more than was asked", _ok(HELLO, b"hello" + POISON), Fate.PASSED, b"hello", excess=True),
    Case("much more than was asked", _ok(HELLO, b"hello" + MUCH), Fate.PASSED, b"hello", excess=True),
    Case("more than chunks", _ok(CHUNKED, b"0\r\n\r\n" + POISON), Fate.PASSED, excess=True),
    Case("CR LF after it", _ok(HELLO, b"hello\r\n"), Fate.PASSED, b"hello", excess=True),
    Case("HEAD with content", _ok(HELLO, b"hello"), Fate.PASSED, method=b"HEAD", excess=True),
    Case("204 with content", _ok(HELLO, POISON, b"204 No Content"), Fate.PASSED, excess=True),
    Case("304 with content", _ok(b"", POISON, b"304 Not Modified"), Fate.PASSED, excess=True),
    Case("one byte in each chunk", _ok(CHUNKED, BYTES), Fate.PASSED, b"a" * 20_000),
    Case("trailers", _ok(CHUNKED, b"0\r\nContent-Length: 7\r\nSet-Cookie: a\r\nX-T: a\r\n\r\n"), Fate.PASSED),
    Case("Set-Cookie twice", _ok(COOKIES + HELLO, b"hello"), Fate.PASSED, b"hello"),
    *(Case(f"chunks: {b!r}", _ok(CHUNKED, b), Fate.PASSED, BODIES[b][0]) for b in BODIES),
]  # fmt: skip
REFUSED_HERE = [
    *(Case(name, data, Fate.REFUSED, closes=True) for name, data in REFUSED.items()),
    Case("nothing", b"", Fate.REFUSED, closes=True),
    Case("the beginning of a head", b"HTTP/1.1 200 OK\r\nX: a\r\n", Fate.REFUSED, closes=True),
    Case("a 101 not asked for", _ok(SWITCH, b"", b"101 Switching Protocols"), Fate.REFUSED),
    Case("a 101 to h2c", _ok(b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"", b"101 "), Fate.REFUSED),
    Case("a 1xx and its end", _ok(b"", b"", b"103 "), Fate.REFUSED, closes=True),
    Case("a 1xx and no head", _ok(b"", b"", b"103 ") + b"nonsense\r\n\r\n", Fate.REFUSED),
    Case("HTTP/0.9", b"hello, this is all", Fate.REFUSED, closes=True),
    Case("a head without end", _ok(b"X: " + b"a" * 70_000), Fate.REFUSED),
    Case("1000 fields", _ok(b"X: a\r\n" * 1000), Fate.REFUSED),
    Case("lengths that differ", _ok(HELLO + b"Content-Length: 6\r\n", b"hello!"), Fate.REFUSED),
    Case("a list of lengths", _ok(b"Content-Length: 5, 5\r\n", b"hello"), Fate.REFUSED),
    Case("a length and chunks", _ok(HELLO + CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"), Fate.REFUSED),
    Case("Content_Length", _ok(b"Content_Length: 5\r\n", b"hello"), Fate.REFUSED),
    Case("a split value", _ok(b"Location: /a\rSet-Cookie: a=b\r\n" + HELLO, b"hello"), Fate.REFUSED),
    Case("a split value, by LF", _ok(b"Location: /a\nSet-Cookie: a=b\r\n" + HELLO, b"hello"), Fate.REFUSED),
    Case("ESC in a value", _ok(b"X: \x1b[2J\r\n" + HELLO, b"hello"), Fate.REFUSED),
    Case("chunked twice", _ok(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), Fate.REFUSED),
    Case("xchunked", _ok(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), Fate.REFUSED),
]  # fmt: skip
CUT_OFF = [
    *(Case(f"chunks with {name}", _ok(CHUNKED, bad[1]), Fate.CUT_OFF) for name, bad in BAD.items()),
    Case("content that is too short", _ok(HELLO, b"hell"), Fate.CUT_OFF, closes=True),
    Case("chunks without an end", _ok(CHUNKED, b"5\r\nhello\r\n"), Fate.CUT_OFF, closes=True),
    Case("a chunk without an end", _ok(CHUNKED, b"5\r\nhel"), Fate.CUT_OFF, closes=True),
    Case("trailers without an end", _ok(CHUNKED, b"0\r\nX-T: a\r\n"), Fate.CUT_OFF, closes=True),
    Case("a folded trailer", _ok(CHUNKED, b"0\r\nX-T: a\r\n b\r\n\r\n"), Fate.CUT_OFF),
]
CASES = [*PASSED, *REFUSED_HERE, *CUT_OFF]
