"""What the access log, the metrics and receipts tell of the same connections."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.functional.balancer import Balancer
from tests.functional.test_status import get

LOG = '\n[access_log]\npath = "access.log"\n'
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
UNSERVED = {"connect_failed", "connect_timeout", "no_server"}
"""How lines of those end that got no server."""

Line = Mapping[str, Any]


class Scrape:
    """What /metrics told at one time."""

    def __init__(self, lb: Balancer) -> None:
        self._samples = [
            sample
            for metric in text_string_to_metric_families(get(lb, "/metrics")[1])
            for sample in metric.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """Of all series with these labels, in sum."""
        found = (each for each in self._samples if each.name == f"lbtwist_{name}")
        return sum(each.value for each in found if labels.items() <= each.labels.items())


def lines_of(path: Path) -> list[Line]:
    """Of the access log; each is whole."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_counted(lines: Sequence[Line], scrape: Scrape, listener: str) -> None:
    """The listener's metrics have what the lines have."""
    of = {"listener": listener}
    assert scrape.value("listener_connections_total", **of) == len(lines)
    assert scrape.value("listener_current_connections", **of) == scrape.value("listener_clients", **of) == 0
    for name in ("received", "sent"):
        assert scrape.value(f"listener_{name}_bytes_total", **of) == sum(line[name] for line in lines), name
    refused = sum(line["end"] in UNSERVED for line in lines)
    assert scrape.value("listener_refused_connections_total", **of) == refused
    assert answered(scrape, listener) == statuses(lines)


def answered(scrape: Scrape, listener: str) -> Counter[str]:
    """Responses of the listener, by class."""
    counts = {
        code: scrape.value("listener_responses_total", listener=listener, code=code) for code in CLASSES
    }
    return +Counter({code: int(count) for code, count in counts.items()})


def statuses(lines: Sequence[Line]) -> Counter[str]:
    """How many lines have a status of each class."""
    return Counter(f"{line['status'] // 100}xx" for line in lines if line["status"])
