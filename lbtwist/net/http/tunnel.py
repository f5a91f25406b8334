"""A WebSocket after its handshake: bytes both ways, and Close frames when it is cut."""

from __future__ import annotations

from typing import NamedTuple

from lbtwist.model.plane import FINISHED, ConnectionView, CutBy, Ending, Member
from lbtwist.net.end import End, IEndTransport
from lbtwist.net.http.farewell import Farewell, WebSocketEnd
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.live import Ledger
from lbtwist.net.pair import Pair
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import shown
from lbtwist.wire.request_head import RequestHead
from lbtwist.wire.websocket_close import close_frame

FAREWELL = 0.9
"""Seconds that both sides have to answer a Close frame; the sweep may add 0.1."""


class Handshake(NamedTuple):
    """What a tunnel has from the exchange that it was."""

    id: int
    opened: float
    request: RequestHead
    received: int
    sent: int
    group: GroupRotation
    member: Member
    place: Ledger
    """Of the listener."""
    lease: Ledger
    """Of the server."""


class Tunnel(Pair):
    """One WebSocket, under the id and in the places of the request that began it."""

    __slots__ = ("id", "_handshake", "_websocket_frontend", "_farewells", "_ending")

    def __init__(self, frontend: HttpFrontend, handshake: Handshake) -> None:
        super().__init__(frontend, WebSocketEnd(self, frontend.seconds), WebSocketEnd(self, frontend.seconds))
        self.id = handshake.id
        self._handshake = handshake
        self._websocket_frontend = frontend
        self._farewells: list[Farewell] = []
        self._ending = FINISHED

    @property
    def received(self) -> int:
        return self._handshake.received + super().received

    @property
    def sent(self) -> int:
        return self._handshake.sent + super().sent

    @property
    def forced(self) -> bool:
        return self._forced or bool(self._farewells)

    @property
    def in_flight(self) -> bool:
        """It is a request no more."""
        return False

    def begin(
        self, client: IEndTransport, from_client: bytes, server: IEndTransport, from_server: bytes
    ) -> None:
        """Join these transports, with what has come on them already."""
        assert self._server is not None
        self._handshake.place.replace(self)
        self._handshake.lease.replace(self)
        ends = ((self._client, client), (self._server, server))
        self._client.peer, self._server.peer = self._server, self._client
        for end, transport in ends:
            transport.protocol = end  # type: ignore[attr-defined]
            end.makeConnection(transport)
        self._join(self._server)
        self.watch_idle()
        for end, data in ((self._server, from_server), (self._client, from_client)):
            if data:
                end.dataReceived(data)
        for end, transport in ends:
            if not end.peer.held:
                transport.resumeProducing()

    def client_ended(self) -> None:
        """The client had shut its sending side down before the server agreed."""
        self._client.readConnectionLost()

    def connected(self, end: End) -> None:
        """IBetween: it was so before."""

    def half_closed(self, end: End) -> None:
        super().half_closed(end)
        self._part_if_answered()

    def lost(self, end: End, *, orderly: bool) -> None:
        self._part_if_answered()
        super().lost(end, orderly=orderly)

    def cut(self, why: CutBy) -> None:
        """Tell both sides with a Close frame, and close when they have answered (rule 51)."""
        if self.forced:
            return
        code = self._handshake.group.rotation.websocket_close
        if not code:
            self._ending = Ending.ABORTED
            self.close()
            return
        self._closing = True
        self.touched = self._frontend.seconds()
        self._frontend.sweep.enter(self, self.touched + FAREWELL)
        mask = self._frontend.means.random(4)
        frames = {self._client: close_frame(code, mask=mask), self._server: close_frame(code)}
        for end, frame in frames.items():
            assert isinstance(end, WebSocketEnd)
            self._farewells.append(Farewell(end, frame, self._part_if_answered))
        for farewell in self._farewells:
            farewell.begin()
        self._part_if_answered()

    def due(self, now: float) -> None:
        if self._farewells and not self._forced:
            self._part()
        else:
            super().due(now)

    def watch_idle(self) -> None:
        if not self.forced:
            super().watch_idle()

    def leave(self) -> None:
        """Guest: it may stay as long as its drain lets it."""

    def close_idle(self) -> None:
        """Guest: it is never without something in flight."""

    def view(self, now: float) -> ConnectionView:
        """Itself, for people."""
        handshake, request = self._handshake, self._handshake.request
        return ConnectionView(
            id=self.id,
            client=shown(self._client.transport.getPeer()),
            listener=self._frontend.policy.name,
            server=handshake.member.label,
            protocol="websocket",
            age=now - handshake.opened,
            idle=now - self.touched,
            received=self.received,
            sent=self.sent,
            activity=self._activity,
            method=request.method.decode("latin-1"),
            host=request.host.decode("latin-1"),
            path=request.path.decode("latin-1"),
        )

    @property
    def _activity(self) -> str:
        if self._closing:
            return "closing"
        return "half-closed" if any(end.ended for end in self._ends) else "relaying"

    @property
    def _idle_timeout(self) -> float:
        """The request timeout does not apply any more (rule 52)."""
        return self._frontend.policy.tunnel_timeout

    def _part_if_answered(self) -> None:
        if self._farewells and all(farewell.answered for farewell in self._farewells):
            self._part()

    def _part(self) -> None:
        """Close both sides together: by a reset where something was withheld (rule 5)."""
        if self._forced:
            return
        told = all(farewell.delivered for farewell in self._farewells)
        self._ending = Ending.CLOSED if told else Ending.ABORTED
        for end, farewell in zip(self._ends, self._farewells, strict=True):
            if farewell.withheld:
                end.peer.reset()
        self.close()

    def _finish(self) -> None:
        handshake = self._handshake
        self._frontend.sweep.leave(self)
        ledgers = (handshake.lease, handshake.place)
        for ledger in ledgers:
            ledger.leave(self, self._ending)
        handshake.group.give_back(handshake.member.number)
        for end in self._ends:
            end.part()
        self._farewells.clear()
        self._websocket_frontend.clients.depart(self)
        for ledger in ledgers:
            ledger.tell_if_empty()
