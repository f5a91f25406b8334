"""The slowest of many requests at half of what haproxy can do, with thousands of connections held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from benchmarks.cases.many import for_lbtwist
from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.ground import filled
from benchmarks.load.steady import Steady, Tick
from benchmarks.load.wrk import wrk
from benchmarks.proxies import Proxy, running
from benchmarks.results import Figure, Limit, Measured

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
TEMPLATE = "lb-many.toml"
CHANGES: Mapping[str, range] = {
    "during a reload (others at rest)": range(PARTS + 1),
    f"during a drain of {BATCH:,} (others at rest)": range(1, PARTS),
}
"""The numbers of the servers that the file has then."""
CLIENTS = 32


class Tail:
    """Requests in mode tcp, at a steady rate that does not wait for answers."""

    name = "tail"
    title = f"p99.9 with {HELD:,} connections in mode tcp, at half of the rate of {YARDSTICK}"
    needs: Sequence[str] = ("nginx", "wrk")

    def run(self, setting: Setting) -> Measured:
        """Of all proxies at rest, and of ours during a reload and a drain."""
        rate = half(setting)
        limit = Limit(1.5, YARDSTICK)

        def at_rest(name: str) -> float:
            with running(name, setting.ground) as proxy, Steady(proxy.ports["TCP"], HELD) as load:
                return load.run(rate, SECONDS).percentile(PERCENT)

        rest = setting.each(at_rest)
        others = {name: value for name, value in rest.items() if name != US}
        figures = [Figure("rate", "per second", {US: rate}), Figure("at rest", "ms", rest, limit)]
        for what, servers in CHANGES.items():
            ours = setting.each(partial(_disturbed, setting, rate, servers), among=(US,))
            figures.append(Figure(what, "ms", {**ours, **others}, limit))
        return Measured(self.name, self.title, figures)


def half(setting: Setting) -> float:
    """Half the requests per second of haproxy in mode tcp, of ours where it is missing."""
    name = YARDSTICK if YARDSTICK in setting.proxies else US
    with running(name, setting.ground) as proxy:
        return wrk(proxy, "TCP", CLIENTS, 1).rate / 2


def _disturbed(setting: Setting, rate: float, after: Iterable[int], name: str) -> float:
    """p99.9 while the file is read again, which then has the servers `after`."""
    values = {"PROTOCOL": "tcp", "GROUP": GROUP, "SERVERS": _servers(range(PARTS), setting)}
    with running(name, setting.ground, TEMPLATE, values) as proxy, Steady(proxy.ports["HTTP"], HELD) as load:
        proxy.file.write_text(filled(TEMPLATE, {**proxy.values, "SERVERS": _servers(after, setting)}))
        return load.run(rate, SECONDS, _hangs_up(proxy)).percentile(PERCENT)


def _servers(numbers: Iterable[int], setting: Setting) -> str:
    return for_lbtwist(numbers, setting.ground.backend)


def _hangs_up(proxy: Proxy) -> Tick:
    """Does so at the first tick, and lets the load run on."""
    once = iter([proxy.child.hang_up])

    def tick(now: float) -> bool:
        for hang_up in once:
            hang_up()
        return False

    return tick
