"""Exchanges that are lines of the access log. Where there is none, nothing is noted for it."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.model.access import CUTS, NOT_REACHED, Access, End, Usual, made
from lbtwist.model.plane import CutBy, Ending, Member
from lbtwist.model.routing import Rule
from lbtwist.net.foreseen import foreseen
from lbtwist.net.http.exchange import Exchange
from lbtwist.net.http.logged_tunnel import LoggedTunnel
from lbtwist.net.http.notes import Notes
from lbtwist.net.http.server import ServerConnection
from lbtwist.net.http.tunnel import Handshake, Tunnel
from lbtwist.net.live import Ledger
from lbtwist.net.logged import unserved
from lbtwist.wire.request_head import RequestHead

TIMEOUT = 408
DONE, RULE = End.DONE, End.RULE
SHORT = 4 * 1024
"""Bytes of a request that may be kept until lines are made of many."""


@foreseen
class LoggedExchange(Exchange):
    """One request, told at its end to who listens to the frontend.

    A request that goes the usual way pays for one note, of what it has of its own.
    """

    _notes: Notes | None = None

    @property
    def _noted(self) -> Notes:
        """What is to be told that is not usual."""
        if self._notes is None:
            self._notes = Notes()
        return self._notes

    def head_came_in_pieces(self) -> None:
        super().head_came_in_pieces()
        self._noted.headed_at = self._headed_at

    def server_protocol(self, member: Member) -> ServerConnection:
        assert self._dispatch is not None
        self._noted.dialed = (member, self._dispatch.dialed_at, self._frontend.seconds())
        return Exchange.server_protocol(self, member)

    def server_full(self) -> None:
        notes = self._noted
        notes.taken_at = notes.taken_at or self._frontend.seconds()
        super().server_full()

    def send(self, content: bytes, done: bool, trailers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        notes = self._noted
        notes.taken_at = notes.taken_at or self._frontend.seconds()
        super().send(content, done, trailers)

    def server_failed(self, member: Member, reason: str) -> None:
        self._noted.failed = member
        super().server_failed(member, reason)

    def no_server(self) -> None:
        assert self._dispatch is not None
        self._tried = self._dispatch.tried
        self._noted.served = False
        self._noted.how = unserved(self._failure)
        super().no_server()

    def server_lost(self, server: ServerConnection) -> None:
        self._noted.how = End.SERVER_ABORT
        super().server_lost(server)
        self._noted.how = DONE  # where it has not ended, it goes on with another

    def server_broke(self, reason: str) -> None:
        self._noted.how = End.SERVER_ABORT
        super().server_broke(reason)

    def client_gone(self) -> None:
        self._noted.how = End.CLIENT_ABORT
        super().client_gone()

    def refuse(self, status: int) -> None:
        if status == TIMEOUT:
            self._noted.how = End.CLIENT_TIMEOUT
        else:
            self._noted.how = End.CLIENT_ABORT if self._client.ended else End.REFUSED
        super().refuse(status)

    def broke(self) -> None:
        self._noted.how = End.INTERNAL_ERROR
        super().broke()

    def late(self) -> None:
        self._noted.how = End.SERVER_TIMEOUT
        super().late()

    def stalled(self) -> None:
        by_client = self._client.held or (self.awaiting_body and not self._server_held)
        self._noted.how = End.CLIENT_TIMEOUT if by_client else End.SERVER_TIMEOUT
        super().stalled()

    def cut(self, why: CutBy) -> None:
        self._noted.how = CUTS[why]
        super().cut(why)

    def _go_by(self, rule: Rule, request: RequestHead) -> None:
        self._noted.how = RULE
        self.client_host = self._client.host_of(request)
        super()._go_by(rule, request)

    def _answer(
        self,
        status: int,
        ending: Ending = Ending.FINISHED,
        location: bytes | None = None,
        keep: bool = False,
    ) -> None:
        self._noted.status = status
        super()._answer(status, ending, location, keep)

    def _tunnel(self, handshake: Handshake) -> Tunnel:
        access = self._frontend.access
        if access is None:
            return super()._tunnel(handshake)
        return LoggedTunnel(self._frontend, handshake, self._record("websocket"), access)

    def _drop_server(self, whole: bool) -> None:
        if self._dispatch is not None:
            self._tried = self._dispatch.tried
        super()._drop_server(whole)

    def end(self, ending: Ending) -> None:
        frontend = self._frontend
        access = frontend.access
        try:
            if access is not None and not self._over:
                left = self._left
                if left is not None and self._notes is None and self.received <= SHORT:
                    access.over(self._usual(left))
                else:
                    access.over(self._record(frontend.policy.protocol))
        finally:
            Exchange.end(self, ending)

    def _usual(self, left: Ledger) -> Usual:
        """What makes a line of one that went the usual way, when lines are made of many; its server's ledger
        has it no more."""
        frontend, group, client = self._frontend, self._group, self._client
        policy, member, request = frontend.policy, self._member, self.request
        assert member is not None and request is not None
        opened, sent_at = self._opened, self._sent_at
        return (
            opened,
            policy.protocol,
            policy.name,
            group.name,
            member.label,
            client,
            self.client_host,
            request,
            self._status,
            self.received,
            self.sent,
            sent_at - opened,
            self._answered - sent_at,
            client.deadline.since - opened,  # it was set with the last that was sent
            len(frontend.ledger.live),
            len(left.live) + 1,
            len(group.waiting),
        )

    def _record(self, protocol: str) -> Access:
        """The line of one that may have gone any way."""
        notes, server = self._noted, self._member
        answered = self._answered
        head = queue = connect = response = NOT_REACHED
        reused = False
        if self.request is not None:
            headed = notes.headed_at or self._opened
            head = headed - self._opened
            if server is not None and notes.served:
                dialed_to, dialed, got = notes.dialed
                if dialed_to is not server:
                    reused = True
                    dialed = got = notes.taken_at or self._sent_at or self._frontend.seconds()
                queue, connect = dialed - headed, got - dialed
                if answered:
                    response = answered - got
        at_server = 0
        if self._lease is not None:
            at_server = len(self._lease.live)
        elif self._left is not None:
            at_server = len(self._left.live) + 1
        status = notes.status or self._status
        if not notes.served:
            server = notes.failed or server
        return self._line(
            protocol, notes.how, status, server, head, queue, connect, response, reused, at_server
        )

    def _line(
        self,
        protocol: str,
        how: End,
        status: int,
        server: Member | None,
        head: float,
        queue: float,
        connect: float,
        response: float,
        reused: bool,
        at_server: int,
    ) -> Access:
        frontend, request, group, tried = self._frontend, self.request, self._group, self._tried
        total = frontend.seconds() - self._opened
        method = host = target = version = b""
        if request is not None:
            method, host, target, version = request.method, request.host, request.target, request.version
        return made(
            Access,
            (
                frontend.means.wall() - total,
                protocol,
                frontend.policy.name,
                "" if request is None or how is RULE else group.name,
                server.label if server is not None else "",
                self._client.address,
                self.client_host,
                method,
                host,
                target,
                version,
                status,
                self.received,
                self.sent,
                head,
                queue,
                connect,
                response,
                total,
                len(tried) - 1 if tried else 0,
                reused,
                len(frontend.ledger.live),
                at_server,
                len(group.waiting),
                how,
            ),
        )
