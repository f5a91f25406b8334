"""TCP connections and WebSockets that live for some seconds; each message and its echo is a request."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from torture.client import NUMBERS, PATIENCE, Address, trusting
from torture.fates import Asked, Fate
from torture.raw import frame, upgraded

MESSAGES = range(5, 40)
"""So many, and then it leaves and another one comes."""
GONE = (OSError, asyncio.IncompleteReadError)


class Session(ABC):
    """One conversation at a time with a server, which is always the same in it."""

    method: ClassVar[str]

    def __init__(self, address: Address) -> None:
        self.address = address
        self.server = ""
        """Its name; empty while it is not known."""

    @abstractmethod
    async def open(self) -> None:
        """Connect. Raises one of GONE."""

    @abstractmethod
    async def echo(self, data: bytes) -> bool:
        """Say it; whether it came back. Raises one of GONE."""

    @abstractmethod
    async def close(self) -> None:
        """Leave in order. Raises one of GONE."""


class TcpSession(Session):
    """Lines."""

    method = "tcp"
    tls: ClassVar[ssl.SSLContext | None] = None

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self.address, ssl=self.tls)
        self._writer.write(b"echo\n")

    async def echo(self, data: bytes) -> bool:
        self._writer.write(data + b"\n")
        answer = await self._reader.readuntil(b"\n")
        self.server, _, echoed = answer.decode().rstrip("\n").partition(": ")
        return echoed.encode() == data

    async def close(self) -> None:
        self._writer.close()


class TlsSession(TcpSession):
    """Lines over TLS."""

    method = "TLS"
    tls = trusting()


class WebSocketSession(Session):
    """Messages; the server is told in the head."""

    method = "WebSocket"

    async def open(self) -> None:
        self._reader, self._writer, self.server = await upgraded(self.address, "/ws/echo")

    async def echo(self, data: bytes) -> bool:
        self._writer.write(frame(data, 1))
        _, size = await self._reader.readexactly(2)
        return await self._reader.readexactly(size) == data

    async def close(self) -> None:
        self._writer.write(frame(b"\x03\xe8", 8))
        await self._reader.read()
        self._writer.close()


class Sessions:
    """`count` of a kind at a time, which say `rate` messages a second in all."""

    def __init__(self, kind: type[Session], address: Address, count: int, rate: float) -> None:
        self.asked: list[Asked] = []
        self._kind = kind
        self._address = address
        self._count = count
        self._pause = count / rate
        self._over = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._run(random.Random(n))) for n in range(self._count)]

    async def stop(self) -> None:
        """Say nothing more, and leave."""
        self._over = True
        await asyncio.gather(*self._tasks)

    async def _run(self, chance: random.Random) -> None:
        await asyncio.sleep(chance.random() * self._pause)
        while not self._over:
            await self._converse(self._kind(self._address), chance)

    async def _converse(self, session: Session, chance: random.Random) -> None:
        asked = Asked(next(NUMBERS), session.method, time.monotonic(), fate=Fate.CLOSED_FRESH)
        try:
            async with asyncio.timeout(PATIENCE):
                await session.open()
            for _ in range(chance.choice(MESSAGES)):
                if self._over:
                    break
                asked = Asked(next(NUMBERS), session.method, time.monotonic(), fate=Fate.CLOSED_REUSED)
                asked.server = session.server
                await _said(session, asked)
                self.asked.append(asked)
                asked.server = session.server
                await asyncio.sleep(self._pause)
            with contextlib.suppress(*GONE, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await session.close()
        except (*GONE, TimeoutError) as error:
            asked.fate = Fate.TIMED_OUT if isinstance(error, TimeoutError) else asked.fate
            asked.ended = time.monotonic()
            self.asked.append(asked)


async def _said(session: Session, asked: Asked) -> None:
    async with asyncio.timeout(PATIENCE):
        well = await session.echo(str(asked.number).encode())
    asked.ended = time.monotonic()
    asked.fate, asked.status = (Fate.ANSWERED, 200) if well else (Fate.WRONG, 0)
