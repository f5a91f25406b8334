"""B, C, G: servers that are killed, drained and killed, unreachable. Further ones: stopped, flapping."""

from __future__ import annotations

import asyncio
import signal
import time

from benchmarks.processes import Failed
from torture.network import cannot_drop, dropping
from torture.proxies.proxy import START
from torture.scenarios.scenario import Scenario
from torture.site import Site


async def back(site: Site, server: str) -> None:
    """Wait until lbtwist uses `server` again; the others don't say. Raises Failed."""
    if site.ours is None or site.left:
        return
    until = time.monotonic() + START
    while time.monotonic() < until:
        rows = await site.ours.ask("servers", "web")
        if any(row["server"].startswith(f"web/{server}#") and row["state"] == "healthy" for row in rows):
            return
        await asyncio.sleep(0.1)
    raise Failed(f"{server} is not used again")


class Killed(Scenario):
    """What may be sent again is; what was in flight and may not is named."""

    letter = "B"
    title = "kill -9 of a server, and its return"
    stirred = True

    async def fault(self, site: Site) -> None:
        for server in site.servers[:2]:
            site.kill(server)
            await asyncio.sleep(site.sizes.down)
            await asyncio.to_thread(server.start)
            await asyncio.sleep(site.sizes.down)
            await back(site, server.name)  # else there may be no server: the third is drained, with J
        site.tell(f"{len(site.deeds.kills)} kills")


class DrainedAndKilled(Scenario):
    """A server that was drained has nothing to lose (rules 1 and 60)."""

    letter = "C"
    title = "drain of a server, kill -9 of it, return, ready"
    stirred = True

    async def fault(self, site: Site) -> None:
        server = site.servers[0]
        await site.proxy.drain(server.name)
        await asyncio.sleep(max(site.sizes.down, 0.5))
        server.kill()
        await asyncio.sleep(site.sizes.down)
        await asyncio.to_thread(server.start)
        if not site.left:
            await site.proxy.ready(server.name)
        await asyncio.sleep(site.sizes.down)


class Unreachable(Scenario):
    """What was in flight waits for the packets to pass again; nothing else does."""

    letter = "G"
    title = "a server blackholed"
    stirred = True
    apart = True

    def lacking(self) -> str:
        return cannot_drop()

    async def fault(self, site: Site) -> None:
        host = site.servers[1].host
        with dropping(f"ip daddr {host}", f"ip saddr {host}"):
            await asyncio.sleep(site.sizes.stalled)
        site.tell(f"{site.sizes.stalled:g} s")


class Stopped(Scenario):
    """A server that takes connections and never answers, until it goes on."""

    letter = "stopped-server"
    title = "SIGSTOP of a server"

    async def fault(self, site: Site) -> None:
        server = site.servers[2]
        server.signal(signal.SIGSTOP)
        await asyncio.sleep(site.sizes.stalled)
        server.signal(signal.SIGCONT)
        await asyncio.sleep(site.sizes.rest)
        site.tell(f"{site.sizes.stalled:g} s")


class Flapping(Scenario):
    """Checks of it pass and fail in turns; it answers all the same."""

    letter = "flapping"
    title = "a server's health flaps ten times a second"

    async def fault(self, site: Site) -> None:
        for server in site.servers[:2]:
            server.signal(signal.SIGUSR1)
        await asyncio.sleep(site.sizes.stalled)
        for server in site.servers[:2]:
            server.signal(signal.SIGUSR1)
        if site.ours is not None:
            rows = await site.ours.ask("servers", "web")
            site.tell(", ".join(str(row["state"]) for row in rows))
