"""Requests by the thousand: valid in most places, hostile in a few, and then perhaps with bytes changed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH")
BAD_METHODS = (
    b"TRACE",
    b"CONNECT",
    b"get",
    b"",
    b"GE T",
    b"GET\t",
    b"\0GET",
    b"G\x80T",
    b"(GET)",
    b" GET",
    b"PRI",
    b"Head",
    b"connect",
)
TARGETS = (
    b"/",
    b"/a/b?c=d",
    b"/a%2fb",
    b"/%00",
    b"/a;b=c",
    b"//a//b",
    b"/?",
    b"http://a.example/x",
    b"/a|b{}",
)
BAD_TARGETS = (
    b"", b"*", b"a", b"/a b", b"/a#b", b"/\x01", b"/\x7f", b"/\x80", b"/a\\b", b"\\", b"?a", b"@b", b",",
    b"/a\tb", b"http://b.example/", b"http://a.example@b.example/", b"http://a.example,b.example/",
    b"https:///x", b"ftp://a.example/", b"http:a.example/", b"//a.example@b", b"http://a.example\\@b/",
    b"a.example:80", b"http://a.example:080/", b"http://[::1]/", b"http://a.example:99999/", b"/a\r",
    b"/\xe2\x80\xa8", b"/./../x",
)  # fmt: skip
VERSIONS = (b"HTTP/1.1",) * 8 + (b"HTTP/1.0",)
BAD_VERSIONS = (
    b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.01", b"HTTP/1,1", b"http/1.1", b"HTTP/ 1.1",
    b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTP/11.1", b"HTTP/+1.1", b"HTTP/1.", b"", b"ICY/1.1", b"HTTP/1.1x",
    b"HTTP/1.1\0",
)  # fmt: skip
FIELDS = (
    b"X-A: b", b"Accept: */*", b"X-Empty:", b"X-Tab:\ta\t", b"X-Obs: \x80\xff", b"Cookie: a=b; SERVERID=1",
    b"TE: x", b"Connection: close", b"Connection: keep-alive", b"Connection: X-A", b"Keep-Alive: 5",
    b"Via: 1.0 a, 1.1 b (c)", b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4", b"X-Real-IP: 1.2.3.4",
    b"Trailer: X-T", b"Max-Forwards: 0", b"Range: bytes=0-1,2-3", b"Upgrade: h2c",
    b"Proxy-Connection: close", b"Expect: 100-continue",
)  # fmt: skip
BAD_FIELDS = (
    b"Connection: Host", b"Connection: Content-Length", b"Connection: X-Forwarded-For",
    b"Connection: Cookie", b"Connection: Transfer-Encoding", b"Connection: close, \x0bx", b"Connection: Via",
    b"Connection: content_length", b"X : a", b": a", b"X", b"X\t: a", b" X: a", b"\tfolded", b"X: a\0b",
    b"X: a\rb", b"X: a\nb", b"X: a\x08", b"X:\x0ba", b"X: a\x7f", b"\x80: a", b"X\0: a", b"X(: a", b"X,Y: a",
    b"X Y: a", b"Host: b.example", b"Host:", b"Host: a@b", b"Host: a, b", b"Content_Length: 7",
    b"Transfer_Encoding: chunked", b"X-Forwarded_For: 6.6.6.6", b"x_real_ip: 6", b"Expect: 200-ok",
    b"Expect: 100-continue, x", b"Upgrade: websocket\r\nConnection: upgrade",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA", b"Content-Length : 7",
    b"X: " + b"a" * 9000, b"Transfer-Encoding : chunked", b"Content-Length\x0b: 7", b"X: a\r\n\x0b: b",
    b"Trailer: Content-Length",
)  # fmt: skip
LENGTHS = (
    b"+%d", b"-%d", b"%d,%d", b"%d %d", b"0x%d", b"%d_0", b"%d.0", b"%de1", b" %d\t", b"0%d",
    b"00000000000000000000%d", b"\x0b%d", b"%d\x0c", b"\xc2\xa0%d", b"\xd9\xa5%d", b"%d;a", b"'%d'",
    b"\"%d\"", b"9223372036854775808", b"", b"18446744073709551617", b"%d\0", b"%d\r", b"%dL",
    b"%d\r\nContent-Length: %d", b"%d\r\ncontent-length: 9",
)  # fmt: skip
CODINGS = (
    b"xchunked", b"chunked, chunked", b"chunked, identity", b"identity", b"gzip, chunked", b"chunked;a=b",
    b"\"chunked\"", b"chunked,", b",chunked", b"\x0bchunked", b"chunked\x0c", b"chun\0ked", b"CHUNKED",
    b" chunked ", b"chunked\t", b"chunked\r\nTransfer-Encoding: x", b"x\r\nTransfer-Encoding: chunked", b"",
    b"chunk", b"chunked\xa0", b"\r\n chunked", b"chunked\r\nContent-Length: 3", b"cow",
    b"chunked\r\nTransfer-Encoding: chunked", b"\xc5\xbfchunked", b"'chunked'",
)  # fmt: skip
SIZES = (
    b"+%x", b"-%x", b"0x%x", b" %x", b"%x ", b"%x\t", b"%x_", b"0%x", b"0000000000000000%x", b"%x;a",
    b"%x;a=b", b"%x;a=\"b\"", b"%x ;a", b"%x;\"", b"%x;a\nb", b"%x;a\rb", b"%x;a=\"\n\"", b"%xg", b"",
    b"%x,", b"%x;" + b"a" * 300, b"\x0b%x", b"%x;;", b"ffffffffffffffff%x", b"%x\0", b"%x;\x80", b"%xL",
    b"%x.0", b"%x;a=\"\\\"", b"100000000000000%x",
)  # fmt: skip
AFTER = (b"", b"\n", b"\r", b"\r\n\r\n", b"x\r\n", b"\n\r", b" \r\n", b"\0\0", b"ab")
TRAILERS = (
    b"X-T: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n",
    b"Authorization: x\r\n", b"X-Forwarded-For: 6\r\n", b"X : a\r\n", b"X: a\0\r\n", b"X: a\n",
    b" folded\r\n", b": a\r\n", b"X\r\n", b"X: a\rb\r\n", b"Content_Length: 5\r\n", b"Cookie: a=b\r\n",
    b"Connection: close\r\n", b"X-T: " + b"a" * 9000 + b"\r\n",
)  # fmt: skip
CONTENTS = (
    b"",
    b"a",
    b"abc",
    b"0\r\n\r\n",
    b"GET /in HTTP/1.1\r\nHost: in\r\n\r\n",
    b"\0\xff\r\n",
    b"x" * 300,
)
PIECES = (
    *(bytes([byte]) for byte in b"\r\n\t\0\x0b\x7f\x80 :;,#@\\/.0159afx+-_\"'"), b"\r\n", b"\n ", b"\r\n ",
    b"\r\n\t", b"\n\n", b"\r\n\r\n", b"chunked", b"0\r\n\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1c", b"\xa0",
    b"HTTP/1.1", b"GET / HTTP/1.1\r\nHost: b\r\n\r\n",
)  # fmt: skip


def request(number: int) -> bytes:
    """The request with this number: always the same one."""
    random = Random(number)
    trouble = random.choice((0.0, 0.04, 0.04, 0.1))
    data = _request(random, trouble)
    if random.random() < 0.25:
        data += _request(random, trouble)
    if random.random() < 0.35:
        data = changed(data, random)
    return data


def changed(data: bytes, random: Random) -> bytes:
    """With one to three changes: bytes put in, put in for others, taken out, or doubled."""
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(data))
        end = at + random.choice((0, 0, 1, 2, 6))
        doubled = data[at : at + random.randint(0, 20)]
        data = data[:at] + random.choice((random.choice(PIECES), b"", doubled)) + data[end:]
    return data


def _request(random: Random, trouble: float) -> bytes:
    def one(good: Sequence[bytes], bad: Sequence[bytes]) -> bytes:
        return random.choice(bad if random.random() < trouble else good)

    lines = [b"Host: a.example"] if random.random() >= trouble else []
    lines += [one(FIELDS, BAD_FIELDS) for _ in range(random.choice((0, 0, 1, 1, 2, 4)))]
    framing, body = _body(random, trouble)
    lines += framing
    random.shuffle(lines)
    space = one((b" ",), (b"", b"  ", b"\t", b"\x0b", b"\r", b"\0", b"\xa0"))
    end = one((b"\r\n",), (b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\r\n\r\n"))
    first = (
        one(METHODS, BAD_METHODS) + space + one(TARGETS, BAD_TARGETS) + space + one(VERSIONS, BAD_VERSIONS)
    )
    before = one((b"",), (b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\0", b"\xef\xbb\xbf", b"\r"))
    return before + first + b"\r\n" + b"".join(line + end for line in lines) + b"\r\n" + body


def _body(random: Random, trouble: float) -> tuple[list[bytes], bytes]:
    """The fields that frame it, and the body."""
    content = random.choice(CONTENTS)
    kind = random.choice(
        ("none", "none", "length", "chunked", "both" if random.random() < trouble else "length")
    )
    lines, body = [], b""
    if kind in ("length", "both"):
        length = random.choice(LENGTHS) if random.random() < trouble else b"%d"
        lines.append(b"Content-Length: " + _filled(length, len(content)))
        body = content
    if kind in ("chunked", "both"):
        coding = random.choice(CODINGS) if random.random() < trouble else b"chunked"
        lines.append(b"Transfer-Encoding: " + coding)
        body = _chunks(content, random, trouble)
    return lines, body


def _filled(form: bytes, number: int) -> bytes:
    return form.replace(b"%d", b"%d" % number).replace(b"%x", b"%x" % number)


def _chunks(content: bytes, random: Random, trouble: float) -> bytes:
    cut = random.randint(0, len(content))
    body = b""
    for piece in filter(None, (content[:cut], content[cut:])):
        size = random.choice(SIZES) if random.random() < trouble else b"%x"
        after = random.choice(AFTER) if random.random() < trouble else b"\r\n"
        body += _filled(size, len(piece)) + b"\r\n" + piece + after
    last = random.choice((b"00", b"0;a=b", b"0 ", b"", b"-0", b"0x0")) if random.random() < trouble else b"0"
    trailers = random.choice(TRAILERS) if random.random() < 0.1 + trouble else b""
    return body + last + b"\r\n" + trailers + b"\r\n"
