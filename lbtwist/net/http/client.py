"""A client's connection: requests come in on it one after the other, and responses go out."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.errors import BadMessage
from lbtwist.model.plane import FINISHED
from lbtwist.net.foreseen import foreseen
from lbtwist.net.http.exchange import Exchange
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.linger import LINGER
from lbtwist.net.http.logged import LoggedExchange
from lbtwist.net.http.parting import BODY, HEAD, OVER, WAIT, Parting
from lbtwist.net.logged import turn_away
from lbtwist.net.pair import CLOSE_TIMEOUT
from lbtwist.net.sending import queued
from lbtwist.wire.body import BodyReader, body_reader
from lbtwist.wire.repeated import Repeated
from lbtwist.wire.request_head import RequestHead, parse_request_head


@foreseen
@implementer(IHalfCloseableProtocol, IPushProducer)
class ClientConnection(Parting):
    """One client's connection, until it is closed or becomes a WebSocket's.

    There is one exchange at a time. What comes while it lasts is of its body, or waits as it came, at
    most one read of it: requests are answered in their order, and who sends more is not read.
    """

    def __init__(self, frontend: HttpFrontend, host: str, peer: IAddress | None) -> None:
        super().__init__(frontend, host, peer)
        self._heads = Repeated(parse_request_head)
        self._body: BodyReader | None = None
        self._paused = False
        self._queued = 0
        self._flushing: bool | None = None
        self._working = False

    @property
    def held(self) -> bool:
        """Bytes for it wait in our memory, because it does not take them."""
        return self._held

    @property
    def may_stay(self) -> bool:
        """There may be another request."""
        return not self.ended or bool(self._buffer)

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        if self._frontend.full:
            sent = self._say(503, None, None, keep=False)
            turn_away(self._frontend, self._peer, 503, sent=sent)
            self._linger(LINGER)
        else:
            self._frontend.clients.enter(self, self.host)
            self.deadline.watch(self._frontend.policy.header_timeout, self._head_late)

    def dataReceived(self, data: bytes) -> None:
        turn = self._turn
        if turn is HEAD:
            self._buffer = self._buffer + data if self._buffer else data
            if self._begin():
                self._work()
        elif turn is BODY:
            exchange = self._exchange
            try:
                self._read_body(data)
            except Exception:
                assert exchange is not None
                exchange.broke()
        elif turn is WAIT:
            self._buffer += data
            self.pause()

    def readConnectionLost(self) -> None:
        self.ended = True
        exchange = self._exchange
        if exchange is None:
            if self._turn is not WAIT:
                self._close()
        elif exchange.request is None:
            self._give_up(exchange)
        elif self._turn is BODY:
            exchange.refuse(400)

    def writeConnectionLost(self) -> None:
        """Our sending is never shut before `Lingering` has the connection."""

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.deadline.stop()
        self._turn = OVER
        exchange, self._exchange = self._exchange, None
        self._frontend.clients.depart(self)
        if exchange is not None:
            exchange.client_gone()
        self._part_with_servers()

    def stream(self) -> None:
        """The server is there: the body goes to it as it comes."""
        self._turn = BODY
        data, self._buffer = self._buffer, b""
        self.moves()
        self.resume()
        self._read_body(data)
        if self.ended and self._exchange is not None and self._body is not None:
            self._exchange.refuse(400)

    def moves(self) -> None:
        """A body is on its way: it must not stand still for too long."""
        self.deadline.watch(self._frontend.policy.idle_timeout, self._stalled)

    def pause(self) -> None:
        """Read nothing for now."""
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def response_done(self, keep: bool, now: float) -> None:
        """All of the response was written; it is over when it was sent, and this is called again."""
        if self._body is not None:
            self._turn = OVER  # nobody is there any more to have the rest of the request
        if self._held:
            self._flushing = keep
            self.moves()
            return
        exchange, self._exchange = self._exchange, None
        assert exchange is not None and exchange.request is not None
        if keep:
            self._next(now)
        elif exchange.request.keep_alive or self._body is not None or self._buffer:
            self._linger()  # the client may be sending still
        else:
            self._close()
        exchange.end(FINISHED)

    def answer(self, status: int, location: bytes | None = None, keep: bool = False) -> None:
        """Send a response of our own; the exchange is over."""
        exchange, self._exchange = self._exchange, None
        request = exchange.request if exchange else None
        keep = keep and request is not None and self._stays(request)
        sent = self._say(status, request, location, keep)
        if exchange is not None:
            exchange.sent += sent
        if keep:
            self._next(self._frontend.seconds())
        else:
            self._linger(LINGER)

    def leave(self) -> None:
        """Guest."""
        if self._exchange is None:
            self.deadline.watch(self._frontend.patience, self._idle)

    def close_idle(self) -> None:
        """Guest."""
        if self._exchange is None:
            self._close(CLOSE_TIMEOUT)

    def watch_idle(self) -> None:
        """Guest."""
        self.hop = None  # it may be trusted no more, or we have another name
        if self.deadline.expires == self._idle:
            self.deadline.shift(self._frontend.patience)
        elif self.deadline.expires == self._stalled:
            self.deadline.shift(self._frontend.policy.idle_timeout)

    def pauseProducing(self) -> None:
        self._held = True
        self._queued = queued(self.transport)
        if self._exchange is not None:
            self._exchange.client_full()

    def resumeProducing(self) -> None:
        self._held = False
        self.deadline.since = now = self._frontend.seconds()
        keep, self._flushing = self._flushing, None
        if keep is not None:
            self.response_done(keep, now)
        elif self._exchange is not None:
            self._exchange.client_drained()
        elif self._turn is WAIT:
            self._next(now)

    def stopProducing(self) -> None:
        """It is closed; `connectionLost` follows."""

    def _read_body(self, data: bytes) -> None:
        exchange, body = self._exchange, self._body
        assert exchange is not None and body is not None
        exchange.received += len(data)
        self.deadline.since = self._frontend.seconds()
        try:
            content, rest, done = body.feed(data)
        except BadMessage as bad:
            exchange.refuse(bad.status)
            return
        if done:
            self._body = None
            self._buffer = rest
            self._turn = WAIT
            exchange.received -= len(rest)
        exchange.send(content, done, body.trailers)

    def _work(self) -> None:
        """Begin the requests that have come, one when the other is over: a loop, for they may be many."""
        if not self._working:
            self._working = True
            while self._begin():
                pass
            self._working = False

    def _begin(self) -> bool:
        """Begin the next request; True when it is the next one's turn already, and some of that has come."""
        frontend = self._frontend
        exchange = self._exchange
        if new := exchange is None:
            access = frontend.access
            exchange = Exchange(self, frontend) if access is None else LoggedExchange(self, frontend)
            self._exchange = exchange
            frontend.ledger.enter(exchange)
        assert exchange is not None
        try:
            parsed = self._heads.parse(self._buffer, frontend.policy.proxy_name, frontend.strict_path)
        except BadMessage as bad:
            exchange.refuse(bad.status)
            return False
        except Exception:
            exchange.broke()
            return False
        if parsed is None:
            self._await_more(exchange, new)
            return False
        request, rest = parsed
        exchange.received = len(self._buffer) - len(rest)
        self._buffer = rest
        self._turn = WAIT
        self._body = None if request.framing.is_empty else body_reader(request.framing)
        if not new:
            exchange.head_came_in_pieces()
        try:
            exchange.start(request)
        except Exception:
            exchange.broke()
        return self._turn is HEAD and self._buffer != b""

    def _await_more(self, exchange: Exchange, new: bool) -> None:
        if self.ended:
            self._give_up(exchange)
            return
        # That of a connection's first request runs since the accept.
        if new and self.deadline.expires != self._head_late:
            self.deadline.watch(self._frontend.policy.header_timeout, self._head_late)
        self.resume()

    def _next(self, now: float) -> None:
        """It is the next request's turn, where there is one, and the client takes what it was answered."""
        if self._held:
            self.moves()
            return
        self._turn = HEAD
        self._body = None
        if self._buffer:
            self._work()
        elif self.ended:
            self._close()
        else:
            frontend = self._frontend
            patience = frontend.patience if frontend.leaving else frontend.policy.idle_timeout
            self.deadline.watch_since(now, patience, self._idle)
            if self._paused:
                self.resume()

    def _stays(self, request: RequestHead) -> bool:
        """The connection may serve another request after this one."""
        return request.keep_alive and self.may_stay and not self._frontend.leaving

    def _head_late(self) -> None:
        """The header timeout; without a byte there is nothing to be answered."""
        if self._exchange is None:
            self._close()
        else:
            self._exchange.refuse(408)

    def _idle(self) -> None:
        """No request has come: one that crosses this sees a clean end."""
        self._linger()

    def _stalled(self) -> None:
        """No byte has come for too long. One may have gone, where bytes wait for a client that is slow."""
        left = queued(self.transport)
        if self._held and left < self._queued:
            self._queued = left
            self.moves()
        elif self._exchange is not None:
            self._exchange.stalled()
        else:
            self.transport.abortConnection()

    def _give_up(self, exchange: Exchange) -> None:
        """Half a head, and nothing more to come."""
        self._close()
        exchange.client_gone()
