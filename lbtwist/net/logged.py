"""A relay whose connection is a line of the access log. Where there is none, nothing is noted for it."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import CUTS, NOT_REACHED, Access, End, made
from lbtwist.model.plane import CutBy, Member
from lbtwist.net.dialing import TIMED_OUT
from lbtwist.net.end import End as RelayEnd
from lbtwist.net.frontend import Frontend
from lbtwist.net.relay import UNUSED, Relay
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of, shown


class LoggedRelay(Relay):
    """One client's connection, told to `access` at its end."""

    __slots__ = ("_access", "_how", "_failure", "_last", "_dialed_at", "_got_at")

    def __init__(
        self,
        id: int,
        frontend: Frontend,
        client_host: str,
        peer: IAddress | None,
        group: GroupRotation | None,
        access: IAccessObserver,
    ) -> None:
        super().__init__(id, frontend, client_host, peer, group)
        self._access = access
        self._how: End | None = None
        self._failure = ""
        self._last: Member | None = None

    def server_protocol(self, member: Member) -> RelayEnd:
        assert self._dispatch is not None
        self._last = member
        self._dialed_at, self._got_at = self._dispatch.dialed_at, self._frontend.seconds()
        return super().server_protocol(member)

    def server_failed(self, member: Member, reason: str) -> None:
        self._last, self._failure = member, reason
        super().server_failed(member, reason)

    def no_server(self) -> None:
        assert self._dispatch is not None
        self._tried = self._dispatch.tried
        self._how = unserved(self._failure)
        super().no_server()

    def broke(self) -> None:
        assert self._dispatch is not None
        self._tried = self._dispatch.tried
        self._how = End.INTERNAL_ERROR
        super().broke()

    def lost(self, end: RelayEnd, *, orderly: bool) -> None:
        if not (orderly or self._closing or self._how):
            if end is self._client:
                self._how = End.CLIENT_ABORT
            elif end is self._server and not self._unused:
                self._how = End.SERVER_ABORT
        super().lost(end, orderly=orderly)

    def cut(self, why: CutBy) -> None:
        self._how = CUTS[why]
        super().cut(why)

    def expire(self) -> None:
        self._how = End.CLIENT_TIMEOUT
        super().expire()

    def _fail_over(self) -> None:
        self._failure = UNUSED
        super()._fail_over()

    def _finish(self) -> None:
        self._access.over(self._record())
        super()._finish()

    def _record(self) -> Access:
        frontend, member, opened = self._frontend, self._member, self._opened
        now = frontend.seconds()
        last = member or self._last
        return made(
            Access,
            (
                frontend.means.wall() - (now - opened),
                frontend.policy.protocol,
                frontend.policy.name,
                self._group.name,
                last.label if last else "",
                shown(self.peer),
                self.client_host,
                b"",
                b"",
                b"",
                b"",
                0,
                self.received,
                self.sent,
                NOT_REACHED,
                self._dialed_at - opened if member else NOT_REACHED,
                self._got_at - self._dialed_at if member else NOT_REACHED,
                NOT_REACHED,
                now - opened,
                max(0, len(self._tried) - 1),
                False,
                len(frontend.ledger.live),
                len(frontend.ledger_of(member).live) if member else 0,
                len(self._group.waiting),
                self._how or (End.DONE if member else End.CLIENT_ABORT),
            ),
        )


def unserved(failure: str) -> End:
    """How it ends without a server, where `failure` is why the last one that was tried failed."""
    if not failure:
        return End.NO_SERVER
    return End.CONNECT_TIMEOUT if failure == TIMED_OUT.reason else End.CONNECT_FAILED


def turn_away(
    frontend: Frontend, peer: IAddress | None, status: int = 0, end: End = End.OVER_LIMIT, sent: int = 0
) -> None:
    """Count a client that is not served, and have it in the access log; `status` is what it is answered, in
    so many bytes."""
    frontend.ledger.failed += 1
    if frontend.access is not None:
        frontend.access.over(_turned_away(frontend, peer, status, end, sent))


def _turned_away(frontend: Frontend, peer: IAddress | None, status: int, end: End, sent: int) -> Access:
    return Access(
        time=frontend.means.wall(),
        protocol=frontend.policy.protocol,
        listener=frontend.policy.name,
        group="",
        server="",
        client=shown(peer),
        real_client=host_of(peer),
        method=b"",
        host=b"",
        target=b"",
        version=b"",
        status=status,
        received=0,
        sent=sent,
        head=NOT_REACHED,
        queue=NOT_REACHED,
        connect=NOT_REACHED,
        response=NOT_REACHED,
        total=0.0,
        retries=0,
        reused=False,
        connections=len(frontend.ledger.live),
        at_server=0,
        queued=0,
        end=end,
    )
