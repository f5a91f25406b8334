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
    expected = {
        "connections_total": len(lines),
        "current_connections": 0,
        "clients": 0,
        "received_bytes_total": sum(line["received"] for line in lines),
        "sent_bytes_total": sum(line["sent"] for line in lines),
        "refused_connections_total": sum(line["end"] in UNSERVED for line in lines),
    }
    counted = {name: scrape.value(f"listener_{name}", listener=listener) for name in expected}
    assert counted == expected, f"{counted}, but in the log {expected}"
    responses, logged = answered(scrape, listener), statuses(lines)
    assert responses == logged, f"{responses}, but in the log {logged}"


def answered(scrape: Scrape, listener: str) -> Counter[str]:
    """Responses of the listener, by class."""
    counts = {
        code: scrape.value("listener_responses_total", listener=listener, code=code) for code in CLASSES
    }
    return +Counter({code: int(count) for code, count in counts.items()})


def statuses(lines: Sequence[Line]) -> Counter[str]:
    """How many lines have a status of each class."""
    return Counter(f"{line['status'] // 100}xx" for line in lines if line["status"])
