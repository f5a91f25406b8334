"""TLS with a client: the transport that its protocol has, over the one that was accepted."""

from __future__ import annotations

from typing import Protocol, cast

from lbtwist.net.tls.transport import TLSTransport

MAX_HELLO = 16 * 1024
"""Bytes of a ClientHello: OpenSSL would take 128 KiB of memory for one that says it will be so long."""
HELLO_TOO_LARGE = "hello_too_large"
_HEADERS = 9
"""Bytes of a record's header, and of the message's in it (RFC 8446, 5.1 and 4)."""
_HANDSHAKE = 22


class Guest(Protocol):
    """Who waits for the end of the handshake."""

    def readConnectionLost(self) -> None: ...

    def turn_away(self, reason: str) -> None:
        """Close the connection, for a reason."""


class ClientTransport(TLSTransport):
    """A client that closes without close_notify has ended all the same: many do, and what they sent is
    whole by its own measure, as it is without TLS."""

    _beginning: bytes | None = b""

    def dataReceived(self, data: bytes) -> None:
        if self._beginning is not None:
            data = self._beginning + data
            if len(data) < _HEADERS:
                self._beginning = data
                return
            self._beginning = None
            if data[0] == _HANDSHAKE and _too_large(data):
                self._guest.turn_away(HELLO_TOO_LARGE)
                return
        super().dataReceived(data)

    def readConnectionLost(self) -> None:
        if self._handshakeDone:
            self.loseConnection()
        else:
            self._guest.readConnectionLost()

    def end_without_notice(self) -> None:
        """What was sent is not all that there should be: no close_notify says so (RFC 8446, 6.1)."""
        self._shut = True

    @property
    def _guest(self) -> Guest:
        return cast(Guest, self.wrappedProtocol)


def _too_large(data: bytes) -> bool:
    """Of a record that is so short that its message does not tell, nothing good is to be expected."""
    return int.from_bytes(data[3:5], "big") < 4 or int.from_bytes(data[6:9], "big") > MAX_HELLO


def end_without_notice(transport: object) -> None:
    """Have a client with TLS see, when it is closed next, that a response is not whole (rule 7)."""
    if isinstance(transport, ClientTransport):
        transport.end_without_notice()
