"""TLS with a client: the transport that its protocol has, over the one that was accepted."""

from __future__ import annotations

from typing import Protocol, cast

from lbtwist.net.tls.transport import TLSTransport
from lbtwist.wire.handshake_size import MAX_HANDSHAKE, HandshakeSize, HelloTooLarge

HELLO_TOO_LARGE, HANDSHAKE_TOO_LARGE = "hello_too_large", "handshake_too_large"


class Guest(Protocol):
    """Who waits for the end of the handshake."""

    def readConnectionLost(self) -> None: ...

    def turn_away(self, reason: str) -> None:
        """Close the connection, for a reason."""


class ClientTransport(TLSTransport):
    """A client that closes without close_notify has ended all the same: many do, and what they sent is
    whole by its own measure, as it is without TLS."""

    _size: HandshakeSize | None = None
    """Of the handshake so far; None before its first byte and from its end on."""

    def dataReceived(self, data: bytes) -> None:
        if self._handshakeDone:
            super().dataReceived(data)
        else:
            self._shake_hands(data)

    def readConnectionLost(self) -> None:
        if self._handshakeDone:
            self.loseConnection()
        else:
            self._guest.readConnectionLost()

    def end_without_notice(self) -> None:
        """What was sent is not all that there should be: no close_notify says so (RFC 8446, 6.1)."""
        self._shut = True

    def _shake_hands(self, data: bytes) -> None:
        size = self._size = self._size or HandshakeSize()
        try:
            size.feed(data)
        except HelloTooLarge:
            self._guest.turn_away(HELLO_TOO_LARGE)
            return
        super().dataReceived(data)
        # Only now, for what came in one piece with the end of the handshake may be long.
        if self._handshakeDone:
            self._size = None
        elif size.received > MAX_HANDSHAKE and not self._lostTLSConnection:
            self._guest.turn_away(HANDSHAKE_TOO_LARGE)

    @property
    def _guest(self) -> Guest:
        return cast(Guest, self.wrappedProtocol)


def end_without_notice(transport: object) -> None:
    """Have a client with TLS see, when it is closed next, that a response is not whole (rule 7)."""
    if isinstance(transport, ClientTransport):
        transport.end_without_notice()
