"""A server's connection: requests go out on it one after the other, and responses come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.errors import BadMessage
from lbtwist.model.plane import Member
from lbtwist.net.end import IEndTransport
from lbtwist.net.live import Ledger
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sweep import Sweep
from lbtwist.wire.body import BodyReader, body_reader, chunk, last_chunk
from lbtwist.wire.framing import CHUNKED, LENGTH
from lbtwist.wire.head import EMPTY_LINE, MAX_HEAD
from lbtwist.wire.onward import onward_response
from lbtwist.wire.repeated import Repeated, Rewritten
from lbtwist.wire.response_head import SWITCHING, parse_response_head
from lbtwist.wire.trailers import passed_trailers

if TYPE_CHECKING:
    from lbtwist.net.http.client import ClientConnection
    from lbtwist.net.http.exchange import Exchange


LONG = 8 * 1024
"""Bytes of a body that it is worth while not to copy."""


@implementer(IPushProducer)
class ServerConnection(Protocol):
    """One connection to a member: in an exchange, or idle in its group.

    What it reads is checked, written anew for the client, and given to the exchange.
    """

    transport: IEndTransport

    def __init__(
        self,
        member: Member,
        ledger: Ledger,
        group: GroupRotation,
        sweep: Sweep,
        exchange: Exchange,
        owner: ClientConnection | None = None,
    ) -> None:
        """`ledger` is the one of `member`. The server was told that it is of `owner` alone, where there is
        one."""
        self.ledger = ledger
        self.fresh = True
        """No response has ended on it yet."""
        self.answering = False
        """A byte has come since the exchange began."""
        self.held = False
        """Bytes for it wait in our memory, because it does not take them."""
        self.used = 0.0
        self.due_bucket: int | None = None
        self.owner = owner
        if owner is not None:
            owner.servers.add(self)
        self._member = member
        self._group = group
        self._sweep = sweep
        self._due_at = 0.0
        """When the sweep looks whether it has been idle for too long."""
        self._exchange: Exchange | None = exchange
        self._buffer = b""
        self.onward = Rewritten(onward_response)
        """Writes its responses for clients."""
        self._heads = Repeated(parse_response_head)
        self._body: BodyReader | None = None
        self._options: frozenset[bytes] = frozenset()
        self._chunked = False
        self._keeps_alive = False
        self._paused = False

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        exchange = self._exchange
        assert exchange is not None
        try:
            exchange.joined(self, self._sweep.seconds())
        except Exception:
            self._broke(exchange)

    def begin(self, exchange: Exchange) -> None:
        """What comes next answers the request of `exchange`."""
        self._exchange = exchange
        self.answering = False

    def dataReceived(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            self.expire()  # a byte that no request asked for
            return
        self.answering = True
        try:
            if self._body is None:
                self._read_heads(exchange, data)
            else:
                exchange.touch()
                self._relay(exchange, data)
        except Exception:
            self._broke(exchange)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._sweep.leave(self)
        if self.owner is not None:
            self.owner.servers.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            self._group.idle.remove(self._member.number, self)
            return
        try:
            if self._whole_with_end(isinstance(reason.value, ConnectionDone)):
                exchange.touch()
                exchange.forward(last_chunk() if self._chunked else b"")
                exchange.response_done(self, reusable=False)
            else:
                exchange.server_lost(self)
        except Exception:
            exchange.broke()

    def keep(self, now: float) -> None:
        """Its exchange is over: wait for the next one."""
        self._exchange = None
        self._body = None
        self.fresh = False
        if self._paused:
            self.resume()
        self.used = now
        at = now + self._group.rotation.keepalive_timeout
        if self.due_bucket is None or at < self._due_at:
            self._look_at(at)
        self._group.keep(self._member.number, self)

    def pause(self) -> None:
        """Read nothing for now."""
        self._paused = True
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def dismiss(self) -> None:
        self.close()

    def close(self) -> None:
        """Close it in order; its exchange hears no more of it."""
        self._part()
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Reset it, so that a request which is not whole is not taken for one that is."""
        self._part()
        self.transport.unregisterProducer()
        self.transport.abortConnection()

    def give_up(self) -> IEndTransport:
        """Its transport, for another protocol."""
        self._part()
        self.transport.unregisterProducer()
        return self.transport

    def pauseProducing(self) -> None:
        self.held = True
        if self._exchange is not None:
            self._exchange.server_full()

    def resumeProducing(self) -> None:
        self.held = False
        if self._exchange is not None:
            self._exchange.server_drained()

    def stopProducing(self) -> None:
        """It is closed; `connectionLost` follows."""

    def _broke(self, exchange: Exchange) -> None:
        """What its exchange was told has failed there: both are of no use any more."""
        exchange.broke()
        self.abort()

    def _part(self) -> None:
        self._exchange = None
        self._sweep.leave(self)

    def due(self, now: float) -> None:
        """The sweep, which is not told of each use."""
        at = self.used + self._group.rotation.keepalive_timeout
        if now < at:
            self._look_at(at)
        else:
            self.expire()

    def _look_at(self, at: float) -> None:
        self._due_at = at
        self._sweep.enter(self, at)

    def expire(self) -> None:
        """Idle for too long, or for nobody any more."""
        if self._exchange is not None:
            return
        self._group.idle.remove(self._member.number, self)
        self.close()

    def _read_heads(self, exchange: Exchange, data: bytes) -> None:
        """1xx go on at once; with the final head the response begins."""
        request = exchange.request
        assert request is not None
        if self._buffer:
            data = self._buffer + data
        while True:
            begin: bytes = data
            body: bytes | memoryview = b""
            if len(data) >= LONG:
                begin, body = _parted(data)
            try:
                parsed = self._heads.parse(begin, request.method, request.upgrade)
            except BadMessage as bad:
                self._buffer = b""
                exchange.server_broke(bad.reason)
                return
            if parsed is None:
                self._buffer = data
                if data:
                    exchange.head_begins()
                return
            head, rest = parsed
            body = body or rest
            if head.status >= 200 or not head.interim:
                break
            data = bytes(body)
            exchange.interim(head)
        self._buffer = b""
        if head.status == SWITCHING:
            exchange.switch(head, bytes(body))
            return
        prefix, framing = exchange.response_begins(head)
        if framing.kind is LENGTH and len(body) == framing.length:
            exchange.response_at_once(self, prefix, body, head.keep_alive)
            return
        exchange.body_begins()
        self._body = body_reader(head.framing, 502)
        self._options = head.options
        self._keeps_alive = head.keep_alive
        self._chunked = framing is CHUNKED
        self._relay(exchange, bytes(body), prefix)
        if self._exchange is exchange:
            exchange.body_moves()

    def _relay(self, exchange: Exchange, data: bytes, prefix: bytes = b"") -> None:
        """`data` is of the body: to the client, after `prefix`."""
        body = self._body
        assert body is not None
        try:
            content, rest, done = body.feed(data)
        except BadMessage as bad:
            exchange.server_broke(bad.reason)
            return
        if self._chunked:
            content = chunk(content)
            if done:
                content += last_chunk(passed_trailers(body.trailers, self._options))
        exchange.forward(prefix + content)
        if done:
            # Who says more than it was asked for is not to be asked again.
            exchange.response_done(self, reusable=self._keeps_alive and not rest)

    def _whole_with_end(self, orderly: bool) -> bool:
        """The end of the connection is that of the response."""
        if self._body is None or not orderly:
            return False
        try:
            self._body.end()
        except BadMessage:
            return False
        return True


def _parted(data: bytes) -> tuple[bytes, memoryview]:
    """The first head in `data`, as far as it is there, and what comes after it, which is not copied."""
    end = data.find(EMPTY_LINE, 0, MAX_HEAD)
    end = MAX_HEAD if end < 0 else end + len(EMPTY_LINE)
    return data[:end], memoryview(data)[end:]
