"""`maglev`: consistent hashing, with which few clients move when members change."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from heapq import heapify, heapreplace
from itertools import cycle, islice
from operator import itemgetter
from typing import NamedTuple

from zope.interface import implementer

from lbtwist.interfaces import IIncremental, IScheduler
from lbtwist.model.plane import Member
from lbtwist.model.schedule.points import points
from lbtwist.model.schedule.roster import others
from lbtwist.model.schedule.uncounted import Uncounted

SIZE = 65_537
"""Slots of the table, a prime: the paper's smaller size."""
SLICE = 8_192
"""Slots that are looked at in one slice of a rebuild: about a millisecond."""
MEMBERS_SLICE = 512
"""Members that are prepared in one slice: about a millisecond."""
LOOKS = 64
"""Slots that are looked at for a client before the rest is taken as it stands."""

Table = Sequence[int]
"""A registration's number in each slot."""


class _Walk(NamedTuple):
    """In which order a member wants slots: from `start` of the table on, in [0, 1), by `skip`."""

    start: float
    skip: int
    number: int
    share: int


@implementer(IScheduler, IIncremental)
class Maglev(Uncounted):
    """Each client has a slot of a table, and each member its share of the slots (Eisenbud et al.,
    "Maglev", NSDI 2016, section 3.4).

    The table is made in slices while the last one is used on: members that left are never chosen from
    it, and those that were added have their slots in the new one. Until there is any, clients are
    spread over the members alike.
    """

    def __init__(self) -> None:
        self._table: Table = ()
        self._in_table: frozenset[int] = frozenset()
        self._members: tuple[Member, ...] = ()
        self._by_number: dict[int, Member] = {}
        self._arranged: tuple[Member, ...] = ()
        """Those that had slots at the last update, then those that had none."""
        self._spread = 1.0
        """How much of `_arranged` clients without a slot are spread over."""
        self._made_of: tuple[Member, ...] = ()
        self._making: Generator[None, None, Table] | None = None

    def update(self, members: Sequence[Member]) -> None:
        """From now on choose among `members`; `rebuild` gives all of them their slots."""
        self._members = tuple(members)
        self._by_number = {member.number: member for member in members}
        self._arrange()
        if self._making is None:
            self._make()

    def rebuild(self) -> Iterator[None]:
        """Make the table, a slice with each `next`.

        A table under way is finished before the next one is begun, or it never would be where members
        change all the time.
        """
        while self._making is not None:
            try:
                next(self._making)
            except StopIteration as made:
                self._adopt(made.value)
            yield

    def order(self, client: str) -> Iterator[Member]:
        """Members as the slots from the client's on have them."""
        tried: set[int] = set()
        start, _ = points(client)
        slot = int(start * SIZE)
        for look in range(slot, slot + LOOKS):
            if not self._table or len(tried) >= len(self._members):
                break
            member = self._by_number.get(self._table[look % SIZE])
            if member is not None and member.number not in tried:
                tried.add(member.number)
                yield member
        yield from others(lambda: self._arranged, tried, start * self._spread)

    def _make(self) -> None:
        self._made_of = self._members
        self._making = filled(self._made_of)

    def _adopt(self, table: Table) -> None:
        self._table = table
        self._in_table = frozenset(member.number for member in self._made_of)
        if self._made_of is self._members:
            self._making = None
        else:
            self._make()

    def _arrange(self) -> None:
        standing = tuple(m for m in self._members if m.number in self._in_table)
        waiting = tuple(m for m in self._members if m.number not in self._in_table)
        self._arranged = standing + waiting
        self._spread = len(standing) / len(self._members) if standing else 1.0


def filled(members: Sequence[Member]) -> Generator[None, None, Table]:
    """A table for `members`, returned after some slices; empty without members.

    A member's slots depend on its address alone, as far as nobody else was there first. One whose
    share is less than half a slot has none.
    """
    walks = yield from _walks(members)
    if not walks:
        return ()
    places = [int(walk.start * SIZE) for walk in walks]
    yield
    table = [0] * SIZE
    taken = bytearray(SIZE)
    looks = 0  # the first turn is a slice by itself: it puts all members in order
    for index in islice(_turns([walk.share for walk in walks]), SIZE):
        _, skip, number, _ = walks[index]
        place = places[index]
        while taken[place]:
            place = (place + skip) % SIZE
            looks -= 1
        taken[place] = 1
        table[place] = number
        places[index] = place
        looks -= 2  # a turn costs about as much as two looks
        if looks < 0:
            looks = SLICE
            yield
    return table


def _walks(members: Sequence[Member]) -> Generator[None, None, list[_Walk]]:
    """The walk of each member over all slots, in an order that every load balancer has alike."""
    walks: list[_Walk] = []
    for count, member in enumerate(members, 1):
        start, skip = points(str(member.address))
        walks.append(_Walk(start, 1 + int(skip * (SIZE - 1)), member.number, member.share))
        if count % MEMBERS_SLICE == 0:
            yield
    yield
    walks.sort(key=itemgetter(0))
    yield
    return walks


def _turns(shares: Sequence[int]) -> Iterator[int]:
    """Whose turn it is to take a slot, for ever: each has its share of them at any time."""
    if len(set(shares)) == 1:
        return cycle(range(len(shares)))
    return _turns_by_share(shares)


def _turns_by_share(shares: Sequence[int]) -> Iterator[int]:
    turns = [(0.5 / share, index, 1 / share) for index, share in enumerate(shares)]
    heapify(turns)
    while True:
        time, index, stride = turns[0]
        yield index
        heapreplace(turns, (time + stride, index, stride))
