"""A WebSocket that is a line of the access log. Where there is none, nothing is noted for it."""

from __future__ import annotations

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import CUTS, Access, End
from lbtwist.model.plane import CutBy
from lbtwist.net.end import End as TunnelEnd
from lbtwist.net.http.farewell import WebSocketEnd
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.tunnel import Handshake, Tunnel


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

    def half_closed(self, end: TunnelEnd) -> None:
        """A side that is killed may send a FIN: without a Close frame of either that is no orderly end."""
        first = not (end.peer.ended or self._closing or self.forced)
        if first and not any(side.frames.closed for side in self._ends if isinstance(side, WebSocketEnd)):
            self._how = self._abort_of(end)
        super().half_closed(end)

    def lost(self, end: TunnelEnd, *, orderly: bool) -> None:
        if not (orderly or self._closing or self.forced):
            self._how = self._abort_of(end)
        super().lost(end, orderly=orderly)

    def cut(self, why: CutBy) -> None:
        if not self.forced:
            self._how = CUTS[why]
        super().cut(why)

    def expire(self) -> None:
        self._how = End.TUNNEL_TIMEOUT
        super().expire()

    def _abort_of(self, end: TunnelEnd) -> End:
        return End.CLIENT_ABORT if end is self._client else End.SERVER_ABORT

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
