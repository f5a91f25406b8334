"""Clients of the tcp listener, and of WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import os

from torture.client import PATIENCE, Address

UPGRADE = (
    b"GET %b HTTP/1.1\r\nHost: torture\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Talk:
    """A TCP connection to a server that answers each line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.alive = True
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begun(cls, address: Address) -> Talk:
        """One that is connected, and has had an answer."""
        talk = cls(*await asyncio.open_connection(*address))
        talk._writer.write(b"echo\n")
        await talk.say()
        return talk

    async def say(self) -> None:
        """A line, which must be answered for it to be `alive`."""
        answer = b""
        with contextlib.suppress(OSError, TimeoutError):
            self._writer.write(b"line\n")
            answer = await asyncio.wait_for(self._reader.readline(), PATIENCE)
        self.alive = self.alive and answer.endswith(b": line\n")

    def close(self) -> None:
        """Leave."""
        self._writer.close()


async def upgraded(address: Address, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """A WebSocket, and the server that has it. Raises ConnectionError where that is not what came."""
    reader, writer = await asyncio.open_connection(*address, limit=1 << 17)
    writer.write(UPGRADE % path.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        writer.close()
        raise ConnectionError(head.decode("latin-1"))
    return reader, writer, head.decode("latin-1").partition("X-Server: ")[2].partition("\r\n")[0]


def frame(data: bytes, opcode: int = 2) -> bytes:
    """One masked frame of a client, of less than 64 KiB."""
    mask = os.urandom(4)
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(_repeated(mask, len(data)), "big")) if data else 0
    return bytes([0x80 | opcode]) + length + mask + masked.to_bytes(len(data), "big")


def _repeated(mask: bytes, size: int) -> bytes:
    return (mask * (size // 4 + 1))[:size]
