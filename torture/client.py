"""One HTTP connection of a client that notes what becomes of its requests."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from itertools import count

from torture.fates import Asked, Fate

PATIENCE = 25.0
"""Seconds that an answer may take: more than a packet that is sent again after a blackout of 6 s."""
LIMIT = 1 << 20
HEAD_END = b"\r\n\r\n"
NUMBERS = count(1)
"""No two requests of a run have the same."""

Address = tuple[str, int]


class Client:
    """A connection to `address` that is made when it is needed, and again when it has ended."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None = None) -> None:
        self.idle_cuts = 0
        """Kept connections that were found closed when nothing was asked on them."""
        self._address = address
        self._tls = tls
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def ended(self) -> bool:
        """The connection that was kept is closed."""
        return self._reader is not None and self._reader.at_eof()

    async def ask(
        self,
        path: str,
        body: bytes | None = None,
        *,
        chunked: bool = False,
        keep: bool = True,
        shut: bool = False,
    ) -> Asked:
        """One request and its whole answer, or what came in its place.

        With `shut`, the sending side is shut after the request.
        """
        asked = Asked(next(NUMBERS), "GET" if body is None else "POST", time.monotonic())
        if self.ended:
            self.idle_cuts += 1
            self.close()
        asked.fresh = self._reader is None
        try:
            async with asyncio.timeout(PATIENCE):
                await self._converse(asked, _request(asked, path, body, chunked, keep), shut)
        except TimeoutError:
            asked.fate = Fate.TIMED_OUT
        asked.ended = time.monotonic()
        if not (asked.well and keep):
            self.close()
        return asked

    def close(self) -> None:
        """Let go of the connection, where there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _converse(self, asked: Asked, request: bytes, shut: bool) -> None:
        try:
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(
                    *self._address, limit=LIMIT, ssl=self._tls
                )
        except OSError:
            asked.fate = Fate.REFUSED
            return
        asked.fate = Fate.CLOSED_FRESH if asked.fresh else Fate.CLOSED_REUSED
        try:
            # A refusal may come before all is sent: it is read all the same.
            with contextlib.suppress(OSError):
                self._writer.write(request)
                await self._writer.drain()
                if shut:
                    self._writer.write_eof()
            await _hear(self._reader, asked)
        except asyncio.IncompleteReadError as short:
            if short.partial:
                asked.fate = Fate.TRUNCATED
        except OSError:
            asked.clean = False


def trusting() -> ssl.SSLContext:
    """It believes any server: what is asked is whether bytes arrive, and not from whom."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _request(asked: Asked, path: str, body: bytes | None, chunked: bool, keep: bool) -> bytes:
    fields = "" if keep else "Connection: close\r\n"
    if body is not None and chunked:
        fields += "Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif body is not None:
        fields += f"Content-Length: {len(body)}\r\n"
    head = f"{asked.method} {path}?id={asked.number} HTTP/1.1\r\nHost: torture\r\n{fields}\r\n"
    return head.encode() + (body or b"")


async def _hear(reader: asyncio.StreamReader, asked: Asked) -> None:
    head = (await reader.readuntil(HEAD_END)).decode("latin-1")
    asked.fate = Fate.TRUNCATED
    asked.status = int(head.split(" ", 2)[1])
    fields = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))
    }
    asked.server = fields.get("x-server", "")
    if fields.get("transfer-encoding") == "chunked":
        await _chunks(reader)
    else:
        size = int(fields.get("content-length", "0"))
        while size:
            piece = await reader.read(min(size, LIMIT))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
    own = asked.status != 200 or fields.get("x-id") == str(asked.number)
    asked.fate = Fate.ANSWERED if own else Fate.WRONG


async def _chunks(reader: asyncio.StreamReader) -> None:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")
