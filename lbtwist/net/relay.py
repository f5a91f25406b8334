"""The relay of a tcp listener: a client's connection, a server's, and the bytes between them."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from lbtwist.model.plane import FINISHED, ConnectionView, CutBy, Ending, Member
from lbtwist.net.carried import ends_of
from lbtwist.net.dispatch import Dispatch
from lbtwist.net.end import End
from lbtwist.net.frontend import Frontend
from lbtwist.net.live import Ledger
from lbtwist.net.pair import Pair
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import shown
from lbtwist.net.splice import splice
from lbtwist.net.tcp_end import TcpEnd
from lbtwist.wire.proxy_ends import Ends

UNUSED = "closed before any byte was passed"
"""Why a connection to a server has failed that was made."""


class Relay(Pair):
    """One client's connection, from its accept to its close."""

    log = Logger()
    cookie = b""
    __slots__ = (
        "id",
        "client_host",
        "peer",
        "_opened",
        "_member",
        "_dispatch",
        "_tried",
        "_group",
        "_lease",
        "_place",
        "_ending",
        "_chosen",
        "_early",
    )

    def __init__(
        self,
        id: int,
        frontend: Frontend,
        client_host: str,
        peer: IAddress | None,
        group: GroupRotation | None = None,
    ) -> None:
        """`peer` is the client's address and `client_host` the IP address of it; its servers are of
        `group`, or of the listener's own."""
        Pair.__init__(self, frontend, TcpEnd(self, frontend.seconds))
        self.id = id
        self.client_host = client_host
        self.peer = peer
        self._chosen = group
        self._early = b""
        self._opened = self.touched
        self._member: Member | None = None
        self._dispatch: Dispatch | None = None
        self._tried: tuple[int, ...] = ()
        self._group = group or frontend.group
        self._lease: Ledger | None = None
        self._place: Ledger | None = None
        self._ending = FINISHED

    @property
    def in_flight(self) -> bool:
        """It is no request."""
        return False

    @property
    def client(self) -> End:
        return self._client

    @property
    def ends(self) -> Ends:
        """IDispatched."""
        return ends_of(self.peer, self._client.transport)

    def connected(self, end: End) -> None:
        """An end has its transport: a client is dispatched, a server is joined to it."""
        if end is self._client:
            frontend = self._frontend
            self._place = frontend.ledger
            self._place.enter(self)
            if frontend.per_client.counting:
                frontend.per_client.enter(self.client_host)
            frontend.budget.enter()
            end.transport.pauseProducing()
            self._go_on()
        else:
            self._join(end)

    def early(self, data: bytes) -> None:
        """The client has sent `data` before it came here: it is the server's first."""
        self._early = data

    def bulk(self, end: End) -> None:
        """It may be worth a pipe."""
        splice(end, self._frontend.means.pipes)

    def reuse(self, member: Member) -> bool:
        """No server's connection has served another client before."""
        return False

    def server_protocol(self, member: Member) -> End:
        """The server's end; its registration counts this connection from now on."""
        assert self._dispatch is not None
        self._tried = self._dispatch.tried
        self._dispatch = None
        self._member = member
        self._lease = self._frontend.ledger_of(member)
        self._lease.enter(self)
        return TcpEnd(self, self._frontend.seconds)

    def server_failed(self, member: Member, reason: str) -> None:
        self._frontend.ledger_of(member).fail(reason)
        self._frontend.server_failed(member, reason)

    def no_server(self) -> None:
        self._dispatch = None
        self._frontend.ledger.failed += 1
        self.close()

    def broke(self) -> None:
        """IDispatched."""
        self.log.failure("a connection failed")
        self._dispatch = None
        self._client.reset()

    def half_closed(self, end: End) -> None:
        """As a pair; but a server that ends before it was of use is a failed connect."""
        if end is self._server and not self._closing and self._unused:
            self._fail_over()
        else:
            Pair.half_closed(self, end)

    def lost(self, end: End, *, orderly: bool) -> None:
        """As a pair; a server that it has failed over from is of no concern any more."""
        if end is self._server:
            if not self._closing and self._unused:
                self._fail_over()
                return
        elif end is not self._client:
            return
        Pair.lost(self, end, orderly=orderly)

    def cut(self, why: CutBy) -> None:
        """Close both sides (rule 5), because a deadline came or an operator said so."""
        self._ending = Ending.CUT
        self.close()

    def close(self) -> None:
        """Close both sides; what is held for a slow peer is dropped."""
        if self._dispatch is not None:
            self._dispatch.cancel()
        super().close()

    def view(self, now: float) -> ConnectionView:
        """Itself, for people."""
        return ConnectionView(
            id=self.id,
            client=shown(self.peer),
            listener=self._frontend.policy.name,
            server=self._member.label if self._member else "",
            protocol=self._frontend.policy.protocol,
            age=now - self._opened,
            idle=now - self.touched,
            received=self.received,
            sent=self.sent,
            activity=self._activity,
        )

    @property
    def _activity(self) -> str:
        if self._closing:
            return "closing"
        if self._server is None:
            return "queued" if self._dispatch and self._dispatch.waiting else "connecting"
        return "half-closed" if self._client.ended or self._server.ended else "relaying"

    @property
    def _unused(self) -> bool:
        """No byte was passed either way, nor the client's end: the server has not been of use yet."""
        client, server = self._client, self._server
        return not (client.received or client.ended or client.lost or (server and server.received))

    def _go_on(self) -> None:
        frontend = self._frontend
        self._group = self._chosen or frontend.group
        timeout = frontend.policy.connect_timeout
        self._dispatch = Dispatch(self, self._group, frontend.dialer, frontend.sweep, timeout, self._tried)
        self._dispatch.next()

    def _join(self, server: End) -> None:
        Pair._join(self, server)  # half of what `super()` takes, for each connection, as above
        self._client.transport.resumeProducing()
        self.touched = self._frontend.seconds()
        if self._early:
            early, self._early = self._early, b""
            self._client.dataReceived(early)
        self.watch_idle()

    def _fail_over(self) -> None:
        """A server that goes before it was of use is a failed connect: the next one, please."""
        server, member = self._server, self._member
        assert server is not None and member is not None
        self._server = None
        self._client.transport.unregisterProducer()
        self._client.transport.pauseProducing()
        self._frontend.sweep.leave(self)
        server.reset()
        # Counted while it is leased: a registration that is leaving may be gone with the lease.
        self._frontend.ledger_of(member).fail(UNUSED)
        left = self._release()
        self._member = None
        self._go_on()
        # Who hears of it may cut, rotate and forget: it is told when all is in order.
        self._frontend.server_failed(member, UNUSED)
        if left is not None:
            left.tell_if_empty()

    def _finish(self) -> None:
        if self._dispatch is not None:
            self._dispatch.cancel()
        frontend, place = self._frontend, self._place
        assert place is not None
        frontend.sweep.leave(self)
        lease = self._release()
        place.leave(self, self._ending)
        if frontend.per_client.counting:
            frontend.per_client.leave(self.client_host)
        frontend.budget.leave()
        self._client.part()
        if self._server is not None:
            self._server.part()
        if lease is not None:
            lease.tell_if_empty()
        place.tell_if_empty()

    def _release(self) -> Ledger | None:
        """The server has this connection no more. Returns the ledger that it left, where there was one."""
        lease, self._lease = self._lease, None
        if lease is not None:
            assert self._member is not None
            lease.leave(self, self._ending)
            self._group.give_back(self._member.number)
        return lease
