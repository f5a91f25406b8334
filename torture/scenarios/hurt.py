"""Further faults: a full disk, a clock that jumps, an error inside of one connection's code."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from pathlib import Path

from torture.proxies.proxy import Setting
from torture.scenarios.scenario import Scenario
from torture.site import Site
from torture.sizes import Sizes

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
STEPS = ("+3600", "-3600", "+0")
DISK = 256 * 1024
RAISES_EACH = 40
RAISED = "raised on purpose"
PLUGIN = f"""
import itertools
from twisted.plugin import IPlugin
from zope.interface import implementer
from lbtwist.interfaces import IScheduler, ISchedulerMaker

calls = itertools.count(1)

@implementer(IScheduler)
class Raising:
    counting = False
    members = ()
    def update(self, members):
        self.members = members
    def order(self, client):
        number = next(calls)
        if number > {RAISES_EACH} and not number % {RAISES_EACH}:
            raise RuntimeError("{RAISED}")
        first = number % max(1, len(self.members))
        return iter([*self.members[first:], *self.members[:first]])
    def taken(self, number): "Not called."
    def released(self, number): "Not called."

@implementer(IPlugin, ISchedulerMaker)
class Maker:
    name = "raising"
    def make(self, chance):
        return Raising()

maker = Maker()
"""


class FullDisk(Scenario):
    """The access log's: lines are lost, requests are not, and the log goes on when there is room."""

    letter = "full-disk"
    title = "the log's disk full"
    peers = False
    _mounted = False

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        self._place = directory / "disk"
        self._place.mkdir()
        self._mounted = _mounted(self._place)
        path = self._place / "access.log" if self._mounted else Path("/dev/full")
        return Setting(sections=f'[access_log]\npath = "{path}"')

    async def fault(self, site: Site) -> None:
        if not self._mounted:
            site.tell("/dev/full")
            await site.lbtwist.says("lines are dropped")
            return
        site.tell("a tmpfs")
        with contextlib.suppress(OSError), (self._place / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(1024))
        await site.lbtwist.says("lines are dropped")
        (self._place / "other").unlink()
        (self._place / "access.log").write_bytes(b"")
        await site.lbtwist.says("it is written again")
        await asyncio.sleep(site.sizes.rest)

    def clear(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self._place)], check=False)


def _mounted(place: Path) -> bool:
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    return not subprocess.run(words, capture_output=True).returncode


class FullOwnLog(Scenario):
    """Its own log's: whatever it would say is lost, and nothing else."""

    letter = "full-own-log"
    title = "its own log on a full disk, and reloads"
    peers = False

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        return Setting(wrapper=("sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh"))

    async def fault(self, site: Site) -> None:
        for _ in range(site.sizes.reloads):
            site.lbtwist.write()
            site.lbtwist.hang_up()
            await asyncio.sleep(site.sizes.between)
        wanted = 60 + site.lbtwist.reloads % 3
        found = await site.lbtwist.ask("get", "listeners.web.idle_timeout")
        site.must(str(wanted) in str(found), f"idle_timeout should be {wanted}: {found}")
        site.tell(f"{site.sizes.reloads} reloads")


class Clock(Scenario):
    """Steps of the wall clock, of an hour each way."""

    letter = "clock"
    title = "the wall clock jumps by an hour"
    peers = False

    def lacking(self) -> str:
        return "" if LIBRARIES else "faketime is not installed (Debian: apt install faketime)"

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        self._offset = directory / "offset"
        self._offset.write_text("+0")
        environ = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return Setting(environ=environ)

    async def fault(self, site: Site) -> None:
        for step in STEPS:
            self._offset.write_text(step)
            await asyncio.sleep(site.sizes.stalled / 3)
        site.must(site.crowd.idle_cuts == 0, "idle connections were cut")
        site.tell(f"{len(STEPS)} jumps")


class Raising(Scenario):
    """An error in a scheduler of somebody else's: the request that it was called for fails, and no other."""

    letter = "exception"
    title = "an exception inside of one connection's code"
    peers = False
    expected = RAISED

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        theirs = directory / "theirs"
        plugins = theirs / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "raising_scheduler.py").write_text(PLUGIN)
        return Setting(environ={"PYTHONPATH": str(theirs)}, group='scheduler = "raising"')

    async def fault(self, site: Site) -> None:
        await asyncio.sleep(site.sizes.stalled)

    async def after(self, site: Site) -> None:
        printed = site.lbtwist.printed()
        raised = printed.count(f"RuntimeError: {RAISED}")
        harmed = sum(not each.well for each in site.crowd.asked)
        site.deeds.raised = raised
        site.tell(f"{raised} raised, {harmed} harmed")
        site.must(raised > 0, "nothing was raised")
        site.must(printed.count("Traceback") <= raised, "other errors stand in the log")
