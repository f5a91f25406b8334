"""What was measured, with what is wanted of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.figures import BEST, US, Round, median, ratio, ratios


@dataclass(frozen=True)
class Limit:
    """What ours may be at most: a multiple of `peer`'s, or of 1 without a peer."""

    value: float
    peer: str = ""


@dataclass(frozen=True)
class Compared:
    """A case that every proxy ran in every round."""

    case: str
    title: str
    unit: str
    """What an operation is."""
    rounds: Sequence[Round]
    limits: Sequence[Limit] = ()

    @property
    def proxies(self) -> list[str]:
        """Those that have a sample in any round."""
        return list(dict.fromkeys(name for each in self.rounds for name in each))

    def medians(self, proxy: str) -> dict[str, float | None]:
        """Over the rounds, each for itself."""
        samples = [each[proxy] for each in self.rounds if proxy in each]
        return {
            "per_second": statistics.median(each.rate for each in samples),
            "cpu_us": statistics.median(each.cost for each in samples),
            "user_us": statistics.median(each.user for each in samples),
            "system_us": statistics.median(each.system for each in samples),
            "busy": statistics.median(each.busy for each in samples),
            "p50_us": median([each.p50 for each in samples]),
            "p99_us": median([each.p99 for each in samples]),
            "errors": float(sum(each.errors for each in samples)),
        }

    def ratio(self, peer: str) -> float | None:
        """Ours to `peer`'s CPU per operation."""
        return ratio(self.rounds, peer)

    def verdicts(self) -> list[tuple[Limit, float]]:
        """Each limit that can be judged, and what we have."""
        found = [(limit, self.ratio(limit.peer)) for limit in self.limits]
        return [(limit, value) for limit, value in found if value is not None]

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        peers = [name for name in self.proxies if name != US]
        return {
            "title": self.title,
            "unit": self.unit,
            "medians": {name: self.medians(name) for name in self.proxies},
            "ratios": {peer: self.ratio(peer) for peer in [*peers, BEST]},
            "ratios_by_round": {peer: ratios(self.rounds, peer) for peer in [*peers, BEST]},
            "limits": _limits(self.verdicts()),
            "rounds": [{name: asdict(sample) for name, sample in each.items()} for each in self.rounds],
        }


@dataclass(frozen=True)
class Figure:
    """One thing that was measured once, of one proxy or several."""

    what: str
    unit: str
    values: Mapping[str, float]
    """By the proxy's name."""
    limit: Limit | None = None

    def verdicts(self) -> list[tuple[Limit, float]]:
        """The limit, where it can be judged, and what we have."""
        of = self.values.get(self.limit.peer) if self.limit and self.limit.peer else 1.0
        if self.limit is None or not of or US not in self.values:
            return []
        return [(self.limit, self.values[US] / of)]


@dataclass(frozen=True)
class Measured:
    """A case of figures."""

    case: str
    title: str
    figures: Sequence[Figure]

    def verdicts(self) -> list[tuple[Limit, float]]:
        """Those of all figures."""
        return [verdict for figure in self.figures for verdict in figure.verdicts()]

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "title": self.title,
            "figures": [
                {
                    "what": each.what,
                    "unit": each.unit,
                    "values": dict(each.values),
                    "limits": _limits(each.verdicts()),
                }
                for each in self.figures
            ],
        }


@dataclass
class Results:
    """Of a whole run."""

    about: dict[str, Any] = field(default_factory=dict)
    cases: list[Compared | Measured] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """The cases that were not run, or not to their end, and why."""

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.about,
            "cases": {each.case: each.as_data() for each in self.cases},
            "left_out": self.left_out,
        }


def _limits(verdicts: Sequence[tuple[Limit, float]]) -> list[dict[str, Any]]:
    return [{**asdict(limit), "ours": ours, "met": ours <= limit.value} for limit, ours in verdicts]
