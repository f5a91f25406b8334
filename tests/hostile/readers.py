"""Servers' parsers by others, each given the bytes of a connection to the end."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h11
import httptools
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParserPy
from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream

from tests.hostile.messages import Message, Reading, fields

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("node_readers.js")
LARGE = 1 << 20
"""More than any message here."""

Streams = Sequence[bytes]
Reader = Callable[[Streams], list[Reading]]


def by_h11(streams: Streams) -> list[Reading]:
    return [_by_h11(stream) for stream in streams]


def _by_h11(stream: bytes) -> Reading:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGE)
    messages: list[Message] = []
    request, body = None, b""
    connection.receive_data(stream)
    try:
        while connection.our_state is not h11.MUST_CLOSE:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                first = request.method.decode(), request.target.decode("latin-1")
                messages.append(Message(first, fields(request.headers), body))
                connection.send(h11.Response(status_code=200, headers=[(b"Content-Length", b"0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.DONE:
                    connection.start_next_cycle()
            else:
                break
    except h11.RemoteProtocolError as error:
        return Reading(messages, str(error) or "refused")
    left = connection.trailing_data[0] if connection.our_state is h11.MUST_CLOSE else b""
    return Reading(messages, "bytes after Connection: close" if left else "")


class _Heard:
    """Gathers what httptools tells."""

    def __init__(self) -> None:
        self.parser: Any = httptools.HttpRequestParser(self)
        self.messages: list[Message] = []

    def on_message_begin(self) -> None:
        self.url, self.given, self.body = b"", list[tuple[bytes, bytes]](), b""
        self.whole = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.whole:
            self.given.append((name, value))

    def on_headers_complete(self) -> None:
        self.whole = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        first = self.parser.get_method().decode(), self.url.decode("latin-1")
        self.messages.append(Message(first, fields(self.given), self.body))


def by_httptools(streams: Streams) -> list[Reading]:
    return [_by_httptools(stream) for stream in streams]


def _by_httptools(stream: bytes) -> Reading:
    messages: list[Message] = []
    while True:
        heard = _Heard()
        try:
            heard.parser.feed_data(stream)
        except httptools.HttpParserUpgrade as upgrade:
            messages += heard.messages
            stream = stream[upgrade.args[0] :]
            continue
        except httptools.HttpParserError as error:
            return Reading(messages + heard.messages, str(error) or "refused")
        return Reading(messages + heard.messages)


def by_aiohttp(streams: Streams) -> list[Reading]:
    """The parser that is written in Python, and shares nothing with llhttp."""
    loop = asyncio.new_event_loop()
    try:
        return [_by_aiohttp(stream, loop) for stream in streams]
    finally:
        loop.close()


def _by_aiohttp(stream: bytes, loop: asyncio.AbstractEventLoop) -> Reading:
    messages: list[Message] = []
    while stream:
        parser = HttpRequestParserPy(
            BaseProtocol(loop), loop, LARGE, LARGE, 200, LARGE, auto_decompress=False, payload_exception=None
        )
        try:
            found, upgraded, stream = parser.feed_data(stream)
        except (HttpProcessingError, ValueError) as error:
            return Reading(messages, repr(error))
        for head, payload in found:
            if payload.is_eof():
                body = payload.read_nowait(-1)
                messages.append(Message((head.method, head.path), fields(head.raw_headers), body))
        if not upgraded:
            break
    return Reading(messages)


class _TornadoMessage(HTTPMessageDelegate):
    def __init__(self, connection: Any, messages: list[Message]) -> None:
        self._connection = connection
        self._messages = messages
        self._body = b""

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        assert isinstance(start_line, RequestStartLine)
        self._first = start_line.method, start_line.path
        self._fields = fields(headers.get_all())

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk

    def finish(self) -> None:
        self._messages.append(Message(self._first, self._fields, self._body))
        self._connection.write_headers(
            ResponseStartLine("HTTP/1.1", 200, "OK"), HTTPHeaders({"Content-Length": "0"})
        )
        self._connection.finish()


class _Tornado(HTTPServerConnectionDelegate):
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        return _TornadoMessage(request_conn, self.messages)


def by_tornado(streams: Streams) -> list[Reading]:
    async def read() -> list[Reading]:
        return [await _by_tornado(stream) for stream in streams]

    return asyncio.run(read())


async def _by_tornado(stream: bytes) -> Reading:
    """What it refuses it does not tell: it closes, and the messages are fewer."""
    near, far = socket.socketpair()
    delegate = _Tornado()
    server = HTTP1ServerConnection(
        IOStream(far, max_buffer_size=16 * LARGE),
        HTTP1ConnectionParameters(max_header_size=LARGE, max_body_size=LARGE),
    )
    server.start_serving(delegate)
    reader, writer = await asyncio.open_connection(sock=near)
    try:
        writer.write(stream)
        writer.write_eof()
        answered = await reader.read()
    except ConnectionError:
        answered = b" 400 "
    await server.close()
    writer.close()
    return Reading(delegate.messages, "refused" if b" 400 " in answered else "")


def by_node(streams: Streams) -> list[Reading]:
    """Node's own http server; only where it is installed."""
    assert NODE is not None
    given = "".join(stream.hex() + "\n" for stream in streams)
    done = subprocess.run(
        [NODE, "--max-http-header-size=1048576", str(SCRIPT)],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [from_json(line) for line in done.stdout.split("\n")[:-1]]


def from_json(line: str) -> Reading:
    told = json.loads(line)
    messages = [
        Message(
            tuple(each["first"]),
            fields(zip(each["fields"][::2], each["fields"][1::2], strict=True)),
            bytes.fromhex(each["body"]),
        )
        for each in told["messages"]
    ]
    return Reading(messages, told["refused"])


READERS: dict[str, Reader] = {
    "h11": by_h11,
    "httptools": by_httptools,
    "aiohttp": by_aiohttp,
    "tornado": by_tornado,
}
if NODE is not None:
    READERS["node"] = by_node
