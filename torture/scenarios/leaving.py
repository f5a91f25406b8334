"""D: the load balancer ends. Further ones: during a reload and a drain, and with every server drained."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from typing import ClassVar

from torture.client import Client
from torture.fates import Asked, Fate
from torture.scenarios.scenario import Scenario
from torture.site import Site

OTHERS = ("reload", "drain", "shutdown")
SPREAD = (0.5, 1.0, 1.5, 2.5, 1.5, 3.0)
"""Seconds from step to step: before, while and after the next generation takes over."""
TAKEN_OVER = "this process has taken over"
LATEST = 10.0
"""Seconds until it has refused the first, and after the last answer ended: half of what cuts the rest."""


async def begun(site: Site, count: int, path: str) -> list[asyncio.Task[Asked]]:
    """So many requests, each on a connection of its own, which a server has by now."""
    asking = [asyncio.create_task(Client(site.proxy.web).ask(path, keep=False)) for _ in range(count)]
    await asyncio.sleep(0.5)
    return asking


async def refused_soon(site: Site) -> bool:
    """A new connection is refused, at last."""
    until = time.monotonic() + LATEST
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection(*site.proxy.web)
        except ConnectionRefusedError:
            return True
        writer.close()
        await asyncio.sleep(0.02)
    return False


class GracefulStop(Scenario):
    """Rule 70: what is in flight is answered whole, what is new is refused, and then it ends."""

    letter = "D"
    title = "graceful stop with responses in flight"
    crowded = False

    async def fault(self, site: Site) -> None:
        drip = f"/drip/{site.sizes.drips}/100"
        asking = await begun(site, site.sizes.in_flight, drip)
        site.terminate()
        site.must(await refused_soon(site), "new connections were not refused")
        site.must(site.proxy.running, "it ended before the responses did")
        site.asked += await asyncio.gather(*asking)
        whole = sum(each.well for each in site.asked)
        took = await site.proxy.ended()
        site.tell(f"{whole} whole, ended {took * 1e3:.0f} ms after the last")
        site.must(took < LATEST, f"it ended {took:.1f} s after the last response")
        if site.ours is not None:
            site.must(site.ours.status == 0, f"its exit status was {site.ours.status}")


class AtOnce(Scenario):
    """A reload, a drain, an upgrade and a shutdown, each while the others are under way."""

    letter = "at-once"
    title = "reload, drain, upgrade and shutdown during each other"
    peers = False
    order: ClassVar[tuple[str, ...]] = ("reload", "upgrade", "drain", "shutdown")
    pause: ClassVar[float] = 0.02

    def __init__(self) -> None:
        self._drains: list[asyncio.Task[None]] = []
        self._upgraded = 0.0

    async def fault(self, site: Site) -> None:
        asking = await begun(site, 20, f"/drip/{site.sizes.drips}/100")
        for step in self.order:
            self._do(step, site)
            await asyncio.sleep(self.pause)
        site.asked += await asyncio.gather(*asking)
        await site.proxy.ended()
        await asyncio.gather(*self._drains)
        site.tell(f"{', '.join(self.order)}, {self.pause:g} s apart")
        if TAKEN_OVER in site.proxy.printed() and site.deeds.terminated is not None:
            site.deeds.upgrades.append((self._upgraded, site.deeds.terminated))
            site.tell("the next generation had taken over")
        site.must(site.lbtwist.status == 0, f"its exit status was {site.lbtwist.status}")

    def _do(self, step: str, site: Site) -> None:
        if step == "reload":
            site.lbtwist.write()
            site.lbtwist.hang_up()
        elif step == "drain":
            self._drains.append(asyncio.create_task(_drained(site)))
        elif step == "upgrade":
            self._upgraded = time.monotonic()
            site.lbtwist.signal(signal.SIGUSR2)
        else:
            site.terminate()


async def _drained(site: Site) -> None:
    """The console may be closed by then, and the verb be refused: it is about what becomes of requests."""
    with contextlib.suppress(Exception):
        await site.proxy.drain("ecs01")


def orders() -> list[type[AtOnce]]:
    """`AtOnce`, with the upgrade first, second, and first for the time that it takes; else in each order."""
    made = []
    for (first, *others), pause in zip(itertools.permutations(OTHERS), SPREAD, strict=True):
        made += [
            (("upgrade", first, *others), AtOnce.pause),
            ((first, "upgrade", *others), AtOnce.pause),
            (("upgrade", first, *others), pause),
        ]
    return [
        type("AtOnceIn", (AtOnce,), {"order": order, "pause": pause, "letter": f"at-once-{number}"})
        for number, (order, pause) in enumerate(made, 1)
    ]


class AllDrained(Scenario):
    """What is in flight is answered; what comes then gets 503, until a server is ready again (rule 13)."""

    letter = "all-drained"
    title = "every server drained"
    peers = False

    async def fault(self, site: Site) -> None:
        lb = site.lbtwist
        names = [server.name for server in site.servers]
        asking = await begun(site, 20, f"/drip/{site.sizes.drips}/100")
        since = time.monotonic()
        await lb.ask("drain", *(f"web/{name}" for name in names), "--force")
        refused = await Client(site.proxy.web).ask("/small")
        site.must(refused.status == 503, f"a request without a server: {refused}")
        site.asked += await asyncio.gather(*asking)
        for name in names:
            await lb.ready(name)
        site.deeds.without_server = (since, time.monotonic())
        answered = await Client(site.proxy.web).ask("/small")
        site.must(answered.fate is Fate.ANSWERED and answered.well, f"after `ready`: {answered}")
        site.tell(f"{sum(each.well for each in site.asked)} in flight answered")
