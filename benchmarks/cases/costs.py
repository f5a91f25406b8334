"""What the access log and metrics cost, where this lbtwist has them; ours alone."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.load.wrk import wrk
from benchmarks.processes import Failed
from benchmarks.proxies import running
from benchmarks.results import Figure, Measured
from lbtwist.model.config.schema import Document

TABLES = {
    "access_log": '[access_log]\npath = "access.log"\n',
    "status": '[status]\nendpoint = "127.0.0.1:0"\n',
}
"""What turns each of them on."""
PLAIN = "without them"
CLIENTS, SECONDS = 32, 1


class Costs:
    """Small http responses with each of them turned on, and with none."""

    name = "costs"
    title = "CPU for a request with the access log, and with metrics"
    needs: Sequence[str] = ("nginx", "wrk")

    def run(self, setting: Setting) -> Measured:
        """Round by round. Raises Failed where the schema has none of them."""
        there = {name: table for name, table in TABLES.items() if name in Document.model_fields}
        if not there:
            raise Failed(f"the configuration has no {' and no '.join(f'[{name}]' for name in TABLES)}")
        costs = _costs(setting, {PLAIN: "", **there})
        figures = [Figure(name, "µs", {US: statistics.median(found)}) for name, found in costs.items()]
        return Measured(self.name, self.title, figures)


def _costs(setting: Setting, tables: Mapping[str, str]) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in tables}
    with contextlib.ExitStack() as stack:
        proxies = {
            name: stack.enter_context(running(US, setting.ground, values={"MORE": table}))
            for name, table in tables.items()
        }
        for _ in range(setting.rounds):
            for name, proxy in proxies.items():
                costs[name].append(wrk(proxy, "HTTP", CLIENTS, SECONDS).cost)
    return costs
