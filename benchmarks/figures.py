"""The arithmetic: costs of an operation, percentiles, medians over rounds, ratios within a round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

US = "lbtwist"
BEST = "best"
"""In place of a peer's name: the one that was the cheaper in each round."""


@dataclass(frozen=True)
class Usage:
    """Seconds of CPU that were used."""

    user: float = 0.0
    system: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.user + other.user, self.system + other.system)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.user - other.user, self.system - other.system)

    @property
    def total(self) -> float:
        return self.user + self.system


@dataclass(frozen=True)
class Sample:
    """What one proxy did in one round."""

    operations: float
    seconds: float
    usage: Usage = Usage()
    p50: float | None = None
    """Microseconds; None where there are no single operations."""
    p99: float | None = None
    errors: int = 0

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of CPU for an operation."""
        return self.usage.total / self.operations * 1e6

    @property
    def user(self) -> float:
        """The part of `cost` that was spent in the program."""
        return self.usage.user / self.operations * 1e6

    @property
    def system(self) -> float:
        """The part of `cost` that was spent in the kernel."""
        return self.usage.system / self.operations * 1e6

    @property
    def busy(self) -> float:
        """The share of a core that it had, 0–1."""
        return self.usage.total / self.seconds


Round = Mapping[str, Sample]
"""One sample of each proxy, by its name."""


def ratios(rounds: Sequence[Round], peer: str) -> list[float]:
    """Our cost as a multiple of `peer`'s, in each round that has both. `peer` may be BEST."""
    found = []
    for each in rounds:
        peers = each.keys() - {US} if peer == BEST else each.keys() & {peer}
        costs = [each[name].cost for name in peers]
        if US in each and costs:
            found.append(each[US].cost / min(costs))
    return found


def ratio(rounds: Sequence[Round], peer: str) -> float | None:
    """The median of `ratios`; None where no round has both."""
    found = ratios(rounds, peer)
    return statistics.median(found) if found else None


def median(values: Sequence[float | None]) -> float | None:
    """The median of those that are there; None without any."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of `values` that so many percent of them do not exceed (nearest rank). Needs one."""
    rank = math.ceil(round(len(values) * percent / 100, 6))
    return sorted(values)[max(rank, 1) - 1]
