"""Responses by the thousand, as `request_grammar` makes requests."""

from __future__ import annotations

from random import Random

from tests.hostile.request_grammar import AFTER, CODINGS, CONTENTS, LENGTHS, SIZES, TRAILERS, changed

STATUSES = (b"200 OK",) * 6 + (b"404 Not Found", b"500 ", b"204 No Content", b"304 Not Modified", b"206 \x80")
BAD_STATUSES = (
    b"099 OK", b"600 OK", b"20 OK", b"2000 OK", b"+20 OK", b"", b"200\tOK", b"200 O\0K", b"200 O\rK",
    b"101 Switch", b"0x64", b" 200 OK", b"2OO OK", b"200OK", b"-20 OK", b"\xd9\xa2\xd9\xa0\xd9\xa0 OK",
)  # fmt: skip
VERSIONS = (b"HTTP/1.1",) * 6 + (b"HTTP/1.0",)
BAD_VERSIONS = (
    b"HTTP/1.2",
    b"HTTP/2",
    b"HTTP/2.0",
    b"ICY",
    b"http/1.1",
    b"HTTP/0.9",
    b"HTTP/1.1\t",
    b"",
    b"HTTP/11",
)
FIELDS = (
    b"X-A: b", b"X-Empty:", b"X-Obs: \x80\xff", b"Set-Cookie: a=b", b"Connection: close",
    b"Connection: keep-alive", b"Connection: X-A", b"Keep-Alive: timeout=5", b"Via: 1.0 a", b"Date: now",
    b"Trailer: X-T", b"Location: /x", b"Upgrade: h2c", b"Content-Type: text/plain",
    b"Content-Encoding: gzip", b"Proxy-Connection: close",
)  # fmt: skip
BAD_FIELDS = (
    b"X : a", b": a", b"X", b" folded", b"\tfolded", b"X: a\0b", b"X: a\rb", b"X: a\nb", b"X: \x7f",
    b"X(: a", b"X,Y: a", b"Content_Length: 7", b"Transfer_Encoding: chunked", b"Content-Length : 7",
    b"Transfer-Encoding\t: chunked", b"Connection: Content-Length", b"Connection: \x0bclose",
    b"Upgrade: websocket\r\nConnection: upgrade", b"X: a\r\n\r\nHTTP/1.1 200 OK", b"X: " + b"a" * 9000,
    b"\x80: a", b"Content-Length\x0b: 7",
)  # fmt: skip
BEFORE = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n",
    b"\r\n",
    b"\n",
    b" ",
    b"\0",
)
BEHIND = (b"\r\n", b"\0", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b"0\r\n\r\n")


def response(number: int) -> bytes:
    """The response with this number: always the same one."""
    random = Random(-1 - number)
    trouble = random.choice((0.0, 0.03, 0.08, 0.2))
    data = _response(random, trouble)
    return changed(data, random) if random.random() < 0.3 else data


def _response(random: Random, trouble: float) -> bytes:
    def bad() -> bool:
        return random.random() < trouble

    before = random.choice(BEFORE) if bad() or random.random() < 0.1 else b""
    version = random.choice(BAD_VERSIONS if bad() else VERSIONS)
    status = random.choice(BAD_STATUSES if bad() else STATUSES)
    lines = [random.choice(BAD_FIELDS if bad() else FIELDS) for _ in range(random.choice((0, 1, 1, 2, 4)))]
    framing, body = _body(random, trouble)
    lines += framing
    random.shuffle(lines)
    end = random.choice((b"\n", b"\r", b"\r\r\n")) if bad() else b"\r\n"
    head = version + b" " + status + b"\r\n" + b"".join(line + end for line in lines) + b"\r\n"
    return before + head + body + (random.choice(BEHIND) if bad() else b"")


def _body(random: Random, trouble: float) -> tuple[list[bytes], bytes]:
    content = random.choice(CONTENTS)
    both = random.random() < trouble
    kind = "both" if both else random.choice(("none", "length", "length", "chunked", "chunked"))
    lines, body = [], content
    if kind in ("length", "both"):
        length = random.choice(LENGTHS) if random.random() < trouble else b"%d"
        lines.append(b"Content-Length: " + length.replace(b"%d", b"%d" % len(content)))
    if kind in ("chunked", "both"):
        coding = random.choice(CODINGS) if random.random() < trouble else b"chunked"
        lines.append(b"Transfer-Encoding: " + coding)
        size = random.choice(SIZES) if random.random() < trouble else b"%x"
        after = random.choice(AFTER) if random.random() < trouble else b"\r\n"
        trailers = random.choice(TRAILERS) if random.random() < 0.1 + trouble else b""
        body = size.replace(b"%x", b"%x" % len(content)) + b"\r\n" + content + after if content else b""
        body += b"0\r\n" + trailers + b"\r\n"
    return lines, body
