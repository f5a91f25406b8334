"""Which server is next: schedulers that yield an order of preference."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from typing import NamedTuple

from lbtwist.model.plane import Member

MAX_WEIGHT = 100
_SECOND = math.lcm(*range(1, MAX_WEIGHT + 1))
"""A unit of virtual time that every weight divides, so that shares are exact for ever."""


class _Turn(NamedTuple):
    """A member's next turn in virtual time; the heap's order is by time, then by place."""

    time: int
    place: int
    stride: int
    member: Member


class WeightedRoundRobin:
    """Smooth weighted round robin: of every `sum(weights)` choices each member has its weight.

    Each member has a turn every 1/weight of virtual time, and the earliest turn is next: O(log n).
    """

    def __init__(self) -> None:
        self._turns: list[_Turn] = []
        self._time = 0

    def update(self, members: Collection[Member]) -> None:
        """From now on choose among `members`. Those that stay keep their place in the order."""
        known = {turn.member.number: turn for turn in self._turns}
        self._turns = [
            self._turn(place, member, len(members), known.get(member.number))
            for place, member in enumerate(members)
        ]
        heapify(self._turns)

    def order(self) -> Iterator[Member]:
        """Members in order of preference, each once, of those in rotation at the moment of asking."""
        tried: list[int] = []
        while (member := self._next(tried)) is not None:
            tried.append(member.number)
            yield member

    def _next(self, tried: Collection[int]) -> Member | None:
        """The member with the earliest turn that is not among `tried`; it takes that turn.

        Where it stands in for others, it takes at most its next turn early: a debt for each of their
        failures would leave a light server without connections long after a heavy one is back.
        """
        turns = self._turns
        passed_over: list[_Turn] = []
        chosen = None
        if turns:
            self._time = turns[0].time
        while turns:
            time, place, stride, member = turns[0]
            if member.number not in tried:
                due = time + stride if time < self._time + stride else time
                heapreplace(turns, _Turn(due, place, stride, member))
                chosen = member
                break
            passed_over.append(heappop(turns))
        for turn in passed_over:
            heappush(turns, turn)
        return chosen

    def _turn(self, place: int, member: Member, count: int, known: _Turn | None) -> _Turn:
        stride = _SECOND // member.weight
        if known is None:
            # First turns are staggered, or equal weights would all be due at the same instant.
            wait = stride * (2 * place + 1) // (2 * count)
        else:
            wait = min(max(0, known.time - self._time), stride)
        return _Turn(self._time + wait, place, stride, member)
