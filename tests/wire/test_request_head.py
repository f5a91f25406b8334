"""Requests: what is read of them, and that whatever is refused is refused however it was cut."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.errors import BadMessage
from lbtwist.wire.framing import CHUNKED, NO_BODY, Framing, Kind
from lbtwist.wire.request_head import RequestHead, parse_request_head
from tests.wire.cuttings import cuttings, one_by_one, parsed, refusal, refusals

HOST = b"Host: a.example\r\n"


def get(*lines: bytes, first: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> bytes:
    return first + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def asking(target: bytes, host: bytes = HOST, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return get(first=b"%b %b HTTP/%b" % (method, target, version), host=host)


def head_of(data: bytes, **options: Any) -> RequestHead:
    answer = parse_request_head(data, **options)
    assert answer is not None
    assert answer[1] == b""
    return answer[0]


REFUSED = {
    "Content-Length twice": (get(b"Content-Length: 5", b"Content-Length: 6"), 400),
    "Content-Length twice, and equal": (get(b"Content-Length: 5", b"Content-Length: 5"), 400),
    "Content-Length twice in one field": (get(b"Content-Length: 5, 5"), 400),
    "Content-Length with plus": (get(b"Content-Length: +5"), 400),
    "Content-Length with minus": (get(b"Content-Length: -5"), 400),
    "Content-Length with _": (get(b"Content-Length: 5_0"), 400),
    "Content-Length in hexadecimal": (get(b"Content-Length: 0x5"), 400),
    "Content-Length with a letter": (get(b"Content-Length: 5a"), 400),
    "Content-Length with a space": (get(b"Content-Length: 5 0"), 400),
    "Content-Length with a vertical tab": (get(b"Content-Length: \x0b5"), 400),
    "Content-Length in other digits": (get("Content-Length: ٥".encode()), 400),
    "Content-Length with a no-break space": (get(b"Content-Length: \xa05"), 400),
    "Content-Length without a value": (get(b"Content-Length:"), 400),
    "Content-Length of 20 digits": (get(b"Content-Length: " + b"0" * 19 + b"5"), 400),
    "Content-Length over 63 bits": (get(b"Content-Length: 9223372036854775808"), 400),
    "Content_Length": (get(b"Content_Length: 5"), 400),
    "Transfer_Encoding": (get(b"Transfer_Encoding: chunked"), 400),
    "both": (get(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400),
    "both, the other way": (get(b"transfer-encoding: chunked", b"content-length: 5"), 400),
    "both, another coding": (get(b"Content-Length: 5", b"Transfer-Encoding: gzip, chunked"), 400),
    "chunked is not the last": (get(b"Transfer-Encoding: chunked, gzip"), 400),
    "not chunked": (get(b"Transfer-Encoding: gzip"), 400),
    "identity": (get(b"Transfer-Encoding: identity"), 400),
    "chunked twice": (get(b"Transfer-Encoding: chunked, chunked"), 400),
    "chunked in two fields": (get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "xchunked": (get(b"Transfer-Encoding: xchunked"), 400),
    "chunked in quotes": (get(b'Transfer-Encoding: "chunked"'), 400),
    "chunked with a parameter": (get(b"Transfer-Encoding: chunked;a=b"), 400),
    "chunked and nothing": (get(b"Transfer-Encoding: chunked,"), 400),
    "nothing and chunked": (get(b"Transfer-Encoding: ,chunked"), 400),
    "chunked after a vertical tab": (get(b"Transfer-Encoding: \x0bchunked"), 400),
    "no coding": (get(b"Transfer-Encoding:"), 400),
    "chunked in HTTP/1.0": (get(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0"), 400),
    "another coding": (get(b"Transfer-Encoding: gzip, chunked"), 501),
    "another coding in a field of its own": (
        get(b"Transfer-Encoding: x", b"Transfer-Encoding: chunked"),
        501,
    ),
    "white space before the colon": (get(b"A : b"), 400),
    "a tab before the colon": (get(b"Content-Length\t: 5"), 400),
    "an empty name": (get(b": b"), 400),
    "no colon": (get(b"A"), 400),
    "a name with a space": (get(b"A b: c"), 400),
    "a name in quotes": (get(b'"A": c'), 400),
    "a name with a slash": (get(b"A/b: c"), 400),
    "a name that is not ASCII": (get(b"\xc4: c"), 400),
    "a name with a control byte": (get(b"A\x01: c"), 400),
    "a folded line": (get(b"A: b", b" c"), 400),
    "a line folded with a tab": (get(b"A: b", b"\tc"), 400),
    "a folded first line": (get(b" A: b", host=b""), 400),
    "a folded Content-Length": (get(b"Content-Length:", b" 5"), 400),
    "a bare LF after a field": (b"GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n", 400),
    "a bare LF after the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF alone": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a bare LF as the empty line": (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    "a bare CR in a value": (get(b"A: b\rc"), 400),
    "CR twice": (get(b"A: b\r"), 400),
    "a bare CR as the empty line": (b"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", 400),
    "NUL in a value": (get(b"A: b\0c"), 400),
    "a vertical tab in a value": (get(b"A: b\x0bc"), 400),
    "a form feed in a value": (get(b"A: \x0c"), 400),
    "ESC in a value": (get(b"A: \x1b[2J"), 400),
    "DEL in a value": (get(b"A: b\x7f"), 400),
    "no Host": (get(host=b""), 400),
    "an empty Host": (get(host=b"Host:\r\n"), 400),
    "two Hosts": (get(b"host: a.example"), 400),
    "two Hosts in HTTP/1.0": (get(b"host: b", first=b"GET / HTTP/1.0"), 400),
    "a list of hosts": (get(host=b"Host: a, b\r\n"), 400),
    "a comma in Host": (get(host=b"Host: a,b\r\n"), 400),
    "a user in Host": (get(host=b"Host: u@a\r\n"), 400),
    "a slash in Host": (get(host=b"Host: a/b\r\n"), 400),
    "a backslash in Host": (get(host=b"Host: a\\b\r\n"), 400),
    "a space in Host": (get(host=b"Host: a b\r\n"), 400),
    "an escape in Host": (get(host=b"Host: a%2eb\r\n"), 400),
    "# in Host": (get(host=b"Host: a#b\r\n"), 400),
    "? in Host": (get(host=b"Host: a?b\r\n"), 400),
    "a port without a host": (get(host=b"Host: :80\r\n"), 400),
    "a port that is no number": (get(host=b"Host: a:http\r\n"), 400),
    "a port with a sign": (get(host=b"Host: a:+80\r\n"), 400),
    "a port of six digits": (get(host=b"Host: a:080080\r\n"), 400),
    "two ports": (get(host=b"Host: a:80:80\r\n"), 400),
    "an IPv6 address without brackets": (get(host=b"Host: ::1\r\n"), 400),
    "an IPv6 address with a scope": (get(host=b"Host: [fe80::1%25eth0]\r\n"), 400),
    "a bracket alone": (get(host=b"Host: [::1\r\n"), 400),
    "a host that is not ASCII": (get(host="Host: ä\r\n".encode()), 400),
    "# in the target": (asking(b"/a#b"), 400),
    "# in the query": (asking(b"/a?b#c"), 400),
    "a backslash in the path": (asking(b"/a\\b"), 400),
    "a space in the target": (asking(b"/a b"), 400),
    "a tab in the target": (asking(b"/a\tb"), 400),
    "NUL in the target": (asking(b"/a\0b"), 400),
    "DEL in the target": (asking(b"/a\x7f"), 400),
    "bytes that are not ASCII in the target": (asking("/ä".encode()), 400),
    "no slash": (asking(b"a"), 400),
    "a query alone": (asking(b"?a"), 400),
    "no target": (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space too many": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space at the end of the line": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    "a space before the method": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a tab for a space": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "* without OPTIONS": (asking(b"*"), 400),
    "an authority without CONNECT": (asking(b"a.example:80"), 400),
    "a scheme that is not ours": (asking(b"ftp://a.example/"), 400),
    "an authority with OPTIONS": (asking(b"a.example:80", method=b"OPTIONS"), 400),
    "a user in the target": (asking(b"http://u@a.example/"), 400),
    "a user and a password": (asking(b"http://u:p@a.example/"), 400),
    "a comma in the authority": (asking(b"http://a.example,b/"), 400),
    "a backslash in the authority": (asking(b"http://a.example\\b/"), 400),
    "no authority": (asking(b"http:///"), 400),
    "a port alone": (asking(b"http://:80/"), 400),
    "another host than Host": (asking(b"http://b.example/"), 400),
    "another port than Host": (asking(b"http://a.example:8080/"), 400),
    "the port of https": (asking(b"https://a.example/", host=b"Host: a.example:80\r\n"), 400),
    "absolute without Host": (asking(b"http://a.example/", host=b""), 400),
    "a method that is no token": (asking(b"/", method=b"G(T"), 400),
    "a method in quotes": (asking(b"/", method=b'"GET"'), 400),
    "no method": (b"/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "TRACE": (asking(b"/", method=b"TRACE"), 405),
    "CONNECT": (asking(b"a.example:443", method=b"CONNECT"), 405),
    "TRACE in other letters": (asking(b"/", method=b"Trace"), 405),
    "CONNECT in other letters": (asking(b"/", method=b"connect"), 405),
    "HEAD in other letters": (asking(b"/", method=b"head"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2.0": (asking(b"/", version=b"2.0"), 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (asking(b"/", version=b"1.2"), 505),
    "HTTP/0.9 by name": (asking(b"/", version=b"0.9"), 505),
    "HTTP/1.10": (asking(b"/", version=b"1.10"), 400),
    "HTTP/11": (asking(b"/", version=b"11"), 400),
    "HTTP/01.1": (asking(b"/", version=b"01.1"), 400),
    "http in small letters": (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    "a TLS ClientHello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "two empty lines": (b"\r\n\r\n" + get(), 400),
    "an empty line of LF": (b"\n" + get(), 400),
    "websocket with a length": (
        get(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 5"),
        400,
    ),
    "websocket with chunks": (
        get(b"Connection: upgrade", b"Upgrade: websocket", b"Transfer-Encoding: chunked"),
        400,
    ),
    "Connection that is no list": (get(b"Connection: close; keep-alive"), 400),
    "Connection in quotes": (get(b'Connection: "close"'), 400),
    "our name twice": (get(b"Via: 1.1 lbtwist, 1.1 other, 1.1 lbtwist"), 508),
    "our name in two fields": (get(b"Via: 1.0 LBTWIST (x)", b"via: HTTP/1.1 lbtwist"), 508),
}
for _name in (
    b"Host",
    b"content-length",
    b"Transfer-Encoding",
    b"Cookie",
    b"Authorization",
    b"Via",
    b"X-Forwarded-For",
    b"x-forwarded-anything",
    b"X_Forwarded_For",
    b"Forwarded",
    b"X-Real-IP",
):
    REFUSED[f"Connection: {_name.decode()}"] = get(b"Connection: close, " + _name), 400
    REFUSED[f"Connection in two fields: {_name.decode()}"] = (
        get(b"Connection: close", b"connection:\t" + _name),
        400,
    )


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_however_it_is_cut(data: bytes, status: int) -> None:
    assert refusals(parse_request_head, data) == {status}


def test_what_is_told_of_a_refusal_repeats_nothing_of_it() -> None:
    for line in (b"Secret : b", b"Content-Length: Secret", b"Connection: Secret Secret", b"Host: Secret"):
        with pytest.raises(BadMessage) as caught:
            parse_request_head(get(line))
        assert "Secret" not in f"{caught.value} {caught.value.reason}"


CLIMBING = [
    b"/a/../b",
    b"/a/./b",
    b"/..",
    b"/a/..",
    b"/.",
    b"/a/..?b",
    b"/a/%2e%2E/b",
    b"/a/.%2e/b",
    b"/a/%2e/b",
    b"/a%2fb",
    b"/a%2Fb",
    b"/a%5Cb",
    b"/a/..;x/b",
    b"http://a.example/a/../b",
]


@pytest.mark.parametrize("target", CLIMBING)
def test_paths_that_climb_are_refused_where_paths_are_routed_on(target: bytes) -> None:
    assert refusals(lambda data: parse_request_head(data, strict_path=True), asking(target)) == {400}
    assert head_of(asking(target)).target == target


@pytest.mark.parametrize(
    "target", [b"/.well-known/a", b"/a.b/..c/d..", b"/...", b"/a%20b", b"/a?b=/../c%2f", b"/a%2e", b"//a"]
)
def test_other_paths_are_not(target: bytes) -> None:
    assert head_of(asking(target), strict_path=True).target == target


ACCEPTED = {
    "plain": get(b"A: b"),
    "no white space": get(b"A:b"),
    "much white space": get(b"A: \t b c\t \t"),
    "no value": get(b"A:", b"B:  "),
    "obs-text": get(b"A: \x80\xff"),
    "tab in a value": get(b"A: b\tc"),
    "all tchar": get(b"!#$%&'*+-.^_`|~09azAZ: b"),
    "all of a method": asking(b"/", method=b"M-SEARCH"),
    "small letters": asking(b"/", method=b"get"),
    "no Host in HTTP/1.0": get(host=b"", first=b"GET / HTTP/1.0"),
    "absolute": asking(b"http://a.example/b?c"),
    "absolute, other letters": asking(b"HTTP://A.Example:80/b", host=b"Host: a.example\r\n"),
    "absolute, zeros in the port": asking(b"http://a.example:080/", host=b"Host: a.example\r\n"),
    "absolute, https": asking(b"https://a.example/", host=b"Host: a.example:443\r\n"),
    "absolute in HTTP/1.0 without Host": asking(b"http://a.example", host=b"", version=b"1.0"),
    "server as a whole": asking(b"*", method=b"OPTIONS"),
    "IPv6": get(host=b"Host: [::1]:8080\r\n"),
    "a target as browsers send it": asking(b'/a|b[c]{d}^`"<>?e\\f=\'|"[]'),
    "our name once": get(b"Via: 1.1 lbtwist, 1.1 lbtwist-2, 1.1 lbtwist.example"),
    "a length": get(b"Content-Length: 0000000000000000005"),
    "chunks": get(b"Transfer-Encoding:  Chunked "),
    "the largest length": get(b"Content-Length: 9223372036854775807"),
    "options and empty elements": get(b"Connection: , close ,, x-a\t,"),
    "an empty line before": b"\r\n" + get(),
    "other upgrades": get(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 5"),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted_in_the_same_way_however_it_is_cut(data: bytes) -> None:
    whole = parse_request_head(data)
    assert whole is not None
    for following in (b"", b"GET / HTTP/1.1\r\n", b"\0\n\r\r"):
        for pieces in cuttings(data):
            assert parsed(parse_request_head, [*pieces, following]) == (whole[0], following)


def test_what_is_not_whole_is_waited_for() -> None:
    data = b"\r\n" + get(b"A: b", b"Content-Length: 5")
    assert [size for size in range(len(data)) if parse_request_head(data[:size]) is not None] == []


def test_values_of_a_head() -> None:
    data = b"GET /a/b?c=d HTTP/1.1\r\nhOST: A.example:8080\r\nX-A:  b \r\nCookie: c\r\nX-A: d\r\n\r\n"
    answer = parse_request_head(data + b"rest")
    assert answer is not None
    head, rest = answer
    assert rest == b"rest"
    assert (head.method, head.target, head.path, head.onward) == (b"GET", b"/a/b?c=d", b"/a/b", b"/a/b?c=d")
    assert (head.authority, head.host, head.version) == (b"A.example:8080", b"a.example", b"1.1")
    assert head.fields == [
        (b"hOST", b"A.example:8080"),
        (b"X-A", b"b"),
        (b"Cookie", b"c"),
        (b"X-A", b"d"),
    ]
    assert head.plain == [(b"X-A", b"b"), (b"X-A", b"d")]
    assert head.known == {b"host": [b"A.example:8080"], b"cookie": [b"c"]}
    assert (head.framing, head.keep_alive, head.expects_continue, head.upgrade) == (
        NO_BODY,
        True,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("data", "path", "onward"),
    [
        (asking(b"http://a.example"), b"/", b"/"),
        (asking(b"http://a.example?b"), b"/", b"/?b"),
        (asking(b"http://a.example/b?c?d"), b"/b", b"/b?c?d"),
        (asking(b"http://a.example", method=b"OPTIONS"), b"*", b"*"),
        (asking(b"http://a.example?b", method=b"OPTIONS"), b"/", b"/?b"),
        (asking(b"*", method=b"OPTIONS"), b"*", b"*"),
        (asking(b"/?"), b"/", b"/?"),
        (asking(b"//b"), b"//b", b"//b"),
    ],
)
def test_path_and_target_for_the_server(data: bytes, path: bytes, onward: bytes) -> None:
    assert (head_of(data).path, head_of(data).onward) == (path, onward)


@pytest.mark.parametrize(
    ("data", "host"),
    [
        (get(), b"a.example"),
        (get(host=b"Host: [2001:DB8::1]:80\r\n"), b"[2001:db8::1]"),
        (asking(b"http://B/", host=b"", version=b"1.0"), b"b"),
        (asking(b"/", host=b"", version=b"1.0"), b""),
    ],
)
def test_host_that_is_routed_by(data: bytes, host: bytes) -> None:
    assert head_of(data).host == host


@pytest.mark.parametrize(
    ("line", "framing"),
    [
        (b"Content-Length: 5", Framing(Kind.LENGTH, 5)),
        (b"content-length: 0", Framing(Kind.LENGTH, 0, is_empty=True)),
        (b"Transfer-Encoding: CHUNKED", CHUNKED),
        (b"A: b", NO_BODY),
    ],
)
def test_framing(line: bytes, framing: Framing) -> None:
    assert head_of(get(line)).framing == framing


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"keep-alive", True),
        (b"1.1", b"Close", False),
        (b"1.1", b"x-a, CLOSE", False),
        (b"1.1", b"close, keep-alive", False),
        (b"1.1", b"closed", True),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_whether_the_connection_stays(version: bytes, connection: bytes, keep_alive: bool) -> None:
    data = get(b"Connection: " + connection, first=b"GET / HTTP/" + version)
    assert head_of(data).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("first", "lines", "expects"),
    [
        (b"POST / HTTP/1.1", [b"Content-Length: 5", b"Expect: 100-Continue"], True),
        (b"POST / HTTP/1.1", [b"Transfer-Encoding: chunked", b"Expect: 100-continue"], True),
        (b"POST / HTTP/1.1", [b"Content-Length: 0", b"Expect: 100-continue"], False),
        (b"POST / HTTP/1.1", [b"Expect: 100-continue"], False),
        (b"POST / HTTP/1.1", [b"Content-Length: 5", b"Expect: something"], False),
        (b"POST / HTTP/1.0", [b"Content-Length: 5", b"Expect: 100-continue"], False),
    ],
)
def test_whether_a_100_is_waited_for(first: bytes, lines: list[bytes], expects: bool) -> None:
    assert head_of(get(*lines, first=first)).expects_continue is expects


WEBSOCKET = [b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket"]


@pytest.mark.parametrize(
    ("first", "lines", "upgrade"),
    [
        (b"GET / HTTP/1.1", WEBSOCKET, b"websocket"),
        (b"GET / HTTP/1.1", [*WEBSOCKET, b"Content-Length: 0"], b"websocket"),
        (b"GET / HTTP/1.0", WEBSOCKET, None),
        (b"POST / HTTP/1.1", WEBSOCKET, None),
        (b"GET / HTTP/1.1", WEBSOCKET[1:], None),
        (b"GET / HTTP/1.1", WEBSOCKET[:1], None),
        (b"GET / HTTP/1.1", [b"Connection: upgrade", b"Upgrade: h2c"], None),
        (b"GET / HTTP/1.1", [b"Connection: upgrade", b"Upgrade: h2c, websocket"], None),
        (b"GET / HTTP/1.1", [*WEBSOCKET, b"Upgrade: h2c"], None),
        (b"POST / HTTP/1.1", [*WEBSOCKET, b"Content-Length: 5"], None),
    ],
)
def test_only_websocket_on_get_is_an_upgrade(first: bytes, lines: list[bytes], upgrade: bytes | None) -> None:
    assert head_of(get(*lines, first=first)).upgrade == upgrade


def test_another_name_in_via() -> None:
    data = get(b"Via: 1.1 edge, 1.1 edge")
    assert head_of(data).known[b"via"] == [b"1.1 edge, 1.1 edge"]
    assert refusals(lambda part: parse_request_head(part, b"edge"), data) == {508}


def line_of(size: int) -> bytes:
    return asking(b"/" + b"a" * (size - len(b"GET / HTTP/1.1")))


def head_of_size(size: int) -> bytes:
    return get(b"A: " + b"a" * (size - len(get(b"A: "))))


def test_limit_of_the_request_line() -> None:
    longest = line_of(8192)
    for at in range(8190, 8197):
        assert parsed(parse_request_head, [longest[:at], longest[at:]]) == (head_of(longest), b"")
    for data in (line_of(8193), b"G" * 8194, b"\r\n" + line_of(8193), line_of(8193) + b"\n"):
        for pieces in ([data], one_by_one(data), [data[:8193], data[8193:]], [data[:8194], data[8194:]]):
            assert refusal(parse_request_head, pieces) == 414


def test_limit_of_the_head() -> None:
    largest = head_of_size(32768)
    for at in range(32764, 32768):
        assert parsed(parse_request_head, [largest[:at], largest[at:]]) == (head_of(largest), b"")
    data = head_of_size(32769)
    for pieces in ([data], one_by_one(data), [data[:32767], data[32767:]], [data[:32768], data[32768:]]):
        assert refusal(parse_request_head, pieces) == 431


def test_limit_of_the_fields() -> None:
    assert len(head_of(get(*[b"A: b"] * 99)).fields) == 100
    assert refusals(parse_request_head, get(*[b"A: b"] * 100)) == {431}


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 8187 + b"\nx" + b"b" * 100,
        b"GET /" + b"a" * 100 + b"\n" + b"b" * 9000,
        b"\0" * 9000,
        get(b"A: " + b"a" * 20000 + b"\n" + b"b" * 20000),
        get(*[b"A: b"] * 110, b"C: \n"),
        get(b"A: \n", first=b"GET / HTTP/2.0"),
        get(b"A: \n", first=b"TRACE / HTTP/1.1"),
    ],
    ids=["line end", "line", "binary", "head", "fields", "version", "method"],
)
def test_what_is_bad_before_a_limit_is_refused_as_bad(data: bytes) -> None:
    for pieces in ([data], [data[:150], data[150:]], one_by_one(data)):
        assert refusal(parse_request_head, pieces) == 400


def test_bare_line_ends_behind_a_limit_do_not_count() -> None:
    data = b"GET /" + b"a" * 9000 + b"\n"
    assert {refusal(parse_request_head, pieces) for pieces in ([data], one_by_one(data))} == {414}
    data = get(b"A: " + b"a" * 33000 + b"\n")
    assert {refusal(parse_request_head, pieces) for pieces in ([data], one_by_one(data))} == {431}


def test_a_head_is_refused_before_it_is_whole() -> None:
    for data in (b"\x16", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nA: \rb", b"\n", b"\r\n\r\n"):
        with pytest.raises(BadMessage):
            parse_request_head(data)


def test_what_is_shown_of_a_head_has_no_secret() -> None:
    head = head_of(get(b"Authorization: Secret", b"Cookie: Secret", first=b"GET /?Secret HTTP/1.1"))
    assert f"{head!r} {head}" == "<RequestHead b'GET' with 3 fields> <RequestHead b'GET' with 3 fields>"
