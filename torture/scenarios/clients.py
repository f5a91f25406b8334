"""E, F, H: clients that reset, that are slow, that are too many."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from pathlib import Path

from torture.client import Client
from torture.fates import Asked
from torture.proxies.proxy import Setting
from torture.scenarios.scenario import Scenario
from torture.site import Site
from torture.sizes import MIB, Sizes

RESET = struct.pack("ii", 1, 0)
UNFINISHED = (
    b"GET /small HTTP/1.1\r\nHost: tor",
    b"POST /sink/0 HTTP/1.1\r\nHost: torture\r\nContent-Length: 90000\r\n\r\nsome",
    b"GET /slow/3000 HTTP/1.1\r\nHost: torture\r\n\r\n",
    b"GET /bulk/2000000 HTTP/1.1\r\nHost: torture\r\n\r\n",
)
AT_ONCE = 50
DRIP = "/drip/10/100"


class Resets(Scenario):
    """In a head, in a body, while a server thinks, and in an answer."""

    letter = "E"
    title = "resets in the middle of requests"
    stirred = True
    leaves_nothing = True

    async def fault(self, site: Site) -> None:
        before = site.proxy.resident()
        chance = random.Random(1)
        for _ in range(0, site.sizes.resets, AT_ONCE):
            await asyncio.gather(*(_reset(site, chance) for _ in range(AT_ONCE)))
        growth = site.proxy.resident() - before if site.proxy.running else 0
        site.tell(f"{site.sizes.resets} resets, {growth / MIB:+.1f} MiB")


async def _reset(site: Site, chance: random.Random) -> None:
    with contextlib.suppress(ConnectionError):
        _, writer = await asyncio.open_connection(*site.proxy.web)
        writer.write(chance.choice(UNFINISHED))
        await asyncio.sleep(chance.uniform(0, 0.1))
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()


class SlowHeads(Scenario):
    """Heads that never end: each is closed by its limit, and nobody else feels it."""

    letter = "F"
    title = "slow-header clients"
    stirred = True
    leaves_nothing = True

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        return Setting(header_timeout=max(2, round(sizes.stalled)))

    async def fault(self, site: Site) -> None:
        limit = site.proxy.setting.header_timeout
        clients = [asyncio.create_task(_drip(site, limit + 10)) for _ in range(site.sizes.slow)]
        took = [each for each in await asyncio.gather(*clients) if each is not None]
        site.tell(f"{len(took)} of {len(clients)} closed, in {max(took, default=0):.1f} s at most")
        if site.ours is not None:
            site.must(len(took) == len(clients), f"{len(clients) - len(took)} were not closed")
            early = [each for each in took if each < limit * 0.9]
            site.must(site.left or not early, f"{len(early)} were closed before header_timeout")


async def _drip(site: Site, patience: float) -> float | None:
    """Seconds until it was closed; None where it was not."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(*site.proxy.web)
            writer.write(b"GET / HTTP/1.1\r\n")
            dripping = asyncio.create_task(_headers(writer))
            with contextlib.suppress(ConnectionError):
                await reader.read()
            dripping.cancel()
            writer.close()
    except TimeoutError:
        return None
    except OSError:
        pass  # refused, for it is told to end
    return time.monotonic() - began


async def _headers(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(0.5)
        writer.write(b"x")


class HalfClosed(Scenario):
    """Clients that shut their sending side after a request get their response."""

    letter = "half-closed"
    title = "clients that say all that they have to say"

    async def fault(self, site: Site) -> None:
        asking = [_shut(site, "POST" if number % 2 else "GET") for number in range(site.sizes.in_flight)]
        asked = await asyncio.gather(*asking)
        well = sum(each.well for each in asked)
        site.tell(f"{well} of {len(asked)} answered")
        site.must(well == len(asked), f"{len(asked) - well} were not answered")


async def _shut(site: Site, method: str) -> Asked:
    body = b"some" if method == "POST" else None
    return await Client(site.proxy.web).ask("/post/300" if body else "/slow/300", body, keep=False, shut=True)


class FewDescriptors(Scenario):
    """It serves those that it can, does not spin, and recovers when they have left."""

    letter = "H"
    title = "more clients than descriptors"
    crowded = False

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        return Setting(wrapper=("prlimit", f"--nofile={sizes.descriptors}:{sizes.descriptors}"))

    async def fault(self, site: Site) -> None:
        waiting = [
            asyncio.create_task(Client(site.proxy.web).ask(DRIP, keep=False))
            for _ in range(site.sizes.clients)
        ]
        await asyncio.sleep(0.5)
        used, began = site.proxy.cpu(), time.monotonic()
        await asyncio.sleep(0.5)
        busy = (site.proxy.cpu() - used) / (time.monotonic() - began)
        done = await asyncio.gather(*waiting)
        well = sum(each.well for each in done)
        site.tell(f"{well} of {len(done)} answered, busy {busy:.0%}")
        await site.proxy.serves()
        if site.ours is not None:
            site.must(well == len(done), f"{len(done) - well} were not answered")
            site.must(busy < 0.5, f"it was busy for {busy:.0%} while it could do nothing")
