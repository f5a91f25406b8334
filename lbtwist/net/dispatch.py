"""One client's way to a server: choose, connect, and go on to the next when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from twisted.internet.interfaces import IProtocol

from lbtwist.model.plane import Member
from lbtwist.net.dialing import DialFailure, IDial, IDialer
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.dialing import TLSDialer
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header


class IDispatched(Protocol):
    """What is being dispatched, and hears how it went."""

    @property
    def client_host(self) -> str:
        """The client's address, without its port; empty where it has none (a Unix socket)."""

    @property
    def cookie(self) -> bytes:
        """What its persistence cookie says; empty where it has none."""

    @property
    def ends(self) -> Ends:
        """Those of its client's connection, where servers are told of them."""

    def reuse(self, member: Member) -> bool:
        """Go on over an idle connection to `member`, where there is one; then this dispatch is over.

        The place that was taken for it in the group is the client's to give back from now on.
        """

    def server_protocol(self, member: Member) -> IProtocol:
        """The protocol for a connection to `member`, which was just made.

        The place that was taken for it in the group is the client's to give back from now on.
        """

    def server_failed(self, member: Member, reason: str) -> None:
        """Connecting to `member` failed; the next one is tried."""

    def no_server(self) -> None:
        """There is no server to try, or each that was tried failed, or the wait was too long."""

    def broke(self) -> None:
        """Choosing or connecting has raised what is being handled now; then this dispatch is over."""


class Dispatch:
    """Tries members in order of preference, the first and at most `retries` further ones; waits in the
    group's queue while every member that it may still try is full."""

    __slots__ = (
        "due_bucket",
        "_client",
        "_group",
        "_dialer",
        "_sweep",
        "_timeout",
        "_first",
        "_order",
        "_member",
        "_dial",
        "tried",
        "dialed_at",
        "waiting",
        "introduces",
    )

    def __init__(
        self,
        client: IDispatched,
        group: GroupRotation,
        dialer: IDialer,
        sweep: Sweep,
        timeout: float,
        tried: tuple[int, ...],
        first: Member | None = None,
    ) -> None:
        """`first` is whom the group has chosen for this client just now, where it was asked."""
        self.due_bucket: int | None = None
        self._client = client
        self._group = group
        self._dialer = dialer
        self._sweep = sweep
        self._timeout = timeout
        self._first = first
        self._order: Iterator[Member] | None = None
        self._member: Member | None = None
        self._dial: IDial | None = None
        self.tried = tried
        """The registrations that were tried, the present one included."""
        self.dialed_at = 0.0
        """When the last server was dialled."""
        self.waiting = False
        """It is in the group's queue."""
        self.introduces = False
        """The server that was dialled last is told of the client before anything else."""

    @property
    def number(self) -> int:
        """The registration it is on its way to; 0 when to none."""
        return self._member.number if self._member else 0

    def next(self) -> None:
        """Connect to the next server; wait for one, or tell the client that there is none.

        Who had a place before calls it at times: what it raises is the client's alone.
        """
        try:
            member = self._next_member()
            if member is not None:
                if self.waiting:
                    self._end_wait()
                self._connect(member)
            elif not self._may_wait:
                self._end_wait()
                self._give_up()
            elif not self.waiting:
                self._wait()
        except Exception:
            self.cancel()
            self._client.broke()

    def redirect(self) -> None:
        """The server it is on its way to has left the rotation: another one, which is no retry (rule 9)."""
        self.tried = self.tried[:-1]
        self.cancel()
        self.next()

    def cancel(self) -> None:
        """Connect no further, and wait no more."""
        self._end_wait()
        if self._dial is not None:
            self._dial.cancel()
        if self._member is not None:
            self._group.give_back(self._arrived().number)

    def due(self, now: float) -> None:
        """The sweep: it has waited too long."""
        self.cancel()
        self._give_up()

    @property
    def _may_try(self) -> bool:
        return len(self.tried) <= self._group.rotation.retries

    @property
    def _may_wait(self) -> bool:
        """Members that it has not tried are full; it has a place in the queue, or gets one."""
        return (
            self._may_try
            and self._group.has_others(self.tried)
            and (self.waiting or not self._group.queue_full)
        )

    def _next_member(self) -> Member | None:
        if not self.tried:
            first, self._first = self._first, None
            return first or self._group.first(self._client.client_host, self._client.cookie)
        if not self._may_try:
            return None
        if self._order is not None and (member := self._untried(self._order)):
            return member
        # Who was passed over may have room by now, and there may be new ones.
        self._order = self._group.order(self._client.client_host, self._client.cookie)
        return self._untried(self._order)

    def _untried(self, order: Iterator[Member]) -> Member | None:
        for member in order:
            if member.number not in self.tried:
                return member
        return None

    def _connect(self, member: Member) -> None:
        group = self._group
        if self.tried:
            group.counts.retries += 1
        self.tried += (member.number,)
        group.take(member)
        if self._client.reuse(member):
            group.tie(self._client.client_host, member.number)
            return
        group.budget.make_room()
        self._member = member
        group.under_way[self] = None
        self.dialed_at = self._sweep.seconds()
        dialer = self._dialer if group.trust is None else TLSDialer(self._dialer, group.trust, self._sweep)
        version = group.rotation.send_proxy
        self.introduces = version > 0
        first = proxy_header(version, self._client.ends) if version else b""
        self._dial = dialer.dial(member.address, self._connected, self._timeout, self._failed, first)

    def _wait(self) -> None:
        self.waiting = True
        self._group.waiting[self] = None
        self._sweep.enter(self, self._sweep.seconds() + self._group.rotation.queue_timeout)

    def _end_wait(self) -> None:
        if self.waiting:
            self.waiting = False
            del self._group.waiting[self]
            self._sweep.leave(self)

    def _connected(self) -> IProtocol:
        member, group = self._arrived(), self._group
        group.counts.connect.observe(self._sweep.seconds() - self.dialed_at)
        if group.tying:
            group.tie(self._client.client_host, member.number)
        return self._client.server_protocol(member)

    def _failed(self, failure: DialFailure) -> None:
        member = self._arrived()
        self._group.give_back(member.number)
        if failure.own:
            self._give_up(failure.reason)
            return
        self._client.server_failed(member, failure.reason)
        self.next()

    def _give_up(self, reason: str = "") -> None:
        self._group.counts.no_server += 1
        self._group.lacking(len(self.tried), reason)
        self._client.no_server()

    def _arrived(self) -> Member:
        self._dial = None
        self._group.under_way.pop(self, None)
        member, self._member = self._member, None
        assert member is not None
        return member
