"""What a metric is: a family with a name, a kind and labels, and readings of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from lbtwist.model.figures import Distribution


class Kind(Enum):
    """As Prometheus has them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """All series of one name."""

    name: str
    """As Prometheus stores it: that of a counter ends with `_total`, of times with `_seconds`."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    def of(self, value: float | Distribution, *labels: str) -> Reading:
        """One series of it, as it is now."""
        return Reading(self, labels, value)


class Reading(NamedTuple):
    """The value of one series."""

    family: Family
    labels: tuple[str, ...]
    """The values of the family's labels, in their order."""
    value: float | Distribution
