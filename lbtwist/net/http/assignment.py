"""Which server a request gets: its dispatch, its lease, and when it goes to another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IProtocol

from lbtwist.model.plane import Ending, Member
from lbtwist.model.routing import Rule
from lbtwist.net.dispatch import Dispatch
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.server import ServerConnection
from lbtwist.net.live import ILive, Ledger
from lbtwist.wire.cookie import cookie, tying_cookie
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.request_head import RequestHead

if TYPE_CHECKING:
    from lbtwist.net.http.client import ClientConnection

REPEATABLE_WITHIN = 1.0
"""Seconds: a request that may not be sent twice goes only on a connection that was used so lately."""
EVER = float("-inf")
LOST = "closed before a response"
"""Why a connection to a server has failed that was made."""


class Assignment:
    """One choice, one lease: the way of a request to a server, and to the next one where that is allowed."""

    # What has not happened yet is in the class: most of it never does.
    cookie = b""
    request: RequestHead | None = None
    """None until its head has come."""
    _dispatch: Dispatch | None = None
    _tried: tuple[int, ...] = ()
    _failure = ""
    _new_only = False
    _member: Member | None = None
    _server: ServerConnection | None = None
    _lease: Ledger | None = None

    def __init__(self, client: ClientConnection, frontend: HttpFrontend) -> None:
        self.client_host = client.host
        self.id = next(frontend.ids)
        self._client = client
        self._frontend = frontend
        self._group = frontend.group
        self._opened = self._headed_at = frontend.seconds()  # its head may be whole by now

    @property
    def ends(self) -> Ends:
        """IDispatched."""
        return self._client.ends

    def reuse(self, member: Member) -> bool:
        """IDispatched."""
        raise NotImplementedError

    def server_protocol(self, member: Member) -> IProtocol:
        """IDispatched."""
        raise NotImplementedError

    def server_failed(self, member: Member, reason: str) -> None:
        """IDispatched."""
        self._failure = reason
        self._frontend.ledger_of(member).fail(reason)
        self._frontend.server_failed(member, reason)

    def no_server(self) -> None:
        """IDispatched."""
        raise NotImplementedError

    def broke(self) -> None:
        """IDispatched."""
        raise NotImplementedError

    def head_came_in_pieces(self) -> None:
        """It is whole just now."""
        self._headed_at = self._frontend.seconds()

    def start(self, request: RequestHead) -> None:
        """Its head has come: to a server, or answered by a rule."""
        self.request = request
        frontend = self._frontend
        group = frontend.group
        if frontend.policy.rules and (rule := frontend.rule_for(request)):
            if not rule.group:
                self._go_by(rule, request)
                return
            group = frontend.means.group_of(rule.group)
        self._group = group
        if frontend.trusted is not None:
            self.client_host = self._client.host_of(request)
        if group.plain:
            member = group.choose(self.client_host)
        else:
            name = group.rotation.cookie
            if name and (values := request.known.get(b"cookie")):
                self.cookie = cookie(values, name) or b""
            member = group.first(self.client_host, self.cookie)
        if member is None or (server := self._idle_connection(member)) is None:
            self._go_on(member)
            return
        group.take(member)
        if group.tying:
            group.tie(self.client_host, member.number)
        self._tried = (member.number,)
        self._reused(server, member, self._headed_at)

    def _go_by(self, rule: Rule, request: RequestHead) -> None:
        """`rule` says what it is answered."""
        raise NotImplementedError

    def _go_on(self, first: Member | None = None) -> None:
        frontend = self._frontend
        timeout = frontend.policy.connect_timeout
        dispatch = Dispatch(self, self._group, frontend.dialer, frontend.sweep, timeout, self._tried, first)
        self._dispatch = dispatch
        dispatch.next()
        if self._dispatch is dispatch:
            self._client.deadline.rest()  # it has its own

    def _idle_connection(self, member: Member) -> ServerConnection | None:
        """One to `member` that this request may go on over."""
        request, group = self.request, self._group
        assert request is not None
        since = EVER if request.repeatable else self._frontend.seconds() - REPEATABLE_WITHIN
        owner = self._client if group.rotation.send_proxy else None
        server: ServerConnection | None = group.idle.take(member.number, since, owner)
        return server

    def _reused(self, server: ServerConnection, member: Member, now: float) -> None:
        """It goes on over `server`, whose member has a place for it."""
        raise NotImplementedError

    def _arrived(self) -> None:
        """Its dispatch has found a server, and is over."""
        dispatch, self._dispatch = self._dispatch, None
        assert dispatch is not None
        self._tried = dispatch.tried

    def _release(self, live: ILive, ending: Ending) -> Ledger | None:
        """Its registration has it no more. Returns the ledger that it left, where there was one."""
        lease, self._lease = self._lease, None
        if lease is not None:
            assert self._member is not None
            lease.leave(live, ending)
            self._group.give_back(self._member.number)
        return lease

    def _lose(self, server: ServerConnection) -> bool:
        """`server` has ended before it answered, or in its answer. True when that is its fault alone."""
        assert self._member is not None
        if not server.fresh:
            # It has closed an idle connection just now: that is no fault, and a new one may well do.
            self._tried = self._tried[:-1]
            self._new_only = True
        elif not server.answering:
            self._failure = LOST
            self._frontend.ledger_of(self._member).fail(LOST)
            return True
        return False

    def _drop_server(self, whole: bool) -> None:
        """Neither way nor server any more; one that did not get the `whole` request sees a reset."""
        dispatch, self._dispatch = self._dispatch, None
        if dispatch is not None:
            dispatch.cancel()
        server, self._server = self._server, None
        if server is None:
            return
        if whole and not server.held:
            server.close()
        else:
            server.abort()

    def _set_cookie(self) -> bytes:
        """The Set-Cookie that ties the client to its server; empty where it has one that is new enough.

        When a client was given the one it has is known on its own connection alone: on another, it gets
        it again.
        """
        rotation, member, client = self._group.rotation, self._member, self._client
        if not rotation.cookie or member is None or not member.cookie:
            return b""
        now = self._frontend.seconds()
        given, at = client.tie
        if given == member.cookie == self.cookie and now - at < rotation.persistence / 2:
            return b""
        client.tie = (member.cookie, now)
        secure = self._frontend.policy.tls is not None
        return tying_cookie(rotation.cookie, member.cookie, rotation.persistence, secure=secure)
