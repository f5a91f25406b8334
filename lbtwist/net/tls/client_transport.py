"""TLS with a client: the transport that its protocol has, over the one that was accepted."""

from __future__ import annotations

from lbtwist.net.tls.transport import TLSTransport


class ClientTransport(TLSTransport):
    """A client that closes without close_notify has ended all the same: many do, and what they sent is
    whole by its own measure, as it is without TLS."""

    def readConnectionLost(self) -> None:
        if self._handshakeDone:
            self.loseConnection()
        else:
            self.wrappedProtocol.readConnectionLost()  # type: ignore[attr-defined]  # a ClientHandshake

    def end_without_notice(self) -> None:
        """What was sent is not all that there should be: no close_notify says so (RFC 8446, 6.1)."""
        self._shut = True


def end_without_notice(transport: object) -> None:
    """Have a client with TLS see, when it is closed next, that a response is not whole (rule 7)."""
    if isinstance(transport, ClientTransport):
        transport.end_without_notice()
