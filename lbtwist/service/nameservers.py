"""Asking name servers: one question, over UDP, and over TCP when the answer does not fit (RFC 1035)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import BindError, ConnectError, ConnectionClosed
from twisted.internet.protocol import DatagramProtocol, connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from lbtwist.errors import LBError

Server = tuple[str, int]
"""The IP address and port of a name server."""

PATIENCE = (1.0, 2.0)
"""Seconds that each server has to answer, the first time and the second (resolv.conf(5): `attempts`)."""
AT_ONCE = 64
"""Questions at once, each with a socket of its own; others wait for their turn."""
MAX_DATAGRAM = 512
"""Bytes of an answer over UDP, where none was asked for in more (RFC 1035, section 4.2.1)."""
MAX_POINTERS = 8192
"""Compressed names in one message: Twisted's own 1,000 is too few for some hundreds of servers."""
MAX_PIECES = 200_000
"""Labels, lengths and fields of one message: a record has some ten, and 64 KB hold about 5,000 records."""

_HEADER = struct.Struct("!H2B4H")
_SIZES = {dns.A: 4, dns.AAAA: 16}
_WORDS = {
    dns.EFORMAT: "the name server did not understand the question",
    dns.ESERVER: "the name server failed (SERVFAIL)",
    dns.ENAME: "there is no such name (NXDOMAIN)",
    dns.ENOTIMP: "the name server can't answer such questions",
    dns.EREFUSED: "the name server refuses to answer (REFUSED)",
}


class NotResolved(LBError):
    """A name has no answer; said in words for people."""


class Nameservers:
    """Asks name servers in their order, until one answers.

    The codec is Twisted's. Its client is not used: it leaves timers and connections behind when a question
    is cancelled, and takes an answer that was cut short for a whole one, which would remove servers.
    """

    def __init__(self, reactor: Any, servers: Callable[[], Sequence[Server]]) -> None:
        """`servers` is asked for each question."""
        self._reactor = reactor
        self._servers = servers
        self._slots = DeferredSemaphore(AT_ONCE)

    async def ask(self, name: str, type: int) -> dns.Message:
        """The answer to one question, which may be empty.

        Raises NotResolved when no server answers, the answer is an error (NXDOMAIN, SERVFAIL and so on) or
        can't be read. Cancelling leaves nothing behind.
        """
        async with self._slots:
            return await self._ask_each(dns.Query(name.encode("ascii"), type, dns.IN))

    async def _ask_each(self, query: dns.Query) -> dns.Message:
        problem = "there is no name server"
        silent = list(self._servers())
        for seconds in PATIENCE:
            for server in tuple(silent):
                try:
                    reply = await self._exchange(server, query, seconds)
                except TimeoutError:
                    problem = f"name server {server[0]} does not answer"
                    continue
                except (OSError, BindError, ConnectError, ConnectionClosed, NotResolved) as error:
                    problem = f"name server {server[0]}: {str(error).rstrip('.')}"
                else:
                    if reply.rCode == dns.OK:
                        return reply
                    problem = _WORDS.get(reply.rCode, f"the name server failed (code {reply.rCode})")
                    if reply.rCode == dns.ENAME:
                        raise NotResolved(problem)
                silent.remove(server)
        raise NotResolved(problem)

    async def _exchange(self, server: Server, query: dns.Query, seconds: float) -> dns.Message:
        reply = await self._over_udp(server, query, seconds)
        if reply.trunc:
            reply = await self._over_tcp(server, query, seconds)
        if reply.trunc:
            raise NotResolved("its answer is cut short")
        return reply

    async def _over_udp(self, server: Server, query: dns.Query, seconds: float) -> dns.Message:
        exchange = Exchange(query)
        # The system gives a random port (RFC 5452, section 9.2).
        interface = "::" if ":" in server[0] else ""
        port = self._reactor.listenUDP(0, Datagram(exchange, server), interface)
        try:
            return await exchange.reply.addTimeout(seconds, self._reactor)
        finally:
            await maybeDeferred(port.stopListening)

    async def _over_tcp(self, server: Server, query: dns.Query, seconds: float) -> dns.Message:
        exchange = Exchange(query)
        endpoint = (TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint)(
            self._reactor, *server, timeout=seconds
        )
        stream = await connectProtocol(endpoint, Stream(exchange))
        try:
            return await exchange.reply.addTimeout(seconds, self._reactor)
        finally:
            stream.transport.abortConnection()
            await stream.closed


