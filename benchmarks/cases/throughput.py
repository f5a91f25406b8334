"""As many operations as go through, in each proxy in turn, round by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import BEST, Round, Sample
from benchmarks.load.iperf import iperf
from benchmarks.load.websocket import messages
from benchmarks.load.wrk import VARIED, wrk
from benchmarks.processes import TROUBLE
from benchmarks.proxies import Proxy
from benchmarks.results import Compared, Limit

SECONDS = 1
"""Of one proxy in one round."""


@dataclass(frozen=True)
class Throughput:
    """A case in which only the load differs from the others."""

    name: str
    title: str
    where: str
    """What the proxies listen for: one of `benchmarks.proxies.WHERE`."""
    load: Callable[[Proxy], Sample]
    limits: Sequence[Limit] = ()
    needs: Sequence[str] = ("nginx", "wrk")
    unit: str = "request"

    def run(
        self, proxies: Mapping[str, Proxy], rounds: int, failed: Callable[[str], object]
    ) -> Compared | None:
        """The proxies take turns, another one first in each round. None where no proxy has a sample.

        `failed` hears, in words, which sample there is not.
        """
        can = [proxy for proxy in proxies.values() if self.where in proxy.ports]
        found: list[Round] = []
        for number in range(rounds):
            each: dict[str, Sample] = {}
            for proxy in turned(can, number):
                try:
                    each[proxy.name] = self.load(proxy)
                except TROUBLE as failure:
                    failed(f"{self.name}, round {number + 1}, {proxy.name}: {failure}")
            found.append({proxy.name: each[proxy.name] for proxy in can if proxy.name in each})
        return Compared(self.name, self.title, self.unit, found, self.limits) if any(found) else None


def turned(proxies: Sequence[Proxy], by: int) -> list[Proxy]:
    """The same, with another one first."""
    first = by % len(proxies) if proxies else 0
    return [*proxies[first:], *proxies[:first]]


def _requests(where: str, clients: int, path: str = "/", *headers: str) -> Callable[[Proxy], Sample]:
    return lambda proxy: wrk(proxy, where, clients, SECONDS, path=path, headers=headers)


CLOSE = "Connection: close"
BULK = ("nginx", "iperf3")

THROUGHPUT = (
    Throughput("tcp-kept-1", "request and response in mode tcp, 1 client", "TCP", _requests("TCP", 1)),
    Throughput(
        "tcp-kept-32",
        "request and response in mode tcp, 32 clients",
        "TCP",
        _requests("TCP", 32),
        [Limit(1.2, BEST)],
    ),
    Throughput(
        "tcp-connections",
        "a connection for each request in mode tcp, 32 clients",
        "TCP",
        _requests("TCP", 32, "/", CLOSE),
        [Limit(1.25, BEST)],
        unit="connection",
    ),
    Throughput(
        "tcp-bulk-1",
        "megabytes in mode tcp, 1 stream (µs for one are ms for a gigabyte)",
        "BULK",
        lambda proxy: iperf(proxy, 1, SECONDS),
        [Limit(0.5, "haproxy"), Limit(0.7, "nginx")],
        BULK,
        "megabyte",
    ),
    Throughput(
        "tcp-bulk-8",
        "megabytes in mode tcp, 8 streams",
        "BULK",
        lambda proxy: iperf(proxy, 8, SECONDS),
        [Limit(0.5, "haproxy"), Limit(0.7, "nginx")],
        BULK,
        "megabyte",
    ),
    Throughput("http-kept-1", "small responses, 1 client", "HTTP", _requests("HTTP", 1)),
    Throughput(
        "http-kept-32", "small responses, 32 clients", "HTTP", _requests("HTTP", 32), [Limit(1.5, BEST)]
    ),
    Throughput("http-large-1", "responses of 64 KiB, 1 client", "HTTP", _requests("HTTP", 1, "/large")),
    Throughput(
        "http-large-32",
        "responses of 64 KiB, 32 clients",
        "HTTP",
        _requests("HTTP", 32, "/large"),
        [Limit(1.1, BEST)],
    ),
    Throughput(
        "http-varied",
        "small responses to requests of which no two are alike, 32 clients",
        "HTTP",
        lambda proxy: wrk(proxy, "HTTP", 32, SECONDS, script=VARIED),
        [Limit(1.5, BEST)],
    ),
    Throughput(
        "http-connections",
        "a connection for each request, small responses, 32 clients",
        "HTTP",
        _requests("HTTP", 32, "/", CLOSE),
        [Limit(1.6, "haproxy")],
        unit="connection",
    ),
    Throughput(
        "websocket",
        "messages of 32 bytes and their echoes, 32 clients",
        "WEBSOCKET",
        lambda proxy: messages(proxy, 32, SECONDS),
        [Limit(1.2, BEST)],
        ("nginx",),
        "message and its echo",
    ),
)
