"""`random`: the better of two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from zope.interface import implementer

from lbtwist.interfaces import IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.roster import Roster, others

DRAWS = 16
"""Pairs that are drawn before the rest is taken as it stands."""


@implementer(IScheduler)
class TwoChoices:
    """Of two members that chance picks by weight the one with fewer connections per share.

    Nearly as even as looking at all of them (Mitzenmacher, "The Power of Two Choices in Randomized
    Load Balancing", 2001), and several load balancers that do it don't all run to the same server.
    """

    counting = True

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._counts: Counter[int] = Counter()
        self._roster = Roster()

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`. Counts stay, also of those that leave and come back."""
        self._roster = Roster(members)

    def order(self, client: str) -> Iterator[Member]:
        """Members in the order in which they win."""
        tried: set[int] = set()
        for _ in range(DRAWS):
            if len(tried) >= len(self._roster.members):
                break
            member = self._better()
            if member.number not in tried:
                tried.add(member.number)
                yield member
        yield from others(lambda: self._roster.members, tried, self._chance())

    def taken(self, number: int) -> None:
        """One connection more."""
        self._counts[number] += 1

    def released(self, number: int) -> None:
        """One connection less."""
        if self._counts[number] > 1:
            self._counts[number] -= 1
        else:
            del self._counts[number]

    def _better(self) -> Member:
        roster, chance = self._roster, self._chance
        one, other = roster.at(chance()), roster.at(chance())
        one_load = self._counts[one.number] * other.share
        return one if one_load <= self._counts[other.number] * one.share else other
