"""Who of a server group takes new connections, as the data plane follows it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from copy import deepcopy
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator
from twisted.logger import Logger

from lbtwist.interfaces import IChoosing, IIncremental, IScheduler
from lbtwist.model.persistence import SourceTable
from lbtwist.model.plane import Member, Rotation
from lbtwist.net.budget import Budget
from lbtwist.net.counting import GroupCounts
from lbtwist.net.idle import IdleConnections, Kept
from lbtwist.net.tls.trust import Trust, trust_of


class IUnderWay(Protocol):
    """A connection that has no server yet."""

    @property
    def number(self) -> int:
        """The member it is being connected to."""

    def redirect(self) -> None:
        """That one takes nothing new any more: to another one."""

    def next(self) -> None:
        """A member may have room: try again. Who finds none keeps its place in the queue."""


class GroupRotation:
    """The rotation of one group, how busy its members are, and the connections that have no server yet."""

    log = Logger()

    def __init__(
        self,
        make_scheduler: Callable[[str], IScheduler],
        clock: IReactorTime,
        name: str = "",
        lacking: Callable[[int, str], object] = lambda tried, reason: None,
        budget: Budget | None = None,
    ) -> None:
        """`lacking` hears of each client that gets no server: how many were tried, and what this process is
        short of, if that is why."""
        self.name = name
        self.lacking = lacking
        self.rotation = Rotation()
        self.trust: Trust | None = None
        """What connections to members are made with where those speak TLS."""
        self.under_way: dict[IUnderWay, None] = {}
        self.waiting: OrderedDict[IUnderWay, None] = OrderedDict()
        """The queue, the one that waits longest first."""
        self.budget = budget or Budget()
        self.idle = IdleConnections(self.budget)
        self.counts = GroupCounts()
        self._make_scheduler = make_scheduler
        self._seconds = clock.seconds
        self._cooperator = Cooperator(scheduler=lambda call: clock.callLater(0, call))
        self._scheduler = make_scheduler(self.rotation.scheduler)
        self._counting = self._scheduler.counting
        self.choose = chooser(self._scheduler)
        """The scheduler's first choice for a client's address: the group's, too, while that is `plain`."""
        self._members: dict[int, Member] = {}
        self.plain = True
        """Who is first is the scheduler's word alone: no limits, no persistence."""
        self._busy: dict[int, int] = {}
        self._ties: SourceTable | None = None
        self.tying = False
        """Clients are tied by their address."""
        self._by_cookie: dict[bytes, Member] = {}

    def update(self, rotation: Rotation) -> None:
        """From now on these members and no others, also for those on their way (rule 9)."""
        before, self.rotation = self.rotation, rotation
        if rotation == before:
            return
        self._members = {member.number: member for member in rotation.members}
        limited = any(member.max_connections for member in rotation.members)
        self.plain = not (limited or rotation.persistence)
        if rotation.tls != before.tls:
            self.trust = trust_of(rotation.tls) if rotation.tls else None
            self.idle.retain(())  # another server may answer to other settings
        self.idle.retain(self._members)
        if rotation.scheduler != before.scheduler:
            self._change_scheduler(rotation)
        if rotation.members != before.members or rotation.scheduler != before.scheduler:
            self._scheduler.update(rotation.members)
            self._rebuild()
        self._by_cookie = {m.cookie: m for m in rotation.members} if rotation.cookie else {}
        by_source = rotation.persistence if not rotation.cookie else 0.0
        if by_source != (self._ties.timeout if self._ties else 0.0):
            self._ties = SourceTable(by_source) if by_source else None
            self.tying = self._ties is not None
        for connection in list(self.under_way):
            if connection.number not in self._members:
                connection.redirect()
        for connection in list(self.waiting):
            connection.next()

    def order(self, client: str, cookie: bytes = b"") -> Iterator[Member]:
        """Members with room for a connection from `client`, in order of preference, each once.

        `cookie` is what the persistence cookie of its request says. It ends early when the group gets
        another scheduler.
        """
        return self._ordered(self._scheduler, client, cookie)

    def first(self, client: str, cookie: bytes = b"") -> Member | None:
        """The first of `order`; None where there is none."""
        if self.plain:
            return self.choose(client)
        return next(self.order(client, cookie), None)

    def preview(self, client: str, cookie: bytes = b"") -> Iterator[Member]:
        """What `order` would yield now, on a copy of the scheduler, which goes on as if not asked."""
        shared = {id(member): member for member in self.rotation.members}
        return self._ordered(deepcopy(self._scheduler, shared), client, cookie, preview=True)

    def tied(self, cookie: bytes) -> Member | None:
        """The member that the persistence cookie of a request names: never one that takes nothing new."""
        return self._by_cookie.get(cookie)

    def tie_of(self, client: str, cookie: bytes) -> Member | None:
        """The member that such a client is tied to, one way or the other."""
        return self.tied(cookie) or self._tied(client)

    def _ordered(
        self, scheduler: IScheduler, client: str, cookie: bytes, *, preview: bool = False
    ) -> Iterator[Member]:
        tied = self.tie_of(client, cookie) if self.rotation.persistence else None
        if tied is not None and self._has_room(tied):
            yield tied
        for member in scheduler.order(client):
            if scheduler is not self._scheduler and not preview:
                return  # it does not hear any more of who leaves
            if member is not tied and (not member.max_connections or self._has_room(member)):
                yield member

    def has_others(self, tried: Container[int]) -> bool:
        """There are members beyond those that were `tried`."""
        return any(number not in tried for number in self._members)

    @property
    def queue_full(self) -> bool:
        """As many connections wait as may."""
        return len(self.waiting) >= self.rotation.max_queue

    def take(self, member: Member) -> None:
        """A connection is being made to `member`, and keeps a place there until it is given back."""
        number = member.number
        if self._counting:
            self._scheduler.taken(number)  # first: where it raises, there is nothing to be given back
        self._busy[number] = self._busy.get(number, 0) + 1
        self.budget.busy += 1

    def give_back(self, number: int) -> None:
        """A place at member `number` is free again; whoever waits longest may have it."""
        self.budget.busy -= 1
        left = self._busy[number] - 1
        if left:
            self._busy[number] = left
        else:
            del self._busy[number]
        if self._counting:
            try:
                self._scheduler.released(number)
            except Exception:
                self.log.failure("scheduler {name}: it was told of a place", name=self.rotation.scheduler)
        if self.waiting and (member := self._members.get(number)):
            self._offer(member)

    def keep(self, number: int, connection: Kept) -> None:
        """An idle connection to member `number`: for its next request, where there may be one."""
        if number in self._members:
            self.idle.put(number, connection, self.rotation.keepalive)
        else:
            connection.dismiss()

    def tie(self, client: str, number: int) -> None:
        """`client` was given member `number`; with persistence it gets it again."""
        if client and self._ties is not None:
            self._ties.tie(client, number, self._seconds())

    def _offer(self, member: Member) -> None:
        """`member` has room: to the first who can use it, for one that has tried it may wait for another."""
        for connection in list(self.waiting):
            if not self._has_room(member):
                break
            connection.next()

    def _tied(self, client: str) -> Member | None:
        """The member that `client` is tied to: never one that takes nothing new (rule 10)."""
        if self._ties is None:
            return None
        number = self._ties.member_of(client, self._seconds())
        return self._members.get(number) if number is not None else None

    def _has_room(self, member: Member) -> bool:
        limit = member.max_connections
        return not limit or self._busy.get(member.number, 0) < limit

    def _change_scheduler(self, rotation: Rotation) -> None:
        self._scheduler = self._make_scheduler(rotation.scheduler)
        self._counting = self._scheduler.counting
        self.choose = chooser(self._scheduler)
        if self._counting:
            for number, count in self._busy.items():
                for _ in range(count):
                    self._scheduler.taken(number)

    def _rebuild(self) -> None:
        """What an update leaves to do is done in the reactor's idle moments."""
        if IIncremental.providedBy(self._scheduler):
            self._cooperator.cooperate(self._scheduler.rebuild())


def chooser(scheduler: IScheduler) -> Callable[[str], Member | None]:
    """What gives its first choice for a client's address; None where there is nobody."""
    if IChoosing.providedBy(scheduler):
        return IChoosing(scheduler).choose
    return lambda client: next(scheduler.order(client), None)
