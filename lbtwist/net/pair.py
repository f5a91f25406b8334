"""Two ends that are joined: what becomes of one when the other half-closes, is lost, or must close."""

from __future__ import annotations

from twisted.internet.abstract import FileDescriptor
from twisted.protocols.policies import ProtocolWrapper

from lbtwist.net.end import End
from lbtwist.net.frontend import Frontend

CLOSE_TIMEOUT = 0.1
"""Seconds that a close may take where the transport under an end has a queue of its own."""


class Pair:
    """A client's end and, once there is one, a server's, from their accept to their close."""

    __slots__ = ("touched", "due_bucket", "_frontend", "_client", "_server", "_closing", "_forced")

    def __init__(self, frontend: Frontend, client: End, server: End | None = None) -> None:
        self.touched = frontend.seconds()
        """When a byte last moved."""
        self.due_bucket: int | None = None
        self._frontend = frontend
        self._client = client
        self._server = server
        self._closing = False
        self._forced = False

    @property
    def received(self) -> int:
        """Bytes from the client."""
        return self._client.received

    @property
    def sent(self) -> int:
        """Bytes to the client."""
        return self._server.received if self._server else 0

    @property
    def forced(self) -> bool:
        """Both sides are being closed, whatever they do."""
        return self._forced

    def half_closed(self, end: End) -> None:
        """One side has shut its sending down; the other is told so after what it still has to get."""
        if self._closing:
            return
        peer = end.peer
        peer.transport.unregisterProducer()
        if peer.ended:
            self._closing = True
            end.transport.loseConnection()
            peer.transport.loseConnection()
        else:
            peer.transport.loseWriteConnection()

    def lost(self, end: End, *, orderly: bool) -> None:
        """One side is closed: the other follows it, and with both the connection has ended."""
        if self._client.lost and (self._server is None or self._server.lost):
            self._finish()
        elif not self._closing:
            self._follow(end, orderly=orderly)

    def close(self) -> None:
        """Close both sides; what is held for a slow peer is dropped."""
        if self._forced:
            return
        self._closing = self._forced = True
        self.touched = self._frontend.seconds()
        for end in self._ends:
            end.close()
        self._frontend.sweep.enter(self, self.touched + CLOSE_TIMEOUT)

    def due(self, now: float) -> None:
        """The sweep: nothing moved for the idle timeout (rule 14), or a close lasts too long."""
        at = self.touched + (CLOSE_TIMEOUT if self._forced else self._idle_timeout)
        if now < at:
            self._frontend.sweep.enter(self, at)
        elif self._closing:
            for end in self._ends:
                end.reset()
        else:
            self.expire()

    def expire(self) -> None:
        """Nothing moved for too long."""
        self.close()

    def watch_idle(self) -> None:
        """Be swept by the listener's present idle timeout."""
        if self._server is not None and not self._forced:
            self._frontend.sweep.enter(self, self.touched + self._idle_timeout)

    @property
    def _idle_timeout(self) -> float:
        """Seconds without a byte either way."""
        return self._frontend.policy.idle_timeout

    @property
    def _ends(self) -> tuple[End, ...]:
        return (self._client, self._server) if self._server else (self._client,)

    def _join(self, server: End) -> None:
        """Each end is the other one's back-pressure from now on, and what they send is relayed."""
        client = self._client
        self._server = client.peer = server
        server.peer = client
        client.transport.registerProducer(server, True)
        server.transport.registerProducer(client, True)

    def _follow(self, end: End, *, orderly: bool) -> None:
        """One side was closed with the other still open: it gets what it is owed, and the same end."""
        self._closing = True
        peer = end.peer
        if orderly:
            peer.transport.unregisterProducer()
            peer.transport.loseConnection()
        elif peer.held:
            peer.transport.pauseProducing()
        elif _queues_silently(peer.transport):
            peer.transport.pauseProducing()
            self._forced = True
            self.touched = self._frontend.seconds()
            self._frontend.sweep.enter(self, self.touched + CLOSE_TIMEOUT)
        else:
            peer.reset()

    def _finish(self) -> None:
        """Both sides are closed."""
        raise NotImplementedError


def _queues_silently(transport: object) -> bool:
    """Twisted's own transports queue without a word, and an abort drops that; below TLS they do, too."""
    below = transport.transport if isinstance(transport, ProtocolWrapper) else transport
    return isinstance(below, FileDescriptor)
