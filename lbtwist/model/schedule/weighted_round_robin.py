"""`wrr`: in turn, by weight."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from heapq import heapreplace

from zope.interface import implementer

from lbtwist.interfaces import IChoosing, IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.ranking import Ranked, Ranking
from lbtwist.model.schedule.uncounted import Uncounted

MAX_FACTOR = 100
"""A share is the product of two numbers of at most this: weight and percent of slow start."""
_SECOND = math.lcm(*range(1, MAX_FACTOR + 1)) ** 2
"""A unit of virtual time that every share divides, so that shares are exact for ever."""


class _Turn(Ranked):
    """A member's next turn: ranked by virtual time, then by place."""

    __slots__ = ("stride",)

    def __init__(self, member: Member, time: float, place: int, stride: int) -> None:
        super().__init__(member, time, place)
        self.stride = stride


@implementer(IScheduler, IChoosing)
class WeightedRoundRobin(Uncounted):
    """Smooth weighted round robin: of every `sum(weights)` choices each member has its weight.

    Each member has a turn every 1/share of virtual time, and the earliest turn is next: O(log n).
    """

    def __init__(self) -> None:
        self._ranking: Ranking[_Turn] = Ranking()
        self._turns: dict[int, _Turn] = {}
        self._time: float = 0  # an int, as all times are: mypy takes int for float

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`. Those that stay keep their place in the order."""
        self._turns = {
            member.number: self._turn(place, member, len(members)) for place, member in enumerate(members)
        }
        self._ranking.fill(self._turns.values())

    def choose(self, client: str) -> Member | None:
        """Whose turn is next, found and moved on in one go."""
        ranking = self._ranking
        heap = ranking.heap
        while heap:
            entry = heap[0]
            major, minor, turn = entry
            if turn.entry is entry and turn.major == major and turn.minor == minor:
                self._time = major
                turn.major = major = major + turn.stride  # type: ignore[attr-defined]  # all are turns
                turn.entry = entry = (major, minor, turn)
                heapreplace(heap, entry)
                ranking.changes += 1
                return turn.member
            ranking.first()
        return None

    def order(self, client: str) -> Iterator[Member]:
        """Members in order of their turns.

        One that stands in for others takes at most its next turn early: a debt for each of their
        failures would leave a light server without connections long after a heavy one is back.
        """
        if (first := self._ranking.first()) is None:
            return
        self._time = first.major
        first.major += first.stride
        yield first.member
        for turn in self._ranking.after(first):
            if turn.major < self._time + turn.stride:
                turn.major += turn.stride
            yield turn.member

    def _turn(self, place: int, member: Member, count: int) -> _Turn:
        known = self._turns.get(member.number)
        if known and known.member is member and known.major <= self._time + known.stride:
            known.minor = place
            return known
        stride = _SECOND // member.share
        if known is None:
            # First turns are staggered, or equal weights would all be due at the same instant.
            wait: float = stride * (2 * place + 1) // (2 * count)
        else:
            wait = min(max(0, known.major - self._time), stride)
        return _Turn(member, self._time + wait, place, stride)
