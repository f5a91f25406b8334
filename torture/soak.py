"""`python -m torture.soak --minutes 15`: load of every kind for long, with reloads, kills and drains.

A minute is told in a line. It ends with 1 where a request was lost that no rule names, a POST was delivered
twice, memory grew by more than 5 % after the second minute, or descriptors were left open.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from torture.client import trusting
from torture.crowd import Crowd
from torture.fates import Asked, tallied, twice
from torture.network import enter
from torture.proxies import Ours
from torture.proxies.proxy import Setting
from torture.servers import serving
from torture.sessions import Sessions, TcpSession, TlsSession, WebSocketSession
from torture.site import Site
from torture.sizes import FULL, MIB

RATE = 1500.0
"""Requests a second."""
MINUTE = 60.0
RELOAD = 30.0
DOWN = 5.0
"""Seconds that a killed server is away, and that another one is drained."""
LARGE = bytes(range(256)) * 512
"""POSTs have half of it on average, which is 64 KiB."""
WARM = 2
"""Minutes after which memory may not grow any more."""
GROWTH = 1.05
LEFT_OPEN = 5


class Soak:
    """Some minutes of it, on a site."""

    def __init__(self, site: Site, lb: Ours, rate: float) -> None:
        """A tenth of `rate` each are https, lines by tcp and over TLS, and messages of WebSockets."""
        self.faults: list[str] = []
        self._site = site
        self._count = 0
        self._failed: list[Asked] = []
        self._posts: set[int] = set()
        self._resident: list[int] = []
        self._sources = (
            site.crowd,
            Crowd(lb.https, rate / 10, kept=8, closing=2, tls=trusting()),
            Sessions(TcpSession, lb.raw, 30, rate / 10),
            Sessions(TlsSession, lb.tls, 30, rate / 10),
            Sessions(WebSocketSession, lb.web, 30, rate / 10),
        )

    async def run(self, minutes: float) -> None:
        """All of it; `faults` are known then."""
        before = self._site.proxy.descriptors()
        for each in self._sources:
            each.start()
        doing = [asyncio.create_task(each) for each in (self._reload(), self._kill_and_drain())]
        began = time.monotonic()
        while time.monotonic() - began < minutes * MINUTE:
            await asyncio.sleep(min(MINUTE, began + minutes * MINUTE - time.monotonic()))
            self._tell(time.monotonic() - began)
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
        await asyncio.gather(*(each.stop() for each in self._sources))
        await asyncio.sleep(DOWN)
        self._gather()
        self._judge(self._site.proxy.descriptors() - before)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD)
            await self._doing(self._site.proxy.reload())

    async def _kill_and_drain(self) -> None:
        """Each minute one server is killed, and half a minute later another one drained."""
        number = 0
        while True:
            await asyncio.sleep(MINUTE / 6)
            server, other = (self._site.servers[(number + more) % 3] for more in (0, 1))
            self._site.kill(server)
            await asyncio.sleep(DOWN)
            await asyncio.to_thread(server.start)
            await asyncio.sleep(MINUTE / 2 - DOWN)
            await self._doing(self._site.proxy.drain(other.name))
            await asyncio.sleep(DOWN)
            await self._doing(self._site.proxy.ready(other.name))
            await asyncio.sleep(MINUTE / 3 - DOWN)
            number += 1

    async def _doing(self, deed: Awaitable[None]) -> None:
        try:
            await deed
        except Exception as error:
            self.faults.append(str(error))

    def _gather(self) -> None:
        """Take what has ended from the clients, and keep what went wrong."""
        for source in self._sources:
            asked, source.asked = source.asked, []
            self._count += len(asked)
            self._failed += [each for each in asked if not each.well]
            self._posts |= {each.number for each in asked if each.well and each.method == "POST"}

    def _tell(self, seconds: float) -> None:
        self._gather()
        proxy = self._site.proxy
        self._resident.append(proxy.resident())
        tally = tallied(self._failed, self._site.deeds)
        print(
            f"{seconds / MINUTE:.1f} min: {self._count:,} asked ({self._count / seconds:,.0f}/s),"
            f" {len(tally.lost)} lost, {len(tally.named)} named, {self._resident[-1] / MIB:.1f} MiB,"
            f" {proxy.descriptors()} descriptors, {proxy.cpu() / seconds:.0%} of a core",
            flush=True,
        )

    def _judge(self, left_open: int) -> None:
        tally = tallied(self._failed, self._site.deeds)
        for asked, why in tally.named:
            print(f"    named: {asked}: {why}")
        delivered = [number for server in self._site.servers for number in server.posts]
        self.faults += [f"lost: {asked}" for asked in tally.lost]
        self.faults += [f"POST {number} was delivered twice" for number in twice(delivered)]
        if unheard := self._posts.difference(delivered):
            self.faults.append(f"{len(unheard)} POSTs were answered and never delivered")
        warm = self._resident[WARM - 1 :]
        if warm and max(warm) > GROWTH * warm[0]:
            self.faults.append(f"memory grew from {warm[0] / MIB:.1f} to {max(warm) / MIB:.1f} MiB")
        if left_open > LEFT_OPEN:
            self.faults.append(f"{left_open} descriptors were left open")


async def soaked(minutes: float, rate: float) -> bool:
    """Whether all was well."""
    with tempfile.TemporaryDirectory(prefix="lbtwist-soak-") as name, serving(Path(name)) as servers:
        lb = Ours(Path(name), servers, Setting())
        try:
            await lb.start()
            await lb.serves()
            site = Site(lb, servers, FULL, Crowd(lb.web, rate * 0.6, kept=64, closing=16, body=LARGE))
            soak = Soak(site, lb, rate)
            await soak.run(minutes)
        finally:
            await lb.end()
        faults = soak.faults + [f"log: {line}" for line in lb.unwanted()]
    for fault in faults:
        print(f"    FAULT: {fault}")
    print("NOT WELL" if faults else "all is well")
    return not faults


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m torture.soak")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--rate", type=float, default=RATE, help=f"requests a second (default: {RATE:.0f})")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(not asyncio.run(soaked(options.minutes, options.rate)))


if __name__ == "__main__":
    enter("torture.soak", sys.argv[1:])
    sys.exit(main())
