"""Other readers of HTTP/1.1, to see whether they read what we accept as we do."""

from __future__ import annotations

from typing import Any, NamedTuple

import h11
import httptools

from lbtwist.errors import BadMessage
from lbtwist.wire.body import body_reader
from lbtwist.wire.framing import Kind
from lbtwist.wire.request_head import parse_request_head
from lbtwist.wire.response_head import parse_response_head


class Reading(NamedTuple):
    """One message, as one reader has understood it."""

    first: tuple[bytes, ...]
    """Method and target, or status."""
    version: bytes
    fields: list[tuple[bytes, bytes]]
    """Names in small letters."""
    body: bytes
    trailers: list[tuple[bytes, bytes]]
    complete: bool
    rest: bytes = b""


def _small(fields: Any) -> list[tuple[bytes, bytes]]:
    """Names in small letters, and the value of Transfer-Encoding, of which h11 keeps no other."""
    small = ((bytes(name).lower(), bytes(value)) for name, value in fields)
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in small]


def ours(stream: bytes, method: bytes | None = None) -> Reading | None:
    """As this package reads a request, or with `method` the response to one. None: refused, or no head."""
    try:
        if method is None:
            if (request := parse_request_head(stream)) is None:
                return None
            head, rest = request
            first: tuple[bytes, ...] = head.method, head.target
            return _with_body(first, head, rest, 400)
        if (response := parse_response_head(stream, method, b"websocket")) is None:
            return None
        return _with_body((b"%d" % response[0].status,), *response, 502)
    except BadMessage:
        return None


def _with_body(first: tuple[bytes, ...], head: Any, rest: bytes, blame: int) -> Reading:
    reader = body_reader(head.framing, blame)
    fed = reader.feed(rest)
    done = fed.done or head.framing.kind is Kind.UNTIL_CLOSE
    fields = _small(head.fields)
    return Reading(first, head.version, fields, fed.content, _small(reader.trailers), done, fed.rest)


def by_h11(stream: bytes, method: bytes | None = None) -> Reading | None:
    """As h11 reads it; None where it refuses it."""
    if method is None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
    else:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=100_000)
        connection.send(h11.Request(method=method, target=b"/", headers=_asked(method)))
        connection.send(h11.EndOfMessage())
    head: Any = None
    body, trailers, complete = b"", [], False
    try:
        connection.receive_data(stream)
        while not complete:
            event = connection.next_event()
            if isinstance(event, h11.Request | h11.Response | h11.InformationalResponse):
                head = event
                complete = isinstance(event, h11.InformationalResponse)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                trailers, complete = _small(event.headers), True
            else:
                break
    except h11.RemoteProtocolError:
        return None
    if head is None:
        return None
    first = (head.method, head.target) if method is None else (b"%d" % head.status_code,)
    until_close = method is not None and connection.their_state is h11.SEND_BODY and _is_endless(head)
    complete = complete or until_close
    rest = connection.trailing_data[0] if complete else b""
    return Reading(first, head.http_version, _small(head.headers), body, trailers, complete, rest)


def _asked(method: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"a"), (b"connection", b"upgrade"), (b"upgrade", b"websocket")]


def _is_endless(head: Any) -> bool:
    return not {name for name, _ in head.headers} & {b"content-length", b"transfer-encoding"}


class _Heard:
    """Gathers what httptools tells of the first message."""

    def __init__(self) -> None:
        self.parser: Any = httptools.HttpRequestParser(self)
        self.first: tuple[bytes, ...] = ()
        self.version = b""
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        if not self.messages:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.messages:
            # It keeps white space after a value (RFC 9112, section 5.1, has it left out).
            (self.trailers if self.first else self.fields).append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if not self.messages:
            self.first = self.parser.get_method(), self.url
            self.version = self.parser.get_http_version().encode()

    def on_body(self, body: bytes) -> None:
        if not self.messages:
            self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


def by_httptools(stream: bytes) -> Reading | None:
    """As httptools reads a request; None where it refuses it. What follows the request is not told."""
    heard = _Heard()
    try:
        heard.parser.feed_data(stream)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        if not heard.messages:
            return None
    if not heard.first:
        return None
    fields, trailers = _small(heard.fields), _small(heard.trailers)
    return Reading(heard.first, heard.version, fields, heard.body, trailers, heard.messages > 0)
