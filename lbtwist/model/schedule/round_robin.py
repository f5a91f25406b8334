"""`rr`: in turn, whatever the weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from zope.interface import implementer

from lbtwist.interfaces import IChoosing, IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.uncounted import Uncounted


@implementer(IScheduler, IChoosing)
class RoundRobin(Uncounted):
    """Each member in turn; one that is tried for want of another has had its turn too."""

    def __init__(self) -> None:
        self._members: tuple[Member, ...] = ()
        self._place = 0

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`. Next is the one that was, or the first after it that stays."""
        places = {member.number: place for place, member in enumerate(members)}
        due = self._members[self._place :] + self._members[: self._place]
        self._place = next((places[m.number] for m in due if m.number in places), 0)
        self._members = tuple(members)

    def choose(self, client: str) -> Member | None:
        """The next one."""
        return self._next(())

    def order(self, client: str) -> Iterator[Member]:
        """Members in turn."""
        tried: set[int] = set()
        while (member := self._next(tried)) is not None:
            tried.add(member.number)
            yield member

    def _next(self, tried: Collection[int]) -> Member | None:
        members = self._members
        for _ in members:
            member = members[self._place]
            self._place = (self._place + 1) % len(members)
            if member.number not in tried:
                return member
        return None
