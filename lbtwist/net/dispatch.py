"""One client's way to a server: choose, connect, and go on to the next when that fails."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IProtocol

from lbtwist.model.plane import Member
from lbtwist.net.dialing import DialFailure, IDial, IDialer
from lbtwist.net.rotation import GroupRotation


class IDispatched(Protocol):
    """What is being dispatched, and hears how it went."""

    def server_protocol(self, member: Member) -> IProtocol:
        """The protocol for a connection to `member`, which was just made."""

    def server_failed(self, member: Member, reason: str) -> None:
        """Connecting to `member` failed; the next one is tried."""

    def no_server(self) -> None:
        """There is no server to try, or each that was tried failed."""


class Dispatch:
    """Tries members in order of preference, the first and at most `retries` further ones."""

    __slots__ = ("_client", "_group", "_dialer", "_timeout", "_order", "_tried", "_member", "_dial")

    def __init__(
        self,
        client: IDispatched,
        group: GroupRotation,
        dialer: IDialer,
        timeout: float,
        tried: tuple[int, ...],
    ) -> None:
        self._client = client
        self._group = group
        self._dialer = dialer
        self._timeout = timeout
        self._order = group.order()
        self._tried = tried
        self._member: Member | None = None
        self._dial: IDial | None = None

    @property
    def number(self) -> int:
        """The registration it is on its way to; 0 when to none."""
        return self._member.number if self._member else 0

    @property
    def tried(self) -> tuple[int, ...]:
        """The registrations that were tried, the present one included."""
        return self._tried

    def next(self) -> None:
        """Connect to the next server, or tell the client that there is none."""
        member = self._next_member()
        if member is None:
            self._client.no_server()
            return
        self._member = member
        self._tried += (member.number,)
        self._group.under_way[self] = None
        self._dial = self._dialer.dial(member.address, self._connected, self._timeout, self._failed)

    def redirect(self) -> None:
        """The server it is on its way to has left the rotation: another one, which is no retry (rule 9)."""
        self._tried = self._tried[:-1]
        self.cancel()
        self.next()

    def cancel(self) -> None:
        """Connect no further."""
        if self._dial is not None:
            self._dial.cancel()
            self._arrived()

    def _next_member(self) -> Member | None:
        if len(self._tried) > self._group.retries:
            return None
        return next((member for member in self._order if member.number not in self._tried), None)

    def _connected(self) -> IProtocol:
        member = self._arrived()
        return self._client.server_protocol(member)

    def _failed(self, failure: DialFailure) -> None:
        member = self._arrived()
        if failure.own:
            self._client.no_server()
            return
        self._client.server_failed(member, failure.reason)
        self.next()

    def _arrived(self) -> Member:
        self._dial = None
        self._group.under_way.pop(self, None)
        member, self._member = self._member, None
        assert member is not None
        return member
