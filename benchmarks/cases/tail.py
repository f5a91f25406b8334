"""The slowest of many requests at half of what haproxy can do, with thousands of connections held."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle, repeat
from statistics import median

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
SECONDS = 1.0
WINDOWS = 5
"""So many times that, one after the other on the same connections: p99.9 is the median of theirs, for one
alone tells of nothing but a pause of the whole machine, where there was any."""
CUT = 1.5
"""Seconds in which connections are cut, once."""
CUTS = 3
"""So many times that, with new connections each time: p99.9 is the median of theirs."""
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
RATED = 2
"""Seconds in which the rate is found."""


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
                found = [load.run(rate, SECONDS) for _ in range(WINDOWS)]
                asked = sum(len(each.values) for each in found)
                costs[name] = (proxy.child.usage - before).total / asked * 1e6
                return median(each.percentile(PERCENT) for each in found)

        rest = setting.each(at_rest)
        others = {name: value for name, value in rest.items() if name != US}
        shut = setting.each(_repeated(partial(_shut_down, setting, rate)), among=(YARDSTICK,))
        figures = [
            Figure("rate", "per second", {US: rate}),
            Figure("CPU for a request at rest", "µs", costs),
            Figure("at rest", "ms", rest, limit),
        ]
        for what, disturb in DISTURBANCES.items():
            ours = setting.each(partial(_disturbed, setting, rate, disturb), among=(US,))
            figures.append(Figure(f"{what} (others at rest)", "ms", {**ours, **others}, limit))
        cut = _repeated(partial(_disturbed, setting, rate, _drain, windows=1, seconds=CUT))
        ours = setting.each(cut, among=(US,))
        figures.append(Figure(f"during a cut of {BATCH:,}", "ms", {**ours, **shut}, limit))
        return Measured(self.name, self.title, figures)


def _repeated(measure: Callable[[str], float]) -> Callable[[str], float]:
    return lambda name: median(measure(name) for _ in range(CUTS))


def half(setting: Setting) -> float:
    """Half the requests per second of haproxy with so many connections, of ours where it is missing."""
    name = YARDSTICK if YARDSTICK in setting.proxies else US
    with running(name, setting.ground) as proxy:
        return wrk(proxy, "TCP", HELD, RATED).rate / 2


Disturbance = Callable[[Setting, Proxy, contextlib.ExitStack], Tick]
"""Made just before the load begins; what it opens is closed with the stack, after the load."""


def _disturbed(
    setting: Setting,
    rate: float,
    disturb: Disturbance,
    name: str,
    *,
    windows: int = WINDOWS,
    seconds: float = SECONDS,
) -> float:
    (port,) = free_ports(1)
    values = {"PROTOCOL": "tcp", "GROUP": GROUP, "SERVERS": _servers(range(PARTS), setting)}
    if metrics.KEY in Document.model_fields:
        values |= {"MORE": metrics.table(port), "STATUS": str(port)}
    with (
        running(name, setting.ground, TEMPLATE, values) as proxy,
        Steady(proxy.ports["HTTP"], HELD) as load,
        contextlib.ExitStack() as stack,
    ):
        found = [load.run(rate, seconds, disturb(setting, proxy, stack)) for _ in range(windows)]
        return median(each.percentile(PERCENT) for each in found)


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

        found = load.run(rate, CUT, tick)
        if load.connected > HELD - BATCH:
            raise Failed(f"it has shut down {HELD - load.connected} sessions of {BATCH}")
        return found.percentile(PERCENT)


def _reload(
    each: Iterator[Iterable[int]], setting: Setting, proxy: Proxy, stack: contextlib.ExitStack
) -> Tick:
    """The file is read again once, and then has the next servers of `each`."""
    after = next(each)
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
    "during a reload": partial(_reload, cycle((range(PARTS + 1), range(PARTS)))),
    "while metrics are read": _scrapes,
}
_drain: Disturbance = partial(_reload, repeat(range(1, PARTS)))


def _servers(numbers: Iterable[int], setting: Setting) -> str:
    return for_lbtwist(numbers, setting.ground.backend)
