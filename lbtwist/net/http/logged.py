"""Exchanges and tunnels that are lines of the access log. Where there is none, nothing is noted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import CUTS, NOT_REACHED, Access, End
from lbtwist.model.plane import CutBy, Ending, Member
from lbtwist.model.routing import Rule
from lbtwist.net.end import End as TunnelEnd
from lbtwist.net.http.exchange import Exchange
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.server import ServerConnection
from lbtwist.net.http.tunnel import Handshake, Tunnel
from lbtwist.net.live import ILive, Ledger
from lbtwist.net.logged import unserved
from lbtwist.wire.request_head import RequestHead

if TYPE_CHECKING:
    from lbtwist.net.http.client import ClientConnection

TIMEOUT = 408


class LoggedExchange(Exchange):
    """One request, told to `access` at its end."""

    __slots__ = (
        "_access",
        "_how",
        "_status",
        "_last",
        "_headed_at",
        "_dialed_at",
        "_got_at",
        "_answered_at",
        "_reused",
        "_at_server",
    )

    def __init__(self, client: ClientConnection, frontend: HttpFrontend, access: IAccessObserver) -> None:
        super().__init__(client, frontend)
        self._access = access
        self._how = End.DONE
        self._status = 0
        self._last: Member | None = None
        self._headed_at = self._dialed_at = self._got_at = self._answered_at = 0.0
        self._reused = False
        self._at_server = 0

    def start(self, request: RequestHead) -> None:
        self._headed_at = self._frontend.seconds()
        super().start(request)

    def reuse(self, member: Member) -> bool:
        # Before it is known: when this returns, it may be over.
        self._reused = True
        self._reused = super().reuse(member)
        return self._reused

    def server_failed(self, member: Member, reason: str) -> None:
        self._last = member
        super().server_failed(member, reason)

    def no_server(self) -> None:
        assert self._dispatch is not None
        self._tried = self._dispatch.tried
        self._got_at = 0.0
        self._how = unserved(self._failure)
        super().no_server()

    def server_lost(self, server: ServerConnection) -> None:
        self._how = End.SERVER_ABORT
        super().server_lost(server)
        self._how = End.DONE  # where it has not ended, it goes on with another

    def server_broke(self, reason: str) -> None:
        self._how = End.SERVER_ABORT
        super().server_broke(reason)

    def client_gone(self) -> None:
        self._how = End.CLIENT_ABORT
        super().client_gone()

    def refuse(self, status: int) -> None:
        if status == TIMEOUT:
            self._how = End.CLIENT_TIMEOUT
        else:
            self._how = End.CLIENT_ABORT if self._client.ended else End.REFUSED
        super().refuse(status)

    def late(self) -> None:
        self._how = End.SERVER_TIMEOUT
        super().late()

    def stalled(self) -> None:
        by_client = self._client.held or (self.awaiting_body and not self._server_held)
        self._how = End.CLIENT_TIMEOUT if by_client else End.SERVER_TIMEOUT
        super().stalled()

    def cut(self, why: CutBy) -> None:
        self._how = CUTS[why]
        super().cut(why)

    def _go_by(self, rule: Rule, request: RequestHead) -> None:
        self._how = End.RULE
        self.client_host = self._client.host_of(request)
        super()._go_by(rule, request)

    def _assign(self, member: Member, live: ILive) -> None:
        assert self._dispatch is not None
        self._last = member
        self._got_at = now = self._frontend.seconds()
        self._dialed_at = now if self._reused else self._dispatch.dialed_at
        super()._assign(member, live)

    def _count_response(self, status: int, now: float) -> None:
        self._status, self._answered_at = status, now
        super()._count_response(status, now)

    def _answer(
        self,
        status: int,
        ending: Ending = Ending.FINISHED,
        location: bytes | None = None,
        keep: bool = False,
    ) -> None:
        self._status = status
        super()._answer(status, ending, location, keep)

    def _tunnel(self, handshake: Handshake) -> Tunnel:
        return LoggedTunnel(self._frontend, handshake, self._record("websocket"), self._access)

    def _drop_server(self, whole: bool) -> None:
        if self._dispatch is not None:
            self._tried = self._dispatch.tried
        super()._drop_server(whole)

    def _release(self, ending: Ending) -> Ledger | None:
        ledger = super()._release(ending)
        if ledger is not None:
            self._at_server = len(ledger.live) + 1
        return ledger

    def _end(self, ending: Ending) -> None:
        if not self._over:
            if self._lease is not None:
                assert self._member is not None
                self._at_server = len(self._frontend.ledger_of(self._member).live)
            self._access.over(self._record("http"))
        super()._end(ending)

    def _record(self, protocol: str) -> Access:
        frontend, client, request, group = self._frontend, self._client, self.request, self._group
        now, opened, headed, got = frontend.seconds(), self._opened, self._headed_at, self._got_at
        answered = self._answered_at
        last = self._last
        # In the order of the fields: by name it would take half as long again.
        return Access(
            frontend.means.wall() - (now - opened),
            protocol,
            frontend.policy.name,
            "" if request is None or self._how is End.RULE else group.name,
            last.label if last is not None else "",
            client.address,
            self.client_host,
            request.method if request is not None else b"",
            request.host if request is not None else b"",
            request.target if request is not None else b"",
            request.version if request is not None else b"",
            self._status,
            self.received,
            self.sent,
            headed - opened if headed else NOT_REACHED,
            self._dialed_at - headed if got else NOT_REACHED,
            got - self._dialed_at if got else NOT_REACHED,
            answered - got if answered and got else NOT_REACHED,
            now - opened,
            len(self._tried) - 1 if self._tried else 0,
            self._reused,
            len(frontend.ledger.live),
            self._at_server,
            len(group.waiting),
            self._how,
        )


class LoggedTunnel(Tunnel):
    """One WebSocket, told to `access` at its end."""

    __slots__ = ("_access", "_began", "_how")

    def __init__(
        self, frontend: HttpFrontend, handshake: Handshake, began: Access, access: IAccessObserver
    ) -> None:
        """`began` is what there was to tell of it when it began."""
        super().__init__(frontend, handshake)
        self._access = access
        self._began = began
        self._how = End.DONE

    def lost(self, end: TunnelEnd, *, orderly: bool) -> None:
        if not (orderly or self._closing or self.forced):
            self._how = End.CLIENT_ABORT if end is self._client else End.SERVER_ABORT
        super().lost(end, orderly=orderly)

    def cut(self, why: CutBy) -> None:
        if not self.forced:
            self._how = CUTS[why]
        super().cut(why)

    def expire(self) -> None:
        self._how = End.TUNNEL_TIMEOUT
        super().expire()

    def _finish(self) -> None:
        frontend, handshake = self._frontend, self._handshake
        self._access.over(
            self._began._replace(
                received=self.received,
                sent=self.sent,
                total=frontend.seconds() - handshake.opened,
                connections=len(frontend.ledger.live),
                at_server=len(frontend.ledger_of(handshake.member).live),
                queued=len(handshake.group.waiting),
                end=self._how,
            )
        )
        super()._finish()
