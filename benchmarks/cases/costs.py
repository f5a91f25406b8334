"""What the access log and metrics cost, where this lbtwist has them; ours alone."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from operator import sub

from benchmarks.cases import metrics
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.load.wrk import wrk
from benchmarks.processes import Failed, free_ports
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Limit, Measured
from lbtwist.model.config.schema import Document

LOG = "access_log"
LIMITS = {LOG: Limit(4.0), metrics.KEY: Limit(1.0)}
CLIENTS, SECONDS, SCRAPES = 32, 1, 20
ROUNDS = 7
"""At least: what is looked for is less than what a round differs from the next."""


class Costs:
    """Small http responses with each of them turned on, and with none."""

    name = "costs"
    title = "CPU with the access log, and with metrics"
    needs: Sequence[str] = ("nginx", "wrk")

    def run(self, setting: Setting) -> Measured:
        """Round by round. Raises Failed where there is none of them."""
        (port,) = free_ports(1)
        tables = {LOG: f'[{LOG}]\npath = "access.log"\n', metrics.KEY: metrics.table(port)}
        there = {name: table for name, table in tables.items() if name in Document.model_fields}
        if not there:
            raise Failed(f"the configuration has no {' and no '.join(f'[{name}]' for name in tables)}")
        return Measured(self.name, self.title, figures(setting, there, port))


def figures(setting: Setting, tables: Mapping[str, str], port: int) -> list[Figure]:
    """With each of `tables` in the configuration, one by one; metrics are served on `port`.

    What each adds is paired within a round. Raises Failed where no metrics are served.
    """
    found: list[Figure] = []
    with contextlib.ExitStack() as stack:
        proxies = {"": stack.enter_context(running(US, setting.ground))}
        for name, table in tables.items():
            proxies[name] = stack.enter_context(running(US, setting.ground, values={"MORE": table}))
            if name == metrics.KEY:
                found.append(Figure("a scrape", "µs", {US: scraped(proxies[name], port)}))
        costs: dict[str, list[float]] = {name: [] for name in proxies}
        for number in range(max(ROUNDS, setting.rounds)):
            # Another one first each time: who is next to which does not matter then.
            for name in turned([*proxies], number):
                costs[name].append(wrk(proxies[name], "HTTP", CLIENTS, SECONDS).cost)
    plain = costs.pop("")
    more = {name: statistics.median(map(sub, each, plain)) for name, each in costs.items()}
    return [
        Figure("a request with neither", "µs", {US: statistics.median(plain)}),
        *(Figure(f"what [{name}] adds", "µs", {US: each}, LIMITS[name]) for name, each in more.items()),
        *found,
    ]


def turned(names: Sequence[str], by: int) -> Sequence[str]:
    """All of `names` in their order, from another one on."""
    at = by % len(names)
    return [*names[at:], *names[:at]]


def scraped(proxy: Proxy, port: int) -> float:
    """Microseconds of CPU for one reading of the metrics. Raises Failed where there are none."""
    metrics.scrape(port)
    before = proxy.child.usage
    for _ in range(SCRAPES):
        metrics.scrape(port)
    return (proxy.child.usage - before).total / SCRAPES * 1e6
