"""Clients' parsers by others, each given all that a client has received."""

from __future__ import annotations

import asyncio
import http.client
import io
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, cast

import h11
import httptools
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpResponseParserPy

from tests.hostile.messages import Message, Reading, fields
from tests.hostile.readers import LARGE, NODE, SCRIPT, from_json
from tests.hostile.strict import strict_responses

Asked = Sequence[tuple[bytes, str]]
"""What came, and the method of the request."""
Reader = Callable[[Asked], list[Reading]]


def by_h11(asked: Asked) -> list[Reading]:
    return [_by_h11(stream, method) for stream, method in asked]


def _by_h11(stream: bytes, method: str) -> Reading:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGE)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    messages: list[Message] = []
    status, given, body = "", fields(()), b""
    try:
        for data in (stream, b""):
            connection.receive_data(data)
            while (event := connection.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.InformationalResponse):
                    messages.append(Message((str(event.status_code),), fields(event.headers), b""))
                elif isinstance(event, h11.Response):
                    status, given = str(event.status_code), fields(event.headers)
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    messages.append(Message((status,), given, body))
                else:
                    break
    except h11.RemoteProtocolError as error:
        return Reading(messages, str(error))
    return Reading(messages, "bytes behind it" if connection.trailing_data[0] else "")


class _Heard:
    """Gathers what httptools tells."""

    def __init__(self) -> None:
        self.parser: Any = httptools.HttpResponseParser(self)
        self.messages: list[Message] = []

    def on_message_begin(self) -> None:
        self.given, self.body = list[tuple[bytes, bytes]](), b""
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.whole:
            self.given.append((name, value))

    def on_headers_complete(self) -> None:
        self.whole = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages.append(Message((str(self.parser.get_status_code()),), fields(self.given), self.body))


def by_httptools(asked: Asked) -> list[Reading]:
    return [_by_httptools(stream, method) for stream, method in asked]


def _by_httptools(stream: bytes, method: str) -> Reading:
    if method == "HEAD":
        return Reading((), "it can't be told of the method")
    heard = _Heard()
    try:
        heard.parser.feed_data(stream)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        return Reading(heard.messages, repr(error))
    return Reading(heard.messages)


def by_aiohttp(asked: Asked) -> list[Reading]:
    loop = asyncio.new_event_loop()
    try:
        return [_by_aiohttp(stream, method, loop) for stream, method in asked]
    finally:
        loop.close()


def _by_aiohttp(stream: bytes, method: str, loop: asyncio.AbstractEventLoop) -> Reading:
    parser = HttpResponseParserPy(
        BaseProtocol(loop),
        loop,
        LARGE,
        LARGE,
        200,
        LARGE,
        method=method,
        auto_decompress=False,
        read_until_eof=True,
    )
    try:
        found, _, left = parser.feed_data(stream)
        parser.feed_eof()
    except (HttpProcessingError, ClientError, ValueError) as error:
        return Reading([], repr(error))
    whole = [(head, payload) for head, payload in found if payload.is_eof()]
    messages = [
        Message((str(head.code),), fields(head.raw_headers), payload.read_nowait(-1))
        for head, payload in whole
    ]
    return Reading(messages, "bytes behind it" if left else "")


def by_http_client(asked: Asked) -> list[Reading]:
    return [_by_http_client(stream, method) for stream, method in asked]


class _Socket:
    def __init__(self, stream: bytes) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._stream)


def _by_http_client(stream: bytes, method: str) -> Reading:
    """It takes any 1xx but a 100 for the answer: those are taken off first."""
    messages: list[Message] = []
    while stream.startswith(b"HTTP/1.1 1") and (end := stream.find(b"\r\n\r\n")) >= 0:
        messages += strict_responses(stream[: end + 4], method).messages
        stream = stream[end + 4 :]
    response = http.client.HTTPResponse(cast(Any, _Socket(stream)), method=method)
    try:
        response.begin()
        body = response.read()
    except http.client.HTTPException as error:
        return Reading(messages, repr(error))
    return Reading([*messages, Message((str(response.status),), fields(response.getheaders()), body)])


def by_node(asked: Asked) -> list[Reading]:
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--max-http-header-size=1048576", str(SCRIPT)],
        input="".join(f"{stream.hex()} {method}\n" for stream, method in asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [from_json(line) for line in done.stdout.split("\n")[:-1]]


READERS: dict[str, Reader] = {
    "h11": by_h11,
    "httptools": by_httptools,
    "aiohttp": by_aiohttp,
    "http.client": by_http_client,
}
if NODE is not None:
    READERS["node"] = by_node
