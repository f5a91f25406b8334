"""What the process is said to be, beside what others say of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import ProcessCollector as Theirs
from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from lbtwist.status.process_collector import ProcessCollector, open_descriptors


def read(collector: Collector) -> dict[str, Metric]:
    return {metric.name: metric for metric in collector.collect()}


def test_it_says_what_the_library_says() -> None:
    ours, theirs = read(ProcessCollector()), read(Theirs(registry=CollectorRegistry()))
    assert ours.keys() == theirs.keys()
    for name, metric in theirs.items():
        own = ours[name]
        assert (own.documentation, own.type, own.unit) == (metric.documentation, metric.type, metric.unit)
        (sample,), (expected,) = own.samples, metric.samples
        assert sample.name == expected.name
        # Listing them opens one more; memory and time go on.
        assert sample.value == pytest.approx(expected.value, rel=0.05, abs=1.0)


def test_descriptors_are_those_that_are_open() -> None:
    folder = Path("/proc/self/fd")
    before = open_descriptors(folder)
    more = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    try:
        assert open_descriptors(folder) == before + 20
    finally:
        for each in more:
            os.close(each)


def test_they_are_counted_where_the_kernel_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Older(type(tmp_path)):  # type: ignore[misc]
        """Its folders have no size, as those of proc(5) had none."""

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            found = list(super().stat(follow_symlinks=follow_symlinks))
            found[6] = 0
            return os.stat_result(found)

    for number in range(3):
        (tmp_path / str(number)).touch()
    assert open_descriptors(Older(tmp_path)) == 3
