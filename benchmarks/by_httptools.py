"""Heads as httptools reads them, and the same values made of it that lbtwist's own parsers give."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import httptools

from lbtwist.wire.connection import NO_OPTIONS, connection_options, keeps_alive
from lbtwist.wire.forwarded import FORWARDED
from lbtwist.wire.framing import declared
from lbtwist.wire.head import FRAMING, HOP_BY_HOP
from lbtwist.wire.lines import line, sort_fields, tidied, understood
from lbtwist.wire.request_head import IDEMPOTENT, RequestHead
from lbtwist.wire.response_head import ResponseHead
from lbtwist.wire.target import PATH, QUERY, parse_host

_TARGET = re.compile(rb"(%b)(?:%b)?" % (PATH, QUERY))
_OF_REQUESTS = understood(HOP_BY_HOP | FRAMING | FORWARDED | {b"host", b"cookie", b"via", b"expect"})
_OF_RESPONSES = understood(HOP_BY_HOP | FRAMING | {b"via", b"date", b"trailer"})


class Gathered:
    """The fields that httptools tells of, message after message on one connection."""

    def __init__(self, parser: type[Any]) -> None:
        self.parser = parser(self)
        self.whole = False

    def on_message_begin(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.whole = True

    def feed(self, data: bytes) -> Gathered:
        self.parser.feed_data(data)
        return self

    def lines(self) -> bytes:
        """The lines of all fields: httptools leaves white space after values to whoever asks."""
        lines = b"".join([line((name, value.rstrip(b" \t"))) for name, value in self.fields])
        return tidied(lines, b"")


def request(gathered: Gathered) -> RequestHead:
    """What is still to be done for a request in HTTP/1.1 for a path, as the simplest are."""
    method, url, lines = gathered.parser.get_method(), gathered.url, gathered.lines()
    version = gathered.parser.get_http_version().encode()
    known, plain = sort_fields(lines, _OF_REQUESTS)
    match = _TARGET.fullmatch(url)
    (authority,) = known[b"host"]
    assert match is not None
    assert version == b"1.1"
    assert method not in (b"TRACE", b"CONNECT")
    host = parse_host(authority)
    options = connection_options(known[b"connection"]) if b"connection" in known else NO_OPTIONS
    framing = declared(known, version)
    keep = keeps_alive(version, options)
    told = method, url, match[1], url, authority, host, version, framing, keep
    return RequestHead(*told, False, None, options, lines, known, plain, method in IDEMPOTENT)


def response(gathered: Gathered) -> ResponseHead:
    """What is still to be done for a response with a length."""
    lines, status = gathered.lines(), gathered.parser.get_status_code()
    version = gathered.parser.get_http_version().encode()
    known, plain = sort_fields(lines, _OF_RESPONSES)
    options = connection_options(known[b"connection"]) if b"connection" in known else NO_OPTIONS
    framing = declared(known, version)
    assert 200 <= status <= 599
    assert status not in (204, 304)
    keep = keeps_alive(version, options)
    return ResponseHead(version, status, b"OK", framing, framing.length, keep, options, lines, known, plain)


def lets_through(data: bytes) -> bool:
    """Whether httptools takes `data` for a request with a whole head."""
    gathered = Gathered(httptools.HttpRequestParser)
    with contextlib.suppress(httptools.HttpParserError, httptools.HttpParserUpgrade):
        gathered.feed(data)
    return gathered.whole
