"""The slowest of many requests at half of what haproxy can do, with thousands of connections held."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import count, cycle, repeat
from statistics import median

from benchmarks.cases import metrics
from benchmarks.cases.many import for_haproxy, for_lbtwist
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.ground import filled
from benchmarks.load.steady import Latencies, Steady, Tick
from benchmarks.load.wrk import wrk
from benchmarks.processes import TROUBLE, Failed, free_ports
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Limit, Measured
from lbtwist.model.config.schema import Document

HELD = 5_000
SECONDS = 1.0
WINDOWS = 5
"""So many times that, on the same connections: p99.9 is the median of theirs, for one alone tells of nothing
but a pause of the whole machine, where there was any. Ours and the yardstick's are in turn, so that what
changes there changes both."""
CUT = 1.5
"""Seconds in which connections are cut, once."""
CUTS = 3
"""So many times that, in turn and with new connections each time: p99.9 is the median of theirs."""
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

        def at_rest(*names: str) -> dict[str, AbstractContextManager[Window]]:
            return {name: _at_rest(setting, rate, costs, name) for name in names if name in setting.proxies}

        others = [name for name in setting.proxies if name not in (US, YARDSTICK)]
        rest = _in_turn(setting, at_rest(US, YARDSTICK)) | _in_turn(setting, at_rest(*others))
        figures = [
            Figure("rate", "per second", {US: rate}),
            Figure("CPU for a request at rest", "µs", dict(costs)),
            Figure("at rest", "ms", rest, limit),
        ]
        for what, disturb in DISTURBANCES.items():
            ours = {US: _disturbed(setting, rate, disturb)}
            found = _in_turn(setting, ours | at_rest(YARDSTICK))
            figures.append(Figure(f"{what} (others at rest)", "ms", found, limit))
        cuts = [setting.each(partial(_cut, setting, rate), among=(US, YARDSTICK)) for _ in range(CUTS)]
        figures.append(Figure(f"during a cut of {BATCH:,}", "ms", _medians(cuts), limit))
        return Measured(self.name, self.title, figures)


Window = Callable[[], Latencies]
"""Some requests to one proxy, on connections that it holds; to be called again and again."""


def _in_turn(setting: Setting, opened: Mapping[str, AbstractContextManager[Window]]) -> dict[str, float]:
    """p99.9 of each that can be opened."""
    windows: dict[str, Window] = {}
    with contextlib.ExitStack() as stack:
        for name, each in opened.items():
            try:
                windows[name] = stack.enter_context(each)
            except TROUBLE as failure:
                setting.failed(f"{name}: {failure}")
        return _medians(
            [{name: window().percentile(PERCENT) for name, window in windows.items()} for _ in range(WINDOWS)]
        )


def _medians(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each proxy, where it has any."""
    names = dict.fromkeys(name for each in found for name in each)
    return {name: median(each[name] for each in found if name in each) for name in names}


def half(setting: Setting) -> float:
    """Half the requests per second of haproxy with so many connections, of ours where it is missing."""
    name = YARDSTICK if YARDSTICK in setting.proxies else US
    with running(name, setting.ground) as proxy:
        return wrk(proxy, "TCP", HELD, RATED).rate / 2


Disturbance = Callable[[Setting, Proxy, contextlib.ExitStack], Tick]
"""Made just before the load begins; what it opens is closed with the stack, after the load."""


@contextlib.contextmanager
def _at_rest(setting: Setting, rate: float, costs: dict[str, float], name: str) -> Iterator[Window]:
    """`costs` has CPU in µs for a request of it, in the end."""
    asked = 0
    with running(name, setting.ground) as proxy, Steady(proxy.ports["TCP"], HELD) as load:
        before = proxy.child.usage

        def window() -> Latencies:
            nonlocal asked
            found = load.run(rate, SECONDS)
            asked += len(found.values)
            return found

        yield window
        costs[name] = (proxy.child.usage - before).total / asked * 1e6


@contextlib.contextmanager
def _disturbed(
    setting: Setting, rate: float, disturb: Disturbance, seconds: float = SECONDS
) -> Iterator[Window]:
    (port,) = free_ports(1)
    values = {"PROTOCOL": "tcp", "GROUP": GROUP, "SERVERS": _servers(range(PARTS), setting)}
    if metrics.KEY in Document.model_fields:
        values |= {"MORE": metrics.table(port), "STATUS": str(port)}
    with (
        running(US, setting.ground, TEMPLATE, values) as proxy,
        Steady(proxy.ports["HTTP"], HELD) as load,
        contextlib.ExitStack() as stack,
    ):
        yield lambda: load.run(rate, seconds, disturb(setting, proxy, stack))


def _cut(setting: Setting, rate: float, name: str) -> float:
    if name == YARDSTICK:
        return _shut_down(setting, rate)
    with _disturbed(setting, rate, _drain, CUT) as window:
        return window().percentile(PERCENT)


def _shut_down(setting: Setting, rate: float) -> float:
    """What haproxy's own cut of BATCH connections does, as long after the begin as ours. Raises Failed where
    there was none."""
    values = {"SERVERS": for_haproxy(range(PARTS), setting.ground.backend)}
    with (
        running(YARDSTICK, setting.ground, "haproxy-tail.cfg", values) as proxy,
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
