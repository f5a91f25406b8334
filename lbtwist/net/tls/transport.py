"""TLS over another transport: Twisted's, with the ends that relays tell apart."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.sending import queued
from lbtwist.net.transport import DONE

MAX_ANSWERS = 64 * 1024
"""Bytes that TLS itself has answered to a peer that takes none of them."""
_AT_ONCE = 32 * 1024
"""Bytes asked of OpenSSL at a time: a record has 16 KiB."""
_RECORDS = 1.01
"""What data grow by, at most, when they are records of 16 KiB."""


@implementer(IHalfCloseableProtocol)
class TLSTransport(TLSMemoryBIOProtocol):
    """A protocol to the transport below it, and the transport of the protocol that it serves.

    It ends as ours do. `loseConnection` sends close_notify after what was written and waits for no answer
    (RFC 8446, 6.1). `abortConnection` sends none: a stream that is not whole does not look as if it were.
    `loseWriteConnection` sends one, and what comes is still received; most peers end with it.

    close_notify from the peer is the end of both directions, ConnectionDone. An end without it is
    ConnectionLost: what came before may not be all.

    What is written at once is passed on at once: Twisted would pass each record of 16 KiB on by itself, and
    each would be a system call.
    """

    transport: Any
    _shut = False
    _answers = 0
    """Bytes since the peer has last taken all."""

    @property
    def protocol(self) -> IProtocol:
        """What it serves; another one may take its place."""
        return self.wrappedProtocol

    @protocol.setter
    def protocol(self, protocol: IProtocol) -> None:
        self.wrappedProtocol = protocol

    def write(self, data: bytes) -> None:
        if not self._shut:
            super().write(data)

    def loseConnection(self) -> None:
        if self.disconnecting:
            return
        if not self._handshakeDone:
            self.abortConnection()
            return
        self._end_tls()
        self.disconnecting = self._lostTLSConnection = True
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        self._shut = self._aborted = self.disconnecting = self._lostTLSConnection = True
        self._reason = None
        self.transport.abortConnection()

    def loseWriteConnection(self) -> None:
        """No more is sent; FIN follows close_notify, so that the end is told when all was sent."""
        if not (self._shut or self._lostTLSConnection):
            self._end_tls()
            self.transport.loseWriteConnection()

    def unregisterProducer(self) -> None:
        if self._tlsConnection is not None:
            super().unregisterProducer()

    def readConnectionLost(self) -> None:
        """The peer has closed, and has not said so in TLS."""
        if not self._lostTLSConnection:
            self._tlsConnection.bio_shutdown()
            self._flushReceiveBIO()
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self._shut = self.disconnecting = True  # there is nothing any more to say it with

    def writeConnectionLost(self) -> None:
        """All was sent that was written before `loseWriteConnection`."""
        protocol: Any = self.wrappedProtocol
        if IHalfCloseableProtocol.providedBy(protocol):
            protocol.writeConnectionLost()

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        """Without a reason it is the peer's close_notify: whatever becomes of our answer, that is the end."""
        super()._tlsShutdownFinished(reason)
        if reason is None:
            self._reason = DONE

    def _write(self, data: bytes) -> None:
        if self._lostTLSConnection:
            return
        view, sent = memoryview(data), 0
        try:
            while sent < len(data):
                sent += self._tlsConnection.send(view[sent:])  # a record
        except SSL.WantReadError:
            self._bufferedWrite(data[sent:])
        except SSL.Error:
            self._tlsShutdownFinished(Failure())
            return
        self._flush(max(_AT_ONCE, int(len(data) * _RECORDS)))

    def _flushSendBIO(self) -> None:
        """What TLS itself has to say. A peer could have it say much, by requests to change keys, and read
        nothing: of that there would be no end."""
        size = self._flush(_AT_ONCE)
        if not queued(self.transport):
            self._answers = 0
        elif (answers := self._answers + size) > MAX_ANSWERS:
            self.abortConnection()
        else:
            self._answers = answers

    def _flush(self, at_once: int) -> int:
        """Pass on all that is encrypted, so much in a piece. Returns how many bytes."""
        flushed = 0
        while True:
            try:
                encrypted = self._tlsConnection.bio_read(at_once)
            except SSL.WantReadError:
                return flushed
            self.transport.write(encrypted)
            flushed += len(encrypted)
            if len(encrypted) < at_once:
                return flushed

    def _end_tls(self) -> None:
        if not self._shut:
            self._shut = True
            self._shutdownTLS()
