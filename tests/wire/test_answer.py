"""Our own responses, as another reader of HTTP reads them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from lbtwist.wire.answer import answer, http_date
from tests.wire.readers import by_h11

DATE = http_date(784111777)


@pytest.mark.parametrize(
    "status", [400, 403, 404, 405, 408, 414, 431, 500, 501, 502, 503, 504, 505, 508, 299]
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_is_a_whole_response(status: int, method: bytes) -> None:
    data = answer(status, b"lbtwist", DATE, method=method)
    reading = by_h11(data, method)
    assert reading is not None
    assert reading.complete
    assert reading.rest == b""
    assert reading.first == (b"%d" % status,)
    fields = dict(reading.fields)
    assert len(fields) == len(reading.fields)
    assert fields[b"date"] == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert fields[b"via"] == b"1.1 lbtwist"
    assert fields[b"connection"] == b"close"
    assert int(fields[b"content-length"]) > 0
    assert len(reading.body) == (0 if method == b"HEAD" else int(fields[b"content-length"]))
    assert (b"allow" in fields) is (status == 405)
    assert (fields.get(b"cache-control") == b"no-store") is (status >= 400)


def test_to_the_byte() -> None:
    page = b"<!DOCTYPE html>\n<html><head><title>%b</title></head>\n<body><h1>%b</h1></body></html>\n" % (
        (b"405 Method Not Allowed",) * 2
    )
    date = http_date(0)
    assert date == b"Thu, 01 Jan 1970 00:00:00 GMT"
    lines = [
        b"HTTP/1.1 405 Method Not Allowed",
        b"Date: " + date,
        b"Via: 1.1 lbtwist",
        b"Content-Type: text/html; charset=utf-8",
        b"Content-Length: 125",
        b"Cache-Control: no-store",
        b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH",
        b"Connection: close",
    ]
    head = b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    assert answer(405, b"lbtwist", date) == head + page
    assert answer(405, b"lbtwist", date, method=b"HEAD") == head
    assert answer(299, b"lbtwist", date).partition(b"<title>")[2].startswith(b"299</title>")


@pytest.mark.parametrize("status", [200, 599])
def test_the_first_and_the_last_status(status: int) -> None:
    assert answer(status, b"lbtwist", DATE).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("status", [199, 600])
def test_no_other_status(status: int) -> None:
    with pytest.raises(ValueError, match=f"{status} is not"):
        answer(status, b"lbtwist", DATE)


def test_a_client_of_http_1_0_is_told_that_its_connection_stays() -> None:
    kept = answer(404, b"lbtwist", DATE, version=b"1.0", keep_alive=True)
    assert b"\r\nConnection: keep-alive\r\n" in kept
    assert b"onnection" not in answer(404, b"lbtwist", DATE, keep_alive=True)


def test_the_page_is_html() -> None:
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    page = answer(502, b"lbtwist", DATE).partition(b"\r\n\r\n")[2].decode()
    Tags().feed(page)
    assert tags == ["html", "head", "title", "body", "h1"]
    assert page.startswith("<!DOCTYPE html>")
    assert "502 Bad Gateway" in page


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (414, b"HTTP/1.1 414 URI Too Long"),
        (431, b"HTTP/1.1 431 Request Header Fields Too Large"),
        (508, b"HTTP/1.1 508 Loop Detected"),
        (299, b"HTTP/1.1 299 "),
    ],
)
def test_first_line(status: int, line: bytes) -> None:
    assert answer(status, b"lbtwist", DATE).partition(b"\r\n")[0] == line


@pytest.mark.parametrize(
    ("version", "keep_alive", "connection"),
    [
        (b"1.1", True, None),
        (b"1.1", False, b"close"),
        (b"1.0", True, b"keep-alive"),
        (b"1.0", False, b"close"),
    ],
)
def test_whether_the_connection_stays(version: bytes, keep_alive: bool, connection: bytes | None) -> None:
    reading = by_h11(answer(503, b"lbtwist", DATE, version=version, keep_alive=keep_alive), b"GET")
    assert reading is not None
    assert dict(reading.fields).get(b"connection") == connection


def test_when_to_come_again() -> None:
    assert b"\r\nRetry-After: 5\r\n" in answer(503, b"lbtwist", DATE, retry_after=5)
    assert b"Retry-After" not in answer(503, b"lbtwist", DATE)


def test_a_redirection() -> None:
    data = answer(302, b"lbtwist", DATE, location=b"https://a/b?c")
    assert b"\r\nLocation: https://a/b?c\r\n" in data
    assert b"a/b" not in data.partition(b"\r\n\r\n")[2]
    for bad in (b"https://a/\r\nSet-Cookie: b", b"\0", b"a\nb"):
        with pytest.raises(ValueError, match="location"):
            answer(302, b"lbtwist", DATE, location=bad)


@pytest.mark.parametrize("status", [204, 304])
def test_some_have_no_content(status: int) -> None:
    data = answer(status, b"lbtwist", DATE)
    assert data.endswith(b"\r\n\r\n")
    assert b"Content-" not in data


@pytest.mark.parametrize("status", [100, 199, 600, 0])
def test_only_final_statuses(status: int) -> None:
    with pytest.raises(ValueError, match="final"):
        answer(status, b"lbtwist", DATE)
