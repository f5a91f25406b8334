"""J: what is done during each of the other scenarios."""

from __future__ import annotations

import asyncio

from benchmarks.processes import Failed
from torture.site import Site

PAUSE = 0.3


async def reloading(site: Site) -> None:
    """A reload again and again."""
    for _ in range(site.sizes.reloads):
        await site.proxy.reload()
        await asyncio.sleep(PAUSE)


async def draining(site: Site) -> None:
    """A server that the scenario leaves alone is drained, and brought back."""
    for _ in range(2):
        await site.proxy.drain("ecs03")
        await asyncio.sleep(PAUSE)
        await site.proxy.ready("ecs03")
        await asyncio.sleep(PAUSE)


async def terminating(site: Site) -> None:
    """SIGTERM in its midst: what is in flight is answered, and it ends in time."""
    await asyncio.sleep(1)
    site.terminate()
    took = await site.proxy.ended(site.sizes.shutdown + 5)
    site.tell(f"ended after {took:.1f} s")
    if site.ours is not None and site.ours.status:
        raise Failed(f"its exit status was {site.ours.status}")


async def upgrading(site: Site) -> None:
    """SIGUSR2, twice."""
    for _ in range(2):
        await site.upgrade()
        await asyncio.sleep(PAUSE)


STIRS = {"reload": reloading, "drain": draining, "SIGTERM": terminating, "upgrade": upgrading}
