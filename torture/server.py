"""A server behind the load balancers: HTTP and WebSocket on one port, plain lines on another.

    python -m torture.server NAME HOST HTTP_PORT RAW_PORT LOG

The number of each POST that has come whole stands in LOG before it is answered. SIGUSR1 makes its health
checks pass and fail in turns, ten times a second, until the next one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import signal
import socket
import sys
import time
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from urllib.parse import parse_qs

PIECE = bytes(range(256)) * 256
LARGE = 40_000
FLAP = 0.1
SMALL_BUFFER = 64 * 1024
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY_64K = b"\x82\x7f" + len(PIECE).to_bytes(8, "big")
CLOSE = b"\x88\x02\x03\xe8"
GONE = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


class Server:
    """What its connections share."""

    def __init__(self, name: str, log: str) -> None:
        self._name = name
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._flapping = False

    def flap(self) -> None:
        """Begin, or end."""
        self._flapping = not self._flapping

    async def http(self, reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(*GONE):
            while await self._answer(reader, writer):
                await writer.drain()
        writer.close()

    async def raw(self, reader: Reader, writer: Writer) -> None:
        """The first line says what is wanted: `echo`, `bulk BYTES` or `sink SECONDS BYTES`."""
        with contextlib.suppress(*GONE):
            word, *values = (await reader.readuntil(b"\n")).decode().split()
            if word == "bulk":
                await _pour(writer, int(values[0]))
            elif word == "sink":
                await _slowly(reader, float(values[0]), int(values[1]))
                writer.write(b"all\n")
            else:
                while line := await reader.readline():
                    writer.write(f"{self._name}: {line.decode()}".encode())
                    await writer.drain()
        writer.close()

    async def _answer(self, reader: Reader, writer: Writer) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        target = lines[0].split(" ")[1]
        path, _, query = target.partition("?")
        number = parse_qs(query).get("id", ["0"])[0]
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        if "upgrade" in fields:
            writer.write(_switching(fields["sec-websocket-key"], self._name))
            await _websocket(path, reader, writer)
            return False
        if path.startswith("/sink/"):
            await _slowly(reader, float(path.rpartition("/")[2]), int(fields["content-length"]))
        else:
            await _body(reader, fields)
        if path.startswith("/post") and number != "0":
            os.write(self._log, f"{number}\n".encode())
        head = f"X-Server: {self._name}\r\nX-Id: {number}\r\n"
        await self._respond(path, head, writer)
        return fields.get("connection") != "close"

    async def _respond(self, path: str, head: str, writer: Writer) -> None:
        _, kind, *values = path.split("/")
        if kind in ("slow", "post") and values:
            await asyncio.sleep(int(values[0]) / 1000)
        if kind == "health" and self._flapping and int(time.monotonic() / FLAP) % 2:
            writer.write(f"HTTP/1.1 503 Not Now\r\n{head}Content-Length: 0\r\n\r\n".encode())
        elif kind == "chunked":
            chunked = f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
            writer.write(chunked.encode() + b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        elif kind in ("bulk", "drip"):
            writer.write(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {values[0]}\r\n\r\n".encode())
            if kind == "bulk":
                await _pour(writer, int(values[0]))
            else:
                await _drip(writer, int(values[0]), int(values[1]) / 1000)
        else:
            body = PIECE[:LARGE] if kind == "large" else b"hello\n"
            writer.write(f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def _body(reader: Reader, fields: dict[str, str]) -> None:
    if fields.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    else:
        await reader.readexactly(int(fields.get("content-length", "0")))


async def _pour(writer: Writer, size: int) -> None:
    for at in range(0, size, len(PIECE)):
        writer.write(PIECE[: size - at])
        await writer.drain()


async def _drip(writer: Writer, count: int, pause: float) -> None:
    for _ in range(count):
        await asyncio.sleep(pause)
        writer.write(b".")
        await writer.drain()


async def _slowly(reader: Reader, seconds: float, size: int = sys.maxsize) -> None:
    """Read with pauses for so many seconds, then as fast as it comes; to the end, or `size` bytes."""
    until = time.monotonic() + seconds
    while size and (data := await reader.read(min(size, len(PIECE)))):
        size -= len(data)
        if time.monotonic() < until:
            await asyncio.sleep(0.1)


def _switching(key: str, name: str) -> bytes:
    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()).decode()
    switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{switching}X-Server: {name}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()


async def _websocket(path: str, reader: Reader, writer: Writer) -> None:
    _, _, kind, *values = path.split("/")
    if kind == "bulk":
        for _ in range(0, int(values[0]), len(PIECE)):
            writer.write(BINARY_64K + PIECE)
            await writer.drain()
        writer.write(CLOSE)
        await reader.read()
    elif kind == "sink":
        await _slowly(reader, float(values[0]))
    else:
        while (data := await _message(reader)) is not None:
            writer.write(bytes([0x81, len(data)]) + data)
            await writer.drain()
        writer.write(CLOSE)


async def _message(reader: Reader) -> bytes | None:
    """A small masked one; None for a Close frame."""
    first, second = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    data = await reader.readexactly(second & 0x7F)
    if first & 0xF == 8:
        return None
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def _listening(host: str, port: int) -> socket.socket:
    made = socket.create_server((host, port), backlog=4096)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    return made


async def run(name: str, host: str, port: int, raw_port: int, log: str) -> None:
    """Serve until it is killed; prints a line when it does."""
    server = Server(name, log)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.flap)
    await asyncio.start_server(server.http, sock=_listening(host, port))
    await asyncio.start_server(server.raw, sock=_listening(host, raw_port))
    print("serving", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
