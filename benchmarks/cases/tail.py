"""The slowest of many requests at half of what haproxy can do, with thousands of connections held."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count

from benchmarks.cases import metrics
from benchmarks.cases.many import for_haproxy, for_lbtwist
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.ground import filled
from benchmarks.load.steady import Steady, Tick
from benchmarks.load.wrk import wrk
from benchmarks.processes import Failed, free_ports
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Limit, Measured
from lbtwist.model.config.schema import Document

HELD = 5_000
SECONDS = 2.0
PERCENT = 99.9
YARDSTICK = "haproxy"
BATCH = 1_000
"""Connections that have to leave with the server that is drained."""
PARTS = HELD // BATCH
DRAINED = 0.5
"""Seconds that they have."""
GROUP = f"""[server_groups.app.connection_draining]
timeout = {DRAINED}
"""
SCRAPE = 0.2
"""Seconds between two readings of the metrics."""
TEMPLATE = "lb-many.toml"
CLIENTS = 32


class Tail:
    """Requests in mode tcp, at a steady rate that does not wait for answers."""

    name = "tail"
    title = f"p99.9 with {HELD:,} connections in mode tcp, at half of the rate of {YARDSTICK}"
    needs: Sequence[str] = ("nginx", "wrk")

    def run(self, setting: Setting) -> Measured:
        """Of all proxies at rest, and of ours while something else goes on."""
        rate = half(setting)
        limit = Limit(1.5, YARDSTICK)
        costs: dict[str, float] = {}

        def at_rest(name: str) -> float:
            with running(name, setting.ground) as proxy, Steady(proxy.ports["TCP"], HELD) as load:
                before = proxy.child.usage
                found = load.run(rate, SECONDS)
                costs[name] = (proxy.child.usage - before).total / len(found.values) * 1e6
                return found.percentile(PERCENT)

        rest = setting.each(at_rest)
        others = {name: value for name, value in rest.items() if name != US}
        figures = [
            Figure("rate", "per second", {US: rate}),
            Figure("CPU for a request at rest", "µs", costs),
            Figure("at rest", "ms", rest, limit),
        ]
        for what, disturb in DISTURBANCES.items():
            ours = setting.each(partial(_disturbed, setting, rate, disturb), among=(US,))
            figures.append(Figure(f"{what} (others at rest)", "ms", {**ours, **others}, limit))
        shut = setting.each(partial(_shut_down, setting, rate), among=(YARDSTICK,))
        figures.append(Figure(f"while {BATCH:,} sessions are shut down", "ms", shut))
        return Measured(self.name, self.title, figures)


def half(setting: Setting) -> float:
    """Half the requests per second of haproxy in mode tcp, of ours where it is missing."""
    name = YARDSTICK if YARDSTICK in setting.proxies else US
    with running(name, setting.ground) as proxy:
        return wrk(proxy, "TCP", CLIENTS, 1).rate / 2


Disturbance = Callable[[Setting, Proxy, contextlib.ExitStack], Tick]
"""Made just before the load begins; what it opens is closed with the stack, after the load."""


def _disturbed(setting: Setting, rate: float, disturb: Disturbance, name: str) -> float:
    (port,) = free_ports(1)
    values = {"PROTOCOL": "tcp", "GROUP": GROUP, "SERVERS": _servers(range(PARTS), setting)}
    if metrics.KEY in Document.model_fields:
        values |= {"MORE": metrics.table(port), "STATUS": str(port)}
    with (
        running(name, setting.ground, TEMPLATE, values) as proxy,
        Steady(proxy.ports["HTTP"], HELD) as load,
        contextlib.ExitStack() as stack,
    ):
        return load.run(rate, SECONDS, disturb(setting, proxy, stack)).percentile(PERCENT)


def _shut_down(setting: Setting, rate: float, name: str) -> float:
    """What haproxy's own cut of BATCH connections does, as long after the begin as ours. Raises Failed where
    there was none."""
    values = {"SERVERS": for_haproxy(range(PARTS), setting.ground.backend)}
    with (
        running(name, setting.ground, "haproxy-tail.cfg", values) as proxy,
        Steady(proxy.ports["TCP"], HELD) as load,
        socket.socket(socket.AF_UNIX) as admin,
    ):
        admin.connect(str(proxy.directory / "admin"))
        once = iter([b"shutdown sessions server tcp/s0\n"])

        def tick(now: float) -> bool:
            if now >= DRAINED:
                for command in once:
                    admin.sendall(command)
            return False

        found = load.run(rate, SECONDS, tick)
        if load.connected > HELD - BATCH:
            raise Failed(f"it has shut down {HELD - load.connected} sessions of {BATCH}")
        return found.percentile(PERCENT)


def _reload(after: Iterable[int], setting: Setting, proxy: Proxy, stack: contextlib.ExitStack) -> Tick:
    """The file is read again once, and then has the servers `after`."""
    values = {**proxy.values, "SERVERS": _servers(after, setting)}
    proxy.file.write_text(filled(TEMPLATE, values))
    once = iter([proxy.child.hang_up])

    def tick(now: float) -> bool:
        for hang_up in once:
            hang_up()
        return False

    return tick


def _scrapes(setting: Setting, proxy: Proxy, stack: contextlib.ExitStack) -> Tick:
    """The metrics are read every so often. Raises Failed where there are none."""
    if "STATUS" not in proxy.values:
        raise Failed(f"the configuration has no [{metrics.KEY}]")
    port = int(proxy.values["STATUS"])
    metrics.scrape(port)
    due = count(1)
    at = next(due) * SCRAPE

    def tick(now: float) -> bool:
        nonlocal at
        if now >= at:
            at = next(due) * SCRAPE
            metrics.asked(port, stack)
        return False

    return tick


DISTURBANCES: Mapping[str, Disturbance] = {
    "during a reload": partial(_reload, range(PARTS + 1)),
    "while metrics are read": _scrapes,
    f"during a drain of {BATCH:,}": partial(_reload, range(1, PARTS)),
}


def _servers(numbers: Iterable[int], setting: Setting) -> str:
    return for_lbtwist(numbers, setting.ground.backend)
