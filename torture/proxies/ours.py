"""lbtwist, as users run it: a file, `twistd`, and a console over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import US
from benchmarks.ground import ROOT
from benchmarks.processes import Failed, free_ports
from tests.certificates import issue
from tests.functional.generations import Generations, alive
from tests.functional.process import UNWANTED
from torture.proxies.proxy import START, Proxy, Setting
from torture.servers import Server

RELOADED = "] reload: "
UPGRADING = ("an upgrade is under way", "the console closes")
"""Verbs that change something are to be said again then."""
COUNT = """import gc
gc.collect()
found = [type(each) for each in gc.get_objects()]
kept = {"Ledger", "Vacancy", "Pipe"}
print(sum(each.__module__.startswith("lbtwist.net") and each.__name__ not in kept for each in found))
"""
"""What a registration has as long as it is there, and spare pipes, are of no connection."""
_LEFT_TO_US = AssertionError()
"""Given to the balancer at its end: its log is judged by the scenario."""


class Ours(Proxy):
    """Servers are drained by the verb."""

    name = US
    template = "lb.toml"

    def __init__(self, directory: Path, servers: Sequence[Server], setting: Setting) -> None:
        super().__init__(directory, servers, setting)
        issue(None, ["127.0.0.1"]).write(directory, "server")
        https, tls = free_ports(2)
        self._values |= {"HTTPS": str(https), "TLS": str(tls)}
        self.https = ("127.0.0.1", https)
        """Where its https listener is, over the same servers as its http listener."""
        self.tls = ("127.0.0.1", tls)
        """Where its tls listener is, over the same servers as its tcp listener."""
        environ = {**setting.environ, "PYTHONPATH": self._path(setting)}
        text = self.configuration()
        self._lb = Generations(directory, text, environ=environ, wrapper=setting.wrapper)

    @property
    def pid(self) -> int:
        """Of the newest generation that has taken over."""
        with contextlib.suppress(AssertionError):  # the first has ended, which is no fault by itself
            self._lb.heard()
        return self._lb.pid

    @property
    def generations(self) -> Sequence[int]:
        return [pid for pid in dict.fromkeys([self.pid, *self._lb.pids]) if alive(pid)]

    @property
    def running(self) -> bool:
        return self._lb.running

    @property
    def status(self) -> int:
        """Its exit status, when it has ended."""
        return int(self._lb.process.returncode)

    async def start(self) -> None:
        try:
            await asyncio.to_thread(self._lb.__enter__)
        except AssertionError as error:
            raise Failed(f"{self.name}: {error}") from None

    async def end(self) -> None:
        await asyncio.to_thread(self._lb.__exit__, AssertionError, _LEFT_TO_US, None)

    def configuration(self, sections: str = "") -> str:
        """What is in its file now, with further `sections`, but for the console."""
        setting = self.setting
        values = {
            "TOP": setting.top,
            "SECTIONS": f"{setting.sections}\n{sections}",
            "GROUP": setting.group,
            "IDLE": str(60 + self.reloads % 3),
        }
        return self.filled(self.template, values)

    def write(self, sections: str = "") -> None:
        """Its file, anew, with another idle timeout of the http listener."""
        self.reloads += 1
        self._lb.configure(self.configuration(sections))

    def hang_up(self) -> None:
        """SIGHUP."""
        self.signal(signal.SIGHUP)

    async def reload(self) -> None:
        done = self.printed().count(RELOADED)
        self.write()
        self.hang_up()
        await self.says(RELOADED, done + 1)

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until `text` stands in its log so many times. Raises Failed."""
        try:
            async with asyncio.timeout(START):
                while self.printed().count(text) < times:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise Failed(f"{self.name} did not say {text!r}: {self.printed()[-1000:]}") from None

    async def drain(self, server: str) -> None:
        await self.ask("drain", f"web/{server}", "--force")

    async def ready(self, server: str) -> None:
        await self.ask("ready", f"web/{server}")

    async def upgrade(self) -> None:
        """SIGUSR2; returns when the next generation has taken over. Raises Failed."""
        try:
            await asyncio.to_thread(self._lb.upgrade)
        except AssertionError as error:
            raise Failed(f"{self.name}: {error}") from None

    async def alone(self) -> None:
        """Wait until the older generations have ended. Raises Failed."""
        try:
            async with asyncio.timeout(START):
                while self.generations != [self.pid]:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise Failed(f"{self.name}: an older generation has not ended: {self.generations}") from None

    async def ask(self, *words: str) -> Any:
        """What a verb answers, as data. Raises Failed where it is refused, but for the time of an upgrade."""
        until = time.monotonic() + START
        done = await asyncio.to_thread(self._lb.ssh, *words, "--json")
        while any(text in done.stderr for text in UPGRADING) and time.monotonic() < until:
            await asyncio.sleep(0.1)
            done = await asyncio.to_thread(self._lb.ssh, *words, "--json")
        if done.returncode:
            raise Failed(f"{' '.join(words)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    async def objects(self) -> int:
        """How many of its data plane's there are, as Python counts them."""
        done: subprocess.CompletedProcess[str] = await asyncio.to_thread(self._lb.give, COUNT)
        return int(done.stdout.split()[-1])

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """To the newest generation that has taken over, as a service manager does; none may run any more."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def printed(self) -> str:
        return self._lb.log

    def unwanted(self) -> list[str]:
        """What no log may hold."""
        return [line for line in self.printed().splitlines() if any(word in line for word in UNWANTED)]

    def _path(self, setting: Setting) -> str:
        """Ours is the one of this checkout, wherever another one may be installed."""
        theirs = setting.environ.get("PYTHONPATH")
        return f"{theirs}:{ROOT}" if theirs else str(ROOT)
