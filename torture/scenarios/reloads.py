"""A, A2: reloads. Further ones: a broken file, and two reloads within milliseconds."""

from __future__ import annotations

import asyncio

from torture.raw import Talk
from torture.scenarios.scenario import Scenario
from torture.site import Site

BROKEN = "[listeners.web\n"
WRONG = "[listeners.other]\nendpoint = 99999\n"
TALKS = 50


class Reloads(Scenario):
    """No connection is touched: those of clients that are kept neither."""

    letter = "A"
    title = "reloads"
    stirred = True

    async def fault(self, site: Site) -> None:
        for _ in range(site.sizes.reloads):
            await site.proxy.reload()
            await asyncio.sleep(site.sizes.between)

    async def after(self, site: Site) -> None:
        site.tell(f"{site.sizes.reloads} reloads, {site.crowd.idle_cuts} idle connections cut")
        if site.ours is not None:
            allowed = site.left or site.deeds.upgrades  # rule 71
            site.must(bool(allowed) or not site.crowd.idle_cuts, "idle connections were cut")


class LongLived(Scenario):
    """Relayed connections that are older than the configuration (rule 73)."""

    letter = "A2"
    title = f"{TALKS} long-lived TCP connections over 3 reloads"
    stirred = True

    async def fault(self, site: Site) -> None:
        if not site.proxy.speaks_tcp:
            return
        talks = [await Talk.begun(site.proxy.raw) for _ in range(TALKS)]
        for _ in range(3):
            await site.proxy.reload()
            await asyncio.gather(*(talk.say() for talk in talks))
        alive = sum(talk.alive for talk in talks)
        site.tell(f"{alive} alive")
        site.must(alive == TALKS, f"{TALKS - alive} TCP connections were cut")
        for talk in talks:
            talk.close()


class BrokenFile(Scenario):
    """An invalid file changes nothing, and says so; the next valid one is followed."""

    letter = "broken-file"
    title = "SIGHUP with a broken file, ten times"
    peers = False

    async def fault(self, site: Site) -> None:
        lb = site.lbtwist
        for number in range(10):
            lb.write((BROKEN, WRONG)[number % 2])
            lb.hang_up()
            await asyncio.sleep(0.1)
        problems = (await lb.ask("status"))["problems"]
        site.must(any("lb.toml" in each for each in problems), f"status tells of no broken file: {problems}")
        await lb.reload()
        site.tell("refused, and a good one followed")


class TwoReloads(Scenario):
    """What the last of them has read is what runs."""

    letter = "two-reloads"
    title = "pairs of reloads within 10 ms"
    peers = False

    async def fault(self, site: Site) -> None:
        lb = site.lbtwist
        for _ in range(site.sizes.reloads):
            lb.write()
            lb.hang_up()
            await asyncio.sleep(0.005)
            lb.write()
            lb.hang_up()
            await asyncio.sleep(site.sizes.between)
        wanted = 60 + lb.reloads % 3
        found = await lb.ask("get", "listeners.web.idle_timeout")
        site.must(str(wanted) in str(found), f"idle_timeout should be {wanted}: {found}")
        site.must(site.crowd.idle_cuts == 0, "idle connections were cut")
        site.tell(f"{site.sizes.reloads} pairs, the last file holds")
