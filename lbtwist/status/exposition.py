"""Readings as text: Prometheus' format 0.0.4, or OpenMetrics 1.0 for whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from prometheus_client import exposition
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from lbtwist.model.figures import BOUNDS, Distribution
from lbtwist.status.families import Family, Kind, Reading

AT_ONCE = 20
"""Readings that are written without a pause: some 0.4 ms."""

_END = b"# EOF\n"
_LES = tuple(floatToGoString(bound) for bound in (*BOUNDS, float("inf")))
# All names are of letters, digits and underscores, which any escaping leaves; this one does so quickly.
_ESCAPING = "allow-utf-8"


class Format(NamedTuple):
    """One way to write them."""

    content_type: str
    encode: Callable[[Collector], bytes]
    """What one collector collects, with an end of its own where the format has one."""
    end: bytes
    """What stands at the end of all."""


TEXT = Format(
    "text/plain; version=0.0.4; charset=utf-8", partial(exposition.generate_latest, escaping=_ESCAPING), b""
)
OPENMETRICS = Format(
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
    partial(openmetrics.generate_latest, escaping=_ESCAPING),
    _END,
)


def format_for(accept: str) -> Format:
    """The one that an Accept asks for; weights are not looked at, for every scraper takes both."""
    return OPENMETRICS if "application/openmetrics-text" in accept else TEXT


def written(format: Format, metrics: Iterable[Metric], readings: Iterable[Reading]) -> Iterator[bytes]:
    """The text, in pieces each of which takes little time; between two, values may change.

    `metrics` are whole already; those of `readings` stand together by their family.
    """
    by_family: dict[Family, list[Reading]] = {}
    for number, reading in enumerate(readings):
        by_family.setdefault(reading.family, []).append(reading)
        if number % AT_ONCE == 0:
            yield b""
    for metric in metrics:
        yield _encoded(format, metric)
    for family, its in by_family.items():
        head = _encoded(format, _metric(family, ()))
        yield head
        for at in range(0, len(its), AT_ONCE):
            yield _encoded(format, _metric(family, its[at : at + AT_ONCE])).removeprefix(head)
    yield format.end


class _One(Collector):
    """A single metric, for an encoder that wants a registry."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


def _encoded(format: Format, metric: Metric) -> bytes:
    return format.encode(_One(metric)).removesuffix(_END)


def _metric(family: Family, readings: Sequence[Reading]) -> Metric:
    if family.kind is Kind.HISTOGRAM:
        return _histogram(family, readings)
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric: CounterMetricFamily | GaugeMetricFamily = make(family.name, family.help, labels=family.labels)
    for reading in readings:
        assert not isinstance(reading.value, Distribution)
        metric.add_metric(reading.labels, float(reading.value))
    return metric


def _histogram(family: Family, readings: Sequence[Reading]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for reading in readings:
        assert isinstance(reading.value, Distribution)
        buckets = list(zip(_LES, map(float, reading.value.at_most()), strict=True))
        metric.add_metric(reading.labels, buckets, reading.value.seconds)
    return metric
