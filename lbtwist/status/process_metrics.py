"""Metrics of the process and of Python, under the names that all of Prometheus' clients give them."""

from __future__ import annotations

from prometheus_client import GCCollector, PlatformCollector
from prometheus_client.core import Metric
from prometheus_client.registry import CollectorRegistry

from lbtwist.status.process_collector import ProcessCollector

NAMES = (
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "python_gc_objects_collected_total",
    "python_gc_objects_uncollectable_total",
    "python_gc_collections_total",
    "python_info",
)
"""What there is on Linux."""


class ProcessMetrics:
    """Reads them. Where the kernel is older than 6.2 that takes as long as to list all descriptors: for a
    thread."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        registry.register(ProcessCollector())
        GCCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._registry = registry

    def __call__(self) -> list[Metric]:
        return list(self._registry.collect())
