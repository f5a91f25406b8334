"""A run: each scenario with each load balancer, told in a line as soon as it is over."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import Failed
from torture.crowd import Crowd
from torture.fates import Tally, tallied, twice
from torture.proxies import Ours, Proxy
from torture.scenarios.scenario import Scenario
from torture.servers import Server, serving
from torture.site import Site
from torture.sizes import Sizes
from torture.stirring import upgrading

SPARE = 5
"""Descriptors that may be open more than before: of a console's session, of a check under way."""
SETTLING = 6.0
"""Seconds until what is kept for a while is gone: connections to servers, sessions."""

AFTER_END = 3.0
"""And until a fault has seen that the load balancer has ended."""

Stir = Callable[[Site], Awaitable[None]]
TROUBLE = (Failed, OSError, EOFError, AssertionError)
"""What may go wrong in a scenario; it is one of its faults."""


@dataclass
class Outcome:
    """What is known of one load balancer in one scenario."""

    name: str
    tally: Tally
    figures: list[str]
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        tally = self.tally
        lost = f"{len(tally.lost)} lost ({tally.causes})" if tally.lost else "0 lost"
        named = [f"{len(tally.named)} named"] if tally.named else []
        asked = [f"{tally.count} asked", lost, *named] if tally.count else []
        p99 = [f"p99 {tally.worst:.0f} ms"] if tally.worst else []
        return f"{self.name}: {', '.join([*asked, *p99, *self.figures])}"


async def performed(scenario: Scenario, kind: type[Proxy], sizes: Sizes, stir: Stir | None = None) -> Outcome:
    """`scenario`, with `stir` at the same time."""
    with tempfile.TemporaryDirectory(prefix="lbtwist-torture-") as name:
        directory = Path(name)
        with contextlib.ExitStack() as stack:
            servers = stack.enter_context(serving(directory))
            stack.callback(scenario.clear)
            async with _running(kind(directory, servers, scenario.setting(sizes, directory))) as proxy:
                site = Site(proxy, servers, sizes, Crowd(proxy.web, sizes.rate))
                try:
                    await _torture(scenario, site, stir)
                except TROUBLE as error:
                    site.faults.append(f"{type(error).__name__}: {error}")
            return _judged(scenario, site, servers)


@contextlib.asynccontextmanager
async def _running(proxy: Proxy) -> AsyncIterator[Proxy]:
    try:
        await proxy.start()
        await proxy.serves()
        yield proxy
    finally:
        await proxy.end()


async def _torture(scenario: Scenario, site: Site, stir: Stir | None) -> None:
    if scenario.leaves_nothing and stir is upgrading:
        await site.upgrade()  # what a next generation makes is counted, and the same of the first one is not
        await site.lbtwist.alone()
    before = await _traces(site) if scenario.leaves_nothing else None
    if scenario.crowded:
        site.crowd.start()
        await asyncio.sleep(site.sizes.rest)
    try:
        if stir is None:
            await scenario.fault(site)
        else:
            await _stirred(scenario, site, stir)
        await asyncio.sleep(site.sizes.rest)
    finally:
        await site.crowd.stop()
    if not site.left:
        await scenario.after(site)
    if before is not None and not site.left:
        await _back(site, before)


async def _stirred(scenario: Scenario, site: Site, stir: Stir) -> None:
    """Both; what the fault can't do with a load balancer that has ended is no trouble."""
    fault = asyncio.create_task(scenario.fault(site))
    try:
        await stir(site)
        await asyncio.wait([fault], timeout=AFTER_END if site.left else None)
    finally:
        fault.cancel()
        with contextlib.suppress(asyncio.CancelledError, *(TROUBLE if site.left else ())):
            await fault


async def _traces(site: Site) -> tuple[int, int]:
    """Descriptors, and objects where they can be counted."""
    return site.proxy.descriptors(), await site.ours.objects() if site.ours is not None else 0


async def _back(site: Site, before: tuple[int, int]) -> None:
    """To what it was, in time; of the others it is only told."""
    until = time.monotonic() + (SETTLING if site.ours is not None else 0)
    now = await _traces(site)
    while time.monotonic() < until and any(new > old + SPARE for new, old in zip(now, before, strict=True)):
        await asyncio.sleep(0.3)
        now = await _traces(site)
    descriptors, objects = (new - old for new, old in zip(now, before, strict=True))
    site.tell(f"descriptors {descriptors:+}")
    if site.ours is not None:
        site.tell(f"objects {objects:+}")
        site.must(descriptors <= SPARE, f"{descriptors} descriptors were left open")
        site.must(objects <= SPARE, f"{objects} objects were left")


def _judged(scenario: Scenario, site: Site, servers: list[Server]) -> Outcome:
    asked = site.crowd.asked + site.asked
    tally = tallied(asked, site.deeds)
    posts = [number for server in servers for number in server.posts]
    for number in twice(posts):
        site.faults.append(f"POST {number} was delivered twice")
    delivered = set(posts)
    unheard = [each for each in asked if each.method == "POST" and each.well and each.number not in delivered]
    site.must(not unheard, f"{len(unheard)} POSTs were answered and never delivered")
    if isinstance(site.proxy, Ours):
        site.faults += [f"lost: {each}" for each in tally.lost]
        site.faults += [f"log: {line}" for line in _unexpected(scenario, site.proxy)]
    return Outcome(site.proxy.name, tally, site.figures, site.faults)


def _unexpected(scenario: Scenario, proxy: Ours) -> list[str]:
    return [] if scenario.expected else proxy.unwanted()
