"""The process as Linux tells of it, by the names that Prometheus' clients have for it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()


class ProcessCollector(Collector):
    """In the place of prometheus_client's, which lists the descriptors: that gives the interpreter away and
    takes it back for each, so that with ten thousand connections traffic waited for some 5 ms."""

    def __init__(self, proc: Path = PROC) -> None:
        self._own = proc / "self"
        self._booted = _booted(proc / "stat")

    def collect(self) -> Iterable[Metric]:
        fields = (self._own / "stat").read_bytes().rpartition(b")")[2].split()
        user, system, started, virtual, resident = (float(fields[at]) for at in (11, 12, 19, 20, 21))
        yield GaugeMetricFamily(
            "process_virtual_memory_bytes", "Virtual memory size in bytes.", value=virtual
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Resident memory size in bytes.", value=resident * _PAGE
        )
        yield GaugeMetricFamily(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            value=self._booted + started / _TICKS,
        )
        yield CounterMetricFamily(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            value=(user + system) / _TICKS,
        )
        yield GaugeMetricFamily(
            "process_open_fds", "Number of open file descriptors.", value=open_descriptors(self._own / "fd")
        )
        yield GaugeMetricFamily(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            value=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )


def open_descriptors(folder: Path) -> int:
    """How many there are: Linux 6.2 and later have it as the size of the folder, for others it is read."""
    return folder.stat().st_size or len(os.listdir(folder))


def _booted(stat: Path) -> float:
    """When the machine was started, in seconds since 1970."""
    for line in stat.read_bytes().splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    return 0.0
