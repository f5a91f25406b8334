"""Further faults: a link that loses packets, and one that is slow."""

from __future__ import annotations

import asyncio

from torture.client import Client
from torture.network import cannot_slow, dropping, narrow
from torture.scenarios.scenario import Scenario
from torture.site import Site

LOSS = 5
MEGABIT = 1_000_000
FEW = 6


class Loss(Scenario):
    """TCP sends again what was lost: it takes longer, and that is all."""

    letter = "loss"
    title = f"{LOSS} % of all packets lost"
    apart = True

    def lacking(self) -> str:
        return cannot_slow()

    async def fault(self, site: Site) -> None:
        with dropping(f"numgen random mod 100 < {LOSS}"):
            await asyncio.sleep(site.sizes.stalled)


class Narrow(Scenario):
    """Some clients at a time share a megabit a second with the servers and the checks of them."""

    letter = "narrow"
    title = "a link of 1 Mbit/s"
    crowded = False
    apart = True

    def lacking(self) -> str:
        return cannot_slow()

    async def fault(self, site: Site) -> None:
        until = asyncio.get_running_loop().time() + site.sizes.stalled
        with narrow(MEGABIT):
            await asyncio.gather(*(_ask_until(site, until) for _ in range(FEW)))
        site.tell(f"{len(site.asked)} answered")


async def _ask_until(site: Site, until: float) -> None:
    client = Client(site.proxy.web)
    while asyncio.get_running_loop().time() < until:
        site.asked.append(await client.ask("/small"))
        site.asked.append(await client.ask("/post", bytes(2000)))
    client.close()
