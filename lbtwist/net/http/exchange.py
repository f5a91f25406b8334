"""A request in flight, from its first byte to the last of its response: its server, and its ends."""

from __future__ import annotations

from twisted.logger import Logger

from lbtwist.model.plane import FINISHED, ConnectionView, CutBy, Ending, Member
from lbtwist.model.routing import Rule
from lbtwist.net.dialing import TIMED_OUT
from lbtwist.net.foreseen import foreseen
from lbtwist.net.http.assignment import LOST
from lbtwist.net.http.download import Download
from lbtwist.net.http.server import ServerConnection
from lbtwist.net.http.tunnel import Handshake, Tunnel
from lbtwist.wire.onward import onward_response
from lbtwist.wire.request_head import RequestHead
from lbtwist.wire.response_head import ResponseHead
from lbtwist.wire.switching import is_answered

FOUND = 302


@foreseen
class Exchange(Download):
    """What a client asked, and what a server answers: what each sends is passed on as it comes."""

    log = Logger()

    @property
    def forced(self) -> bool:
        """A cut ends it at once."""
        return self._over

    @property
    def in_flight(self) -> bool:
        return True

    def reuse(self, member: Member) -> bool:
        """IDispatched."""
        server = None if self._new_only else self._idle_connection(member)
        if server is None:
            return False
        self._arrived()
        self._reused(server, member, self._frontend.seconds())
        return True

    def server_protocol(self, member: Member) -> ServerConnection:
        """IDispatched."""
        owner = self._client if self._dispatch and self._dispatch.introduces else None
        self._arrived()
        self._member = member
        self._lease = lease = self._frontend.ledger_of(member)
        lease.enter(self)
        return ServerConnection(member, lease, self._group, self._frontend.sweep, self, owner)

    def no_server(self) -> None:
        """IDispatched. 502 or 504 when one was tried, else 503."""
        self._dispatch = None
        self._frontend.ledger.failed += 1
        if not self._failure:
            self._answer(503)
        else:
            self._answer(504 if self._failure == TIMED_OUT.reason else 502)

    def _part_with(self, server: ServerConnection, reusable: bool) -> None:
        """Its server has nothing more to do for it."""
        group, client = self._group, self._client
        now = client.deadline.since  # its last byte has come just now
        if reusable and self._sent_whole and group.rotation.keepalive and not server.held:
            server.keep(now)
        elif self._sent_whole and not server.held:
            server.close()
        else:
            server.abort()
        self._server = None
        left, member = self._lease, self._member
        assert left is not None and member is not None
        self._lease, self._left = None, left
        left.leave(self, FINISHED)
        group.give_back(member.number)
        client.response_done(self._keep, now)
        if not left.live:
            left.tell_if_empty()

    def switch(self, head: ResponseHead, rest: bytes) -> None:
        """The server has agreed to be a WebSocket's."""
        server, request = self._server, self.request
        assert server is not None and request is not None
        if not is_answered(request, head):
            self.server_broke("a 101 that does not answer the request")
            return
        policy, frontend = self._frontend.policy, self._frontend
        self._status, self._answered = head.status, frontend.seconds()
        self._group.counts.responses.count(head.status)
        frontend.responses.count(head.status)
        self.body_begins()
        name, date, set_cookie = policy.proxy_name, frontend.date, self._set_cookie()
        self.begun = True
        self._write(onward_response(head, request.version, name, date, True, set_cookie, request.upgrade))
        assert self._lease is not None and self._member is not None
        tunnel = self._tunnel(
            Handshake(
                self.id,
                self._opened,
                request,
                self.received,
                self.sent,
                self._group,
                self._member,
                self._frontend.ledger,
                self._lease,
            )
        )
        self._over = True
        frontend.clients.replace(self._client, tunnel)
        tunnel.begin(*self._client.give_up(), server.give_up(), rest)
        if self._client.ended:
            tunnel.client_ended()

    def server_lost(self, server: ServerConnection) -> None:
        """The server's connection has ended before its response was whole."""
        if server is not self._server:
            return
        self._server = None
        if self.begun:
            self._truncate()
            return
        member, request, at_fault, left = self._member, self.request, self._lose(server), None
        assert member is not None and request is not None
        if request.repeatable and not server.answering:
            left = self._release(self, FINISHED)
            self._go_on()
        else:
            self._answer(502)
        # Who hears of it may cut, rotate and forget: it is told when all is in order.
        if at_fault:
            self._frontend.server_failed(member, LOST)
        if left is not None:
            left.tell_if_empty()

    def server_broke(self, reason: str) -> None:
        """The server does not speak HTTP: nothing more of it goes on."""
        label = self._member.label if self._member else ""
        self.log.info("{server} broke the protocol: {reason}", server=label, reason=reason)
        if self.begun:
            self._truncate()
        else:
            self._answer(502)

    def client_gone(self) -> None:
        """The client's connection is closed."""
        if not self._over:
            self._drop_server(self._sent_whole)
            self.end(FINISHED)

    def refuse(self, status: int) -> None:
        """What the client sends is no request, or not in time: nothing more of it goes on."""
        if self.begun:
            self._truncate()
        else:
            self._answer(status)

    def broke(self) -> None:
        """IDispatched. Code of ours, or a scheduler's, has failed in it; to be called in an `except`."""
        self.log.failure("a request failed")
        if self._over:
            return
        self._drop_server(whole=False)
        try:
            if self.begun:
                self._truncate()
            else:
                self._answer(500)
        finally:
            self.end(FINISHED)

    def late(self) -> None:
        """The server takes too long to answer."""
        self._answer(504)

    def stalled(self) -> None:
        """No byte of a body moved for too long."""
        if self.begun:
            self._truncate()
        else:
            self._answer(408 if self.awaiting_body and not self._server_held else 504)

    def cut(self, why: CutBy) -> None:
        """A deadline came, or an operator said so (rules 6 and 7)."""
        if self._over:
            return
        if self.begun:
            self._truncate(Ending.TRUNCATED)
        else:
            self._answer(self._group.rotation.error_status, Ending.ANSWERED)

    def watch_idle(self) -> None:
        """`HttpFrontend.adopt` tells the client."""

    def view(self, now: float) -> ConnectionView:
        """Itself, for people."""
        request = self.request
        return ConnectionView(
            id=self.id,
            client=self._client.address,
            listener=self._frontend.policy.name,
            server=self._member.label if self._member else "",
            protocol=self._frontend.policy.protocol,
            age=now - self._opened,
            idle=now - self.touched,
            received=self.received,
            sent=self.sent,
            activity=self._activity,
            method=request.method.decode("latin-1") if request else "",
            host=request.host.decode("latin-1") if request else "",
            path=request.path.decode("latin-1") if request else "",
        )

    @property
    def _activity(self) -> str:
        if self.begun:
            return "responding"
        if self._dispatch is not None:
            return "queued" if self._dispatch.waiting else "connecting"
        return "waiting" if self._sent_whole else "receiving"

    def _reused(self, server: ServerConnection, member: Member, now: float) -> None:
        self._member = member
        self._lease = lease = server.ledger
        lease.enter(self)
        server.begin(self)
        self.joined(server, now)

    def _tunnel(self, handshake: Handshake) -> Tunnel:
        return Tunnel(self._frontend, handshake)

    def _go_by(self, rule: Rule, request: RequestHead) -> None:
        location = rule.location(request.host, request.onward) if rule.redirect else None
        self._sent_whole = request.framing.is_empty
        self._client.deadline.rest()
        self._answer(rule.respond or FOUND, location=location, keep=self._sent_whole)

    def _answer(
        self,
        status: int,
        ending: Ending = FINISHED,
        location: bytes | None = None,
        keep: bool = False,
    ) -> None:
        """Our own response, and the end of the exchange."""
        self._drop_server(self._sent_whole)
        self._client.answer(status, location, keep)
        self.end(ending)

    def _truncate(self, ending: Ending = FINISHED) -> None:
        """The client sees that the response is not whole (rule 7)."""
        self._drop_server(self._sent_whole)
        self._client.truncate(self._endless)
        self.end(ending)

    def end(self, ending: Ending) -> None:
        """Nothing of it is left."""
        if self._over:
            return
        self._over = True
        place, lease = self._frontend.ledger, self._lease and self._release(self, ending)
        place.leave(self, ending)
        if lease is not None:
            lease.tell_if_empty()
        if not place.live:
            place.tell_if_empty()
