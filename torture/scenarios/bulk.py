"""I: those who read slowly cost no memory, whatever is spoken and whichever way it goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from torture.raw import frame, upgraded
from torture.scenarios.scenario import Scenario
from torture.site import Site
from torture.sizes import MIB

GROWTH = 8 * MIB
PIECE = bytes(60_000)
PAUSE = 0.1
SMALL_BUFFER = 64 * 1024
LOOK = 0.05

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Way(NamedTuple):
    """One kind of bulk, and what it came to."""

    name: str
    run: Callable[[Site], Awaitable[int]]
    """Returns how many bytes arrived."""


class SlowReaders(Scenario):
    """By tcp, http and WebSocket; clients that read slowly, and servers that do."""

    letter = "I"
    title = "slow readers of bulk"
    stirred = True
    leaves_nothing = True
    crowded = False

    async def fault(self, site: Site) -> None:
        for way in WAYS:
            if way.name.startswith("tcp") and not site.proxy.speaks_tcp:
                continue
            growth = await _growth(site, way)
            if site.left:
                return
            site.tell(f"{way.name} {growth / MIB:+.1f} MiB")
            if site.ours is not None:
                site.must(growth <= GROWTH, f"{way.name}: memory grew by {growth / MIB:.1f} MiB")


async def _growth(site: Site, way: Way) -> int:
    before = most = site.proxy.resident()
    told_to_end = site.left
    readers = [asyncio.create_task(_moved(way.run, site)) for _ in range(site.sizes.readers)]
    while not all(each.done() for each in readers):
        most = max(most, site.proxy.resident())
        await asyncio.sleep(LOOK)
    arrived = [each.result() for each in readers]
    whole = sum(each >= site.sizes.bulk for each in arrived)
    site.must(told_to_end or whole == len(arrived), f"{way.name}: {len(arrived) - whole} were cut: {arrived}")
    return most - before


async def _moved(run: Callable[[Site], Awaitable[int]], site: Site) -> int:
    try:
        return await run(site)
    except (OSError, asyncio.IncompleteReadError):
        return 0


async def _tcp_down(site: Site) -> int:
    reader, writer = await _small(site.proxy.raw)
    writer.write(f"bulk {site.sizes.bulk}\n".encode())
    return await _read_slowly(reader, writer, site)


async def _tcp_up(site: Site) -> int:
    reader, writer = await _small(site.proxy.raw)
    writer.write(f"sink {site.sizes.slowly}\n".encode())
    sent = await _send(writer, site.sizes.bulk, PIECE)
    writer.write_eof()
    return await _closed(reader, writer, sent)


async def _http_down(site: Site) -> int:
    reader, writer = await _small(site.proxy.web)
    writer.write(f"GET /bulk/{site.sizes.bulk} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    return await _read_slowly(reader, writer, site)


async def _http_up(site: Site) -> int:
    reader, writer = await _small(site.proxy.web)
    path, fields = f"/sink/{site.sizes.slowly}", f"Content-Length: {site.sizes.bulk}\r\nConnection: close"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n".encode())
    sent = await _send(writer, site.sizes.bulk, PIECE)
    answered = b" 200 " in await reader.readline()
    return await _closed(reader, writer, sent if answered else 0)


async def _websocket_down(site: Site) -> int:
    reader, writer, _ = await upgraded(site.proxy.web, f"/ws/bulk/{site.sizes.bulk}")
    _shrink(writer)
    return await _read_slowly(reader, writer, site)


async def _websocket_up(site: Site) -> int:
    reader, writer, _ = await upgraded(site.proxy.web, f"/ws/sink/{site.sizes.slowly}")
    sent = await _send(writer, site.sizes.bulk, frame(PIECE))
    writer.write_eof()
    return await _closed(reader, writer, sent)


async def _small(address: tuple[str, int]) -> Streams:
    """A connection that takes little in advance."""
    reader, writer = await asyncio.open_connection(*address, limit=SMALL_BUFFER)
    _shrink(writer)
    return reader, writer


def _shrink(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)


async def _read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: Site) -> int:
    """For some seconds, then as fast as it comes; how much there was."""
    arrived = 0
    fast_from = asyncio.get_running_loop().time() + site.sizes.slowly
    while data := await reader.read(SMALL_BUFFER):
        arrived += len(data)
        if asyncio.get_running_loop().time() < fast_from:
            await asyncio.sleep(PAUSE)
        elif arrived >= site.sizes.bulk:
            break
    writer.close()
    return arrived


async def _send(writer: asyncio.StreamWriter, size: int, piece: bytes) -> int:
    """`size` bytes of `piece` after `piece`."""
    for at in range(0, size, len(piece)):
        writer.write(piece[: size - at])
        await writer.drain()
    return size


async def _closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: int) -> int:
    await reader.read()
    writer.close()
    return sent


WAYS = (
    Way("tcp down", _tcp_down),
    Way("tcp up", _tcp_up),
    Way("http down", _http_down),
    Way("http up", _http_up),
    Way("WebSocket down", _websocket_down),
    Way("WebSocket up", _websocket_up),
)
