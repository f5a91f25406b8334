"""`source_hash`: the client's address decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zope.interface import implementer

from lbtwist.interfaces import IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.points import points
from lbtwist.model.schedule.roster import Roster, others
from lbtwist.model.schedule.uncounted import Uncounted

DRAWS = 32
"""Points that are looked at before the rest is taken as it stands."""


@implementer(IScheduler)
class SourceHash(Uncounted):
    """By weight and by the client's address: the same client, the same server, until members change.

    Then most clients move; `maglev` is for those who mind.
    """

    def __init__(self) -> None:
        self._roster = Roster()

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`; their order in it matters."""
        self._roster = Roster(members)

    def order(self, client: str) -> Iterator[Member]:
        """Members in an order that is the client's own, so that one's clients go on to all others."""
        tried: set[int] = set()
        point, _ = points(client)
        for draw in range(DRAWS):
            if len(tried) >= len(self._roster.members):
                break
            member = self._roster.at(point)
            if member.number not in tried:
                tried.add(member.number)
                yield member
            point, _ = points(f"{client} {draw}")
        yield from others(lambda: self._roster.members, tried, point)