class Exchange:
    """One question and its answer. Whatever is not the answer to it is passed over (RFC 5452, section 4)."""

    def __init__(self, query: dns.Query) -> None:
        self._message = dns.Message(dns.randomSource(), recDes=1)
        self._message.queries = [query]
        self.question: bytes = self._message.toStr()
        self.reply: Deferred[dns.Message] = Deferred()
        """Fires with the answer; fails with NotResolved when it can't be read."""

    def received(self, data: bytes) -> None:
        """These bytes came from the server."""
        if self.reply.called or data[:2] != self.question[:2]:
            return
        try:
            message = decoded(data)
        except ValueError as error:
            self.reply.errback(NotResolved(str(error)))
            return
        if message.answer and message.queries == self._message.queries:
            self.reply.callback(message)

    def failed(self, reason: Failure) -> None:
        """No answer can come any more."""
        if not self.reply.called:
            self.reply.errback(reason)


class Datagram(DatagramProtocol):
    """Asks one question over UDP. The kernel passes over what comes from elsewhere."""

    noisy = False

    def __init__(self, exchange: Exchange, server: Server) -> None:
        self._exchange = exchange
        self._server = server

    def startProtocol(self) -> None:
        assert self.transport is not None
        try:
            self.transport.connect(*self._server)
            self.transport.write(self._exchange.question, self._server)
        except OSError:  # no route: listenUDP must not fail half done
            self._exchange.failed(Failure())

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        self._exchange.received(data if len(data) <= MAX_DATAGRAM else _truncated(data))

    def connectionRefused(self) -> None:
        self._exchange.failed(Failure(NotResolved("nobody listens there")))

    def stopProtocol(self) -> None:
        """The epoll reactor drops a socket that was refused, and does not say why."""
        self.connectionRefused()


class Stream(Int16StringReceiver):
    """Asks one question over TCP."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.closed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.sendString(self._exchange.question)

    def stringReceived(self, string: bytes) -> None:
        self._exchange.received(string)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._exchange.failed(reason)
        self.closed.callback(None)


class _Rationed(BytesIO):
    """Bytes that may be read in so many pieces only.

    Pointers to one endless name, 2,000 of them in 64 KB, would keep Twisted's decoder busy for 45 s.
    """

    pieces = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.pieces += 1
        if self.pieces > MAX_PIECES:
            raise ValueError("there is no end to its names")
        return super().read(size)


def _truncated(data: bytes) -> bytes:
    """The start of `data`, which says that it is one (TC)."""
    return data[:2] + bytes([data[2] | 0x02]) + data[3:MAX_DATAGRAM]


def decoded(data: bytes) -> dns.Message:
    """The message that `data` is, whole. Raises ValueError when it is none, or is cut short unsaid."""
    message = dns.Message()
    message.maxCompressionPointers = MAX_POINTERS
    try:
        message.decode(_Rationed(data))
        counts = _HEADER.unpack_from(data)[3:]
    except Exception:  # hostile bytes make the decoder raise whatever they like
        raise ValueError("its answer can't be read") from None
    sections: Sequence[Sequence[object]] = (
        message.queries,
        message.answers,
        message.authority,
        message.additional,
    )
    if not message.trunc and tuple(len(section) for section in sections) != counts:
        raise ValueError("its answer is cut short")
    if any(not _sized(record) for record in (*message.answers, *message.additional)):
        raise ValueError("its answer has an address of a wrong length")
    return message


def _sized(record: dns.RRHeader) -> bool:
    """An address has the length of one: Twisted's decoder does not look."""
    return record.rdlength == _SIZES.get(record.type, record.rdlength)
