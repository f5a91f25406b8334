"""Bytes sent to a load balancer in pieces, and canaries that share its connections to the servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import TypeVar

PATIENCE = 60.0
"""Seconds after which a connection that is not ended is given up; far more than any limit in use."""
AT_ONCE = 24
PAUSE = 0.001
"""Seconds between two pieces: enough that most are read one by one."""
MOST_PIECES = 200

Address = tuple[str, int]
Pieces = Sequence[bytes]
Cutting = Callable[[bytes, Random], Pieces]
Done = TypeVar("Done")


def whole(data: bytes, random: Random) -> Pieces:
    return [data]


def split(data: bytes, random: Random) -> Pieces:
    """Cut at one to four places, most of them next to a line's end."""
    ends = [at + shift for at, byte in enumerate(data) if byte in b"\r\n" for shift in (0, 1)]
    places = sorted({random.choice(ends or [1]) for _ in range(random.randint(1, 4))})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def dripped(data: bytes, random: Random) -> Pieces:
    """One byte at a time; of what is long, its end."""
    start = max(0, len(data) - MOST_PIECES)
    return [data[:start], *(data[at : at + 1] for at in range(start, len(data)))]


def with_one_end(cutting: Cutting) -> Cutting:
    """As `cutting` up to the end of the head, and all the rest at once.

    What a server sends behind a response is told from the next response only where it comes with it.
    """

    def cut(data: bytes, random: Random) -> Pieces:
        head, end, rest = data.partition(b"\r\n\r\n")
        return [*cutting(head, random), end + rest]

    return cut


CUTTINGS: tuple[Cutting, ...] = (whole, split, dripped)


async def exchange(address: Address, pieces: Pieces, hold: bool = False) -> bytes:
    """Send `pieces` and, unless the connection is held open, an end; returns all that came, to the end."""
    reader, writer = await asyncio.open_connection(*address)
    heard = bytearray()
    reading = asyncio.ensure_future(_read(reader, heard))
    try:
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(OSError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    if len(pieces) > 1:
                        await asyncio.sleep(PAUSE)
                if not hold:
                    writer.write_eof()
            await reading
    except TimeoutError:
        raise AssertionError(f"no end of {bytes(b''.join(pieces))[:2000]!r}: {bytes(heard)!r}") from None
    finally:
        reading.cancel()
        writer.transport.abort()
    return bytes(heard)


async def _read(reader: asyncio.StreamReader, heard: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            heard += data


async def each(work: Iterable[Callable[[], Awaitable[Done]]]) -> list[Done]:
    """What each gives, a few of them at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(begin: Callable[[], Awaitable[Done]]) -> Done:
        async with gate:
            return await begin()

    return await asyncio.gather(*(one(begin) for begin in work))


class Canary:
    """A client that keeps its connection and asks one thing after the other."""

    def __init__(self, address: Address, name: str) -> None:
        self.sung = 0
        """How many answers it has got, each its own."""
        self._address = address
        self._name = name
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def sing(self) -> None:
        """Ask once. Fails unless the answer is the one to this very request."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        assert self._reader is not None
        target = f"/canary/{self._name}/{self.sung}"
        async with asyncio.timeout(PATIENCE):
            self._writer.write(f"GET {target} HTTP/1.1\r\nHost: canary\r\n\r\n".encode())
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            body = await self._reader.readexactly(length)
        assert (head[:12], body) == (b"HTTP/1.1 200", f"GET {target}".encode()), (target, head, body)
        self.sung += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


@contextlib.asynccontextmanager
async def singing(address: Address, count: int = 2) -> AsyncIterator[list[Canary]]:
    """So many canaries for as long as it lasts; it fails when one of them has got a wrong answer."""
    canaries = [Canary(address, str(number)) for number in range(count)]
    over = False

    async def sing(canary: Canary) -> None:
        while not over:
            await canary.sing()
            await asyncio.sleep(0)
        await canary.sing()

    singing = [asyncio.ensure_future(sing(canary)) for canary in canaries]
    try:
        yield canaries
        over = True
        await asyncio.gather(*singing)
    finally:
        for task, canary in zip(singing, canaries, strict=True):
            task.cancel()
            canary.close()
