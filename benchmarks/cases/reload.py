"""A reload of a large configuration, and what traffic feels of it; ours alone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from benchmarks.cases.many import for_lbtwist
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.ground import filled
from benchmarks.load.steady import Steady
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Limit, Measured

COUNT = 5_000
CHANGED = 10
"""Servers that leave with a reload, and as many others that come."""
CLIENTS, RATE = 32, 500
QUIET = 2.0
"""Seconds of traffic without a reload, for comparison."""
PATIENCE = 20.0
DONE = b"] reload: "
"""In the log when it is over."""
AFTER = 0.5
"""Seconds that traffic is watched after it."""


class Reload:
    """From SIGHUP to the line in the log that tells what was done."""

    name = "reload"
    title = f"a reload with {COUNT:,} servers, {CHANGED} of which leave and {CHANGED} of which come"
    needs: Sequence[str] = ("nginx",)

    def run(self, setting: Setting) -> Measured:
        """With a steady load, before it and during it."""
        port = setting.ground.backend
        values = {"PROTOCOL": "http", "GROUP": ""}
        values["SERVERS"] = for_lbtwist(range(COUNT), port)
        with running(US, setting.ground, "lb-many.toml", values) as proxy, _load(proxy) as load:
            quiet = load.run(RATE, QUIET)
            changed = for_lbtwist(range(CHANGED, COUNT + CHANGED), port)
            proxy.file.write_text(filled("lb-many.toml", {**proxy.values, "SERVERS": changed}))
            reload = UnderWay(proxy)
            during = load.run(RATE, PATIENCE, reload.tick)
        figures = [
            ("the reload", reload.took * 1e3, None),
            ("longest wait of a request before", quiet.longest, None),
            ("longest wait of a request during", during.longest, Limit(50.0)),
            ("p99 of requests during", during.percentile(99), None),
        ]
        return Measured(
            self.name, self.title, [Figure(what, "ms", {US: value}, limit) for what, value, limit in figures]
        )


def _load(proxy: Proxy) -> Steady:
    return Steady(proxy.ports["HTTP"], CLIENTS)


class UnderWay:
    """A reload that begins with the first tick; `tick` is true some time after its end."""

    def __init__(self, proxy: Proxy) -> None:
        self.took = PATIENCE
        """Seconds."""
        self._proxy = proxy
        self._begun = 0.0
        self._read = os.path.getsize(proxy.child.log)

    def tick(self, now: float) -> bool:
        """For a steady load."""
        if not self._begun:
            self._begun = time.perf_counter()
            self._proxy.child.hang_up()
        elif self.took == PATIENCE and self._said():
            self.took = time.perf_counter() - self._begun
        return time.perf_counter() - self._begun > self.took + AFTER

    def _said(self) -> bool:
        with self._proxy.child.log.open("rb") as log:
            log.seek(self._read)
            return DONE in log.read()
