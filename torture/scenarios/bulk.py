"""I: those who read slowly cost no memory, whatever is spoken and whichever way it goes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from torture.client import Address, trusting
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


class Place(NamedTuple):
    """Where clients connect, and how."""

    address: Address
    tls: ssl.SSLContext | None = None


class Way(NamedTuple):
    """One kind of bulk."""

    name: str
    run: Callable[[Site, Place], Awaitable[int]]
    """Returns how many bytes arrived."""
    place: Callable[[Site], Place | None]
    """None where the load balancer has none of that kind."""


class SlowReaders(Scenario):
    """By tcp, http, WebSocket and TLS; clients that read slowly, and servers that do."""

    letter = "I"
    title = "slow readers of bulk"
    stirred = True
    leaves_nothing = True
    crowded = False

    async def fault(self, site: Site) -> None:
        for way in WAYS:
            place = way.place(site)
            if place is None:
                continue
            growth = await _growth(site, way, place)
            if site.left:
                return
            site.tell(f"{way.name} {growth / MIB:+.1f} MiB")
            if site.ours is not None:
                site.must(growth <= GROWTH, f"{way.name}: memory grew by {growth / MIB:.1f} MiB")


async def _growth(site: Site, way: Way, place: Place) -> int:
    before = site.proxy.residents()
    growth = 0
    told_to_end = site.left
    readers = [asyncio.create_task(_moved(way, site, place)) for _ in range(site.sizes.readers)]
    while not all(each.done() for each in readers):
        for generation, bytes_ in site.proxy.residents().items():
            growth = max(growth, bytes_ - before.setdefault(generation, bytes_))
        await asyncio.sleep(LOOK)
    arrived = [each.result() for each in readers]
    whole = sum(each >= site.sizes.bulk for each in arrived)
    site.must(told_to_end or whole == len(arrived), f"{way.name}: {len(arrived) - whole} were cut: {arrived}")
    return growth


async def _moved(way: Way, site: Site, place: Place) -> int:
    try:
        return await way.run(site, place)
    except (OSError, asyncio.IncompleteReadError):
        return 0


async def _tcp_down(site: Site, place: Place) -> int:
    reader, writer = await _small(place)
    writer.write(f"bulk {site.sizes.bulk}\n".encode())
    return await _read_slowly(reader, writer, site)


async def _tcp_up(site: Site, place: Place) -> int:
    reader, writer = await _small(place)
    writer.write(f"sink {site.sizes.slowly} {site.sizes.bulk}\n".encode())
    sent = await _send(writer, site.sizes.bulk, PIECE)
    return await _heard(reader, writer, b"all", sent)


async def _http_down(site: Site, place: Place) -> int:
    reader, writer = await _small(place)
    writer.write(f"GET /bulk/{site.sizes.bulk} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    return await _read_slowly(reader, writer, site)


async def _http_up(site: Site, place: Place) -> int:
    reader, writer = await _small(place)
    path, fields = f"/sink/{site.sizes.slowly}", f"Content-Length: {site.sizes.bulk}\r\nConnection: close"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: t\r\n{fields}\r\n\r\n".encode())
    sent = await _send(writer, site.sizes.bulk, PIECE)
    return await _heard(reader, writer, b" 200 ", sent)


async def _websocket_down(site: Site, place: Place) -> int:
    reader, writer, _ = await upgraded(place.address, f"/ws/bulk/{site.sizes.bulk}")
    _shrink(writer)
    return await _read_slowly(reader, writer, site)


async def _websocket_up(site: Site, place: Place) -> int:
    reader, writer, _ = await upgraded(place.address, f"/ws/sink/{site.sizes.slowly}")
    sent = await _send(writer, site.sizes.bulk, frame(PIECE))
    writer.write_eof()
    await reader.read()
    writer.close()
    return sent


def _raw(site: Site) -> Place | None:
    return Place(site.proxy.raw) if site.proxy.speaks_tcp else None


def _web(site: Site) -> Place:
    return Place(site.proxy.web)


def _https(site: Site) -> Place | None:
    return Place(site.ours.https, trusting()) if site.ours is not None else None


def _tls(site: Site) -> Place | None:
    return Place(site.ours.tls, trusting()) if site.ours is not None else None


async def _small(place: Place) -> Streams:
    """A connection that takes little in advance."""
    reader, writer = await asyncio.open_connection(*place.address, limit=SMALL_BUFFER, ssl=place.tls)
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


async def _heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes, sent: int) -> int:
    """What was sent, where the server says that it has all of it."""
    answered = word in await reader.readline()
    writer.close()
    return sent if answered else 0


WAYS = (
    Way("tcp down", _tcp_down, _raw),
    Way("tcp up", _tcp_up, _raw),
    Way("http down", _http_down, _web),
    Way("http up", _http_up, _web),
    Way("WebSocket down", _websocket_down, _web),
    Way("WebSocket up", _websocket_up, _web),
    Way("TLS down", _tcp_down, _tls),
    Way("TLS up", _tcp_up, _tls),
    Way("https down", _http_down, _https),
    Way("https up", _http_up, _https),
)
