"""What a data plane has counted beyond the tallies of its scopes: plain values that cross the seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Protocol, Self, TypeVar

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: the upper ends of the buckets of every distribution; the last bucket has none.

Generations add theirs bucket by bucket: with other bounds they speak another version (`MAJOR`)."""
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
"""How responses are counted, by the first digit of their status; of 1xx, 101 alone is one."""


class _Sum(Protocol):
    def __add__(self, other: Self, /) -> Self: ...


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Added = TypeVar("_Added", bound=_Sum)


@dataclass(frozen=True, slots=True)
class Distribution:
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

    def __add__(self, other: Distribution) -> Distribution:
        return Distribution(_each(self.counts, other.counts), self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class ListenerFigures:
    """What was counted of one listener."""

    clients: int = 0
    """Connections of clients at this moment, with a request or without."""
    responses: tuple[int, ...] = (0,) * len(CLASSES)
    """http: final responses that clients were sent, our own included, by their class."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Clients that were turned away at the entrance, by the reason."""

    def __add__(self, other: ListenerFigures) -> ListenerFigures:
        return ListenerFigures(
            self.clients + other.clients,
            _each(self.responses, other.responses),
            _added(self.refused, other.refused),
        )


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

    def __add__(self, other: GroupFigures) -> GroupFigures:
        return GroupFigures(
            queue=self.queue + other.queue,
            no_server=self.no_server + other.no_server,
            retries=self.retries + other.retries,
            responses=_each(self.responses, other.responses),
            connect=self.connect + other.connect,
            header=self.header + other.header,
            response=self.response + other.response,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """All that a data plane has counted so, at one moment."""

    listeners: Mapping[int, ListenerFigures] = field(default_factory=dict)
    """By the listener's number."""
    groups: Mapping[str, GroupFigures] = field(default_factory=dict)
    failures: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """By the registration's number: connections to it that failed, by the reason; their sum is the
    `failed` of its tally."""

    def __add__(self, other: Figures) -> Figures:
        mine, its = self.failures, other.failures
        return Figures(
            _added(self.listeners, other.listeners),
            _added(self.groups, other.groups),
            {number: _added(mine.get(number, {}), its.get(number, {})) for number in {**mine, **its}},
        )

    def since(self, before: Figures) -> Figures:
        """Those that are other than `before`, whole."""
        return Figures(
            _other(self.listeners, before.listeners),
            _other(self.groups, before.groups),
            _other(self.failures, before.failures),
        )

    def updated(self, news: Figures) -> Figures:
        """With what is other in `news`; those that are left out there are as they were."""
        return Figures(
            {**self.listeners, **news.listeners},
            {**self.groups, **news.groups},
            {**self.failures, **news.failures},
        )

    def renumbered(self, numbers: Mapping[int, int]) -> Figures:
        """By other numbers of listeners and registrations; without those that have none."""
        return Figures(
            {numbers[number]: each for number, each in self.listeners.items() if number in numbers},
            self.groups,
            {numbers[number]: each for number, each in self.failures.items() if number in numbers},
        )

    def without(self, *forgotten: int) -> Figures:
        """But for these listeners and registrations."""
        return Figures(
            {number: each for number, each in self.listeners.items() if number not in forgotten},
            self.groups,
            {number: each for number, each in self.failures.items() if number not in forgotten},
        )

    def at_rest(self) -> Figures:
        """What was counted, where nothing is there any more."""
        return Figures(
            {number: replace(each, clients=0) for number, each in self.listeners.items()},
            {name: replace(each, queue=0) for name, each in self.groups.items()},
            self.failures,
        )


def _each(mine: tuple[int, ...], its: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one + other for one, other in zip(mine, its, strict=True))


def _added(mine: Mapping[_Key, _Added], its: Mapping[_Key, _Added]) -> dict[_Key, _Added]:
    return {**mine, **{key: mine[key] + each if key in mine else each for key, each in its.items()}}


def _other(now: Mapping[_Key, _Value], before: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    return {key: each for key, each in now.items() if each != before.get(key)}
