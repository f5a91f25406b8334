"""Members at one moment, laid side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from lbtwist.model.plane import Member


class Roster:
    """Members side by side, each as wide as its share."""

    __slots__ = ("_ends", "members")

    def __init__(self, members: Sequence[Member] = ()) -> None:
        self.members = tuple(members)
        self._ends = list(accumulate(float(member.share) for member in members))

    def at(self, point: float) -> Member:
        """Who stands at `point` of the whole, in [0, 1): O(log n). Raises IndexError without members."""
        ends = self._ends
        return self.members[bisect_right(ends, point * ends[-1])]


def others(now: Callable[[], Sequence[Member]], tried: set[int], start: float) -> Iterator[Member]:
    """Each member that is not among `tried`, to which it is added, going round from `start`, in [0, 1).

    `now` gives the members at that moment; it is asked again with every step.
    """
    members: Sequence[Member] | None = None
    while members is not (members := now()):
        first = int(start * len(members))
        for place in range(first, first + len(members)):
            member = members[place % len(members)]
            if member.number not in tried:
                tried.add(member.number)
                yield member
                if members is not now():
                    break
