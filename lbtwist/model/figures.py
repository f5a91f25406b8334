"""What a data plane has counted beyond the tallies of its scopes: plain values that cross the seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: the upper ends of the buckets of every distribution; the last bucket has none."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
"""How responses are counted, by the first digit of their status; of 1xx, 101 alone is one."""


class Distribution(NamedTuple):
    """How long something took, each time that it happened."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    """By bucket: how often it took at most so long, and longer than the bucket before says."""
    seconds: float = 0.0
    """All of them together."""

    @property
    def total(self) -> int:
        """How often it happened."""
        return sum(self.counts)

    def at_most(self) -> list[int]:
        """How often it took at most as long as each bound says, and then how often it happened."""
        return list(accumulate(self.counts))


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    """What was counted of one listener."""

    clients: int = 0
    """Connections of clients at this moment, with a request or without."""
    responses: tuple[int, ...] = (0,) * len(CLASSES)
    """http: final responses that clients were sent, our own included, by their class."""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What was counted of one server group. All but `queue` only grow."""

    queue: int = 0
    """Connections and requests that wait for a server with room, at this moment."""
    no_server: int = 0
    """Those that ended without a server: there was none, each that was tried failed, or all were full."""
    retries: int = 0
    """Further servers that were tried after a failure."""
    responses: tuple[int, ...] = (0,) * len(CLASSES)
    """http: final responses of its servers, by their class."""
    connect: Distribution = Distribution()
    """From the connect to the connection, where it was made."""
    header: Distribution = Distribution()
    """http: from the last byte of the request sent to the whole head of the final response."""
    response: Distribution = Distribution()
    """http: from the last byte of the request sent to the last of the response."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a data plane has counted so, at one moment."""

    listeners: Mapping[int, ListenerFigures] = field(default_factory=lambda: MappingProxyType({}))
    """By the listener's number."""
    groups: Mapping[str, GroupFigures] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[int, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    """By the registration's number: connections to it that failed, by the reason; their sum is the
    `failed` of its tally."""
