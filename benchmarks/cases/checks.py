"""Many health checks: what one costs, and what traffic feels of them. nginx makes none."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Sequence

from benchmarks.cases.many import for_haproxy, for_lbtwist
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.ground import HOST
from benchmarks.load.steady import Steady
from benchmarks.processes import Failed
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Measured

COUNT = 1_000
FIRST = 3 * COUNT
"""Checks after which each server has had one: then its state has settled."""
PATIENCE = 30.0
SECONDS = 3.0
LOOK = 0.05
"""Seconds between two looks at how many were made."""
CLIENTS, RATE = 32, 500
GROUP = """[server_groups.app.health_check]
type = "http"
interval = 1
timeout = 1
"""


class Checks:
    """Each server is asked once a second, by GET."""

    name = "checks"
    title = f"health checks of {COUNT:,} servers, each once a second"
    needs: Sequence[str] = ("nginx",)

    def run(self, setting: Setting) -> Measured:
        """Once all are known to be well: without traffic, for what they cost, then with a steady load."""
        firsts: dict[str, float] = {}
        costs: dict[str, float] = {}
        rates: dict[str, float] = {}
        stalls: dict[str, float] = {}

        def measure(name: str) -> float:
            template, servers = _configuration(name, setting.ground.backend)
            values = {"SERVERS": servers, "PROTOCOL": "http", "GROUP": GROUP}
            with running(name, setting.ground, template, values) as proxy:
                firsts[name] = _first(setting.ground.backend)
                costs[name], rates[name] = _quiet(proxy, setting.ground.backend)
                with Steady(proxy.ports["HTTP"], CLIENTS) as load:
                    stalls[name] = load.run(RATE, SECONDS).longest
            return stalls[name]

        setting.each(measure, among=(US, "haproxy"))
        if not costs:
            raise Failed("no proxy has made checks")
        figures = [
            Figure(f"from the start to {FIRST:,} checks", "s", firsts),
            Figure("CPU for a check", "µs", costs),
            Figure("checks per second", "", rates),
            Figure("longest wait of a request", "ms", stalls),
        ]
        return Measured(self.name, self.title, figures)


def _configuration(name: str, port: int) -> tuple[str, str]:
    if name == US:
        return "lb-many.toml", for_lbtwist(range(COUNT), port)
    return "haproxy-checks.cfg", for_haproxy(range(COUNT), port)


def _first(backend: int) -> float:
    """Seconds until FIRST checks were made by a proxy that has just begun to serve. Raises Failed."""
    before, begin = _asked(backend), time.monotonic()
    while _asked(backend) - before < FIRST:
        before += 1  # the question itself
        if time.monotonic() - begin > PATIENCE:
            raise Failed(f"{FIRST:,} checks were not made within {PATIENCE:.0f} s")
        time.sleep(LOOK)
    return time.monotonic() - begin


def _quiet(proxy: Proxy, backend: int) -> tuple[float, float]:
    """Microseconds of CPU for a check, and checks per second."""
    before, used, begin = _asked(backend), proxy.child.usage, time.perf_counter()
    time.sleep(SECONDS)
    used, took = proxy.child.usage - used, time.perf_counter() - begin
    made = _asked(backend) - before - 1  # the question itself
    if made <= 0:
        raise Failed(f"{proxy.name} has made no checks")
    return used.total / made * 1e6, made / took


def _asked(backend: int) -> int:
    """The requests that the servers have had."""
    connection = http.client.HTTPConnection(HOST, backend, timeout=10)
    try:
        connection.request("GET", "/asked")
        return requests_in(connection.getresponse().read().decode())
    finally:
        connection.close()


def requests_in(page: str) -> int:
    """What nginx's page of its status says of requests. Raises Failed."""
    found = re.search(r"requests\s+\d+ \d+ (\d+)", page)
    if found is None:
        raise Failed(f"nginx does not tell its requests: {page!r}")
    return int(found[1])
