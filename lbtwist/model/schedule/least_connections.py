"""`lc` and `wlc`: who has the fewest connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from zope.interface import implementer

from lbtwist.interfaces import IChoosing, IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.ranking import Ranked, Ranking


class _Load(Ranked):
    """A member, ranked by connections per share, then by when it was last chosen.

    Quotients of so small numbers are equal as floats when they are equal, and never otherwise.
    """

    __slots__ = ("connections", "share")

    def __init__(self, member: Member, share: int, connections: int, turn: int) -> None:
        super().__init__(member, (connections + 1) / share, turn)
        self.share = share
        self.connections = connections


@implementer(IScheduler, IChoosing)
class LeastConnections:
    """The fewest connections first; of equals the one that was chosen the longest ago: O(log n)."""

    counting = True

    def __init__(self) -> None:
        self._loads: dict[int, _Load] = {}
        self._away: Counter[int] = Counter()
        """Connections to those that are members no more, and may be again."""
        self._ranking: Ranking[_Load] = Ranking()
        self._turns = count()

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`. Counts stay, also of those that leave and come back."""
        loads = {member.number: self._load(member) for member in members}
        for number in self._loads.keys() - loads.keys():
            if connections := self._loads[number].connections:
                self._away[number] = connections
        self._loads = loads
        self._ranking.fill(loads.values())

    def choose(self, client: str) -> Member | None:
        """The one with the least load."""
        if (first := self._ranking.first()) is None:
            return None
        first.minor = next(self._turns)
        return first.member

    def order(self, client: str) -> Iterator[Member]:
        """Members by their load at the moment of asking."""
        if (first := self._ranking.first()) is None:
            return
        first.minor = next(self._turns)
        yield first.member
        for load in self._ranking.after(first):
            load.minor = next(self._turns)
            yield load.member

    def taken(self, number: int) -> None:
        """One connection more. It rises in rank, which the ranking sees by itself."""
        load = self._loads.get(number)
        if load is None:
            self._away[number] += 1
        else:
            load.connections += 1
            load.major = (load.connections + 1) / load.share

    def released(self, number: int) -> None:
        """One connection less."""
        load = self._loads.get(number)
        if load is None:
            if self._away[number] > 1:
                self._away[number] -= 1
            else:
                del self._away[number]
        elif load.connections:
            load.major = load.connections / load.share
            load.connections -= 1
            self._ranking.fell(load)

    def share(self, member: Member) -> int:
        """What its connections are divided by: nothing counts but their number."""
        return 1

    def _load(self, member: Member) -> _Load:
        known = self._loads.get(member.number)
        if known is not None and known.member is member:
            return known
        if known is not None:
            return _Load(member, self.share(member), known.connections, known.minor)
        return _Load(member, self.share(member), self._away.pop(member.number, 0), next(self._turns))


class WeightedLeastConnections(LeastConnections):
    """The fewest connections per share first, the one that is to come counted in."""

    def share(self, member: Member) -> int:
        """Its weight, with slow start."""
        return member.share
