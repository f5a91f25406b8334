"""Members by rank, the least first, where ranks change with every connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar

from lbtwist.model.plane import Member

SLACK = 64
"""Entries that a small heap may hold beyond twice what is ranked, before it is built anew."""


class Ranked:
    """A member and its rank, `(major, minor)`, which no other of the ranking has."""

    __slots__ = ("entry", "major", "member", "minor")

    entry: Entry
    """Where it stands in the heap: its rank now, or an earlier, lower one."""

    def __init__(self, member: Member, major: float, minor: int) -> None:
        self.member = member
        self.major = major
        self.minor = minor

    def enter(self) -> Entry:
        """Its entry by its rank now, which takes the place of the one it had."""
        self.entry = entry = (self.major, self.minor, self)
        return entry


Entry = tuple[float, int, Ranked]
R = TypeVar("R", bound=Ranked)


class Ranking(Generic[R]):
    """A heap with lazy entries: the least is found in O(log n), amortised.

    A rank may rise at any time, by assignment: its entry is then too low, and is put right when it
    comes to the top. A rank that falls has to be told by `fell`.
    """

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        """For who changes the first one's rank alone, and counts that in `changes`."""
        self.changes = 0
        self._limit = SLACK

    def fill(self, ranked: Iterable[R]) -> None:
        """From now on rank these and no others."""
        self.heap = [each.enter() for each in ranked]
        heapify(self.heap)
        self._limit = 2 * len(self.heap) + SLACK
        self.changes += 1

    def fell(self, ranked: R) -> None:
        """The rank of one of those that are ranked may have become lower."""
        self.changes += 1  # also where its entry is lower still: a walk may have put it behind others
        entry = ranked.entry
        if ranked.major < entry[0] or (ranked.major == entry[0] and ranked.minor < entry[1]):
            heappush(self.heap, ranked.enter())
            if len(self.heap) > self._limit:
                self._sweep()

    def first(self) -> R | None:
        """The least of all; None when there is none."""
        heap = self.heap
        while heap:
            entry = heap[0]
            major, minor, ranked = entry
            if ranked.entry is not entry:
                heappop(heap)
            elif ranked.major == major and ranked.minor == minor:
                return ranked  # type: ignore[return-value]  # what was filled in comes out
            else:
                ranked.entry = entry = (ranked.major, ranked.minor, ranked)
                heapreplace(heap, entry)
            self.changes += 1
        return None

    def after(self, first: R) -> Iterator[R]:
        """All but `first` in order, each member once and only while it is ranked.

        A rank counts as it is when the next one is asked for. All n take O(n log n).
        """
        seen = {first.member.number}
        changes = -1
        while changes != self.changes:
            changes = self.changes
            for ranked in self._walk():
                if ranked.member.number not in seen:
                    seen.add(ranked.member.number)
                    yield ranked
                    if changes != self.changes:
                        break

    def _walk(self) -> Iterator[R]:
        """All in order, some twice, without changing the heap, and only until it is changed.

        No entry is less than the one above it, so only those below what was seen can be next.
        """
        heap = self.heap
        ahead = [(entry, place) for place, entry in enumerate(heap[:1])]
        while ahead:
            entry, place = heappop(ahead)
            ranked = entry[2]
            if place >= 0:
                for below in range(2 * place + 1, min(2 * place + 3, len(heap))):
                    heappush(ahead, (heap[below], below))
            if (ranked.major, ranked.minor) == entry[:2]:
                yield ranked  # type: ignore[misc]  # as in `first`
            else:
                heappush(ahead, ((ranked.major, ranked.minor, ranked), -1))

    def _sweep(self) -> None:
        """Drop the entries that others have taken the place of."""
        self.heap = [entry for entry in self.heap if entry[2].entry is entry]
        heapify(self.heap)
