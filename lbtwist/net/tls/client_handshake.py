"""A client of a listener with TLS, until the handshake is done."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.arrival import Arrival
from lbtwist.net.tls.client_transport import ClientTransport
from lbtwist.net.tls.contexts import reason_of

_RECORD = 2**14
_REASONS = {
    "no shared cipher": "TLS: no cipher in common",
    "unsupported protocol": "TLS: too old a version",
    "no suitable signature algorithm": "TLS: no signature in common",
    "no suitable key share": "TLS: no group in common",
    "wrong version number": "TLS: it speaks none",
    "packet length too long": "TLS: it speaks none",
    "http request": "TLS: it speaks HTTP",
    "https proxy request": "TLS: it speaks HTTP",
    "peer did not return a certificate": "TLS: no client certificate",
    "certificate verify failed": "TLS: client certificate not valid",
}
"""By what OpenSSL says; whatever else it may say is one reason, as they are counted by."""
REFUSED_BY_CLIENT = "TLS: refused by the client"
"""It has sent an alert: most often it does not believe the certificate."""
OTHERWISE = "TLS: bad handshake"


@implementer(IHandshakeListener)
class ClientHandshake(Arrival):
    """What is decrypted is for the protocol that it goes on to."""

    transport: ClientTransport  # type: ignore[assignment]

    def handshakeCompleted(self) -> None:
        """IHandshakeListener."""
        self.go_on(self._early())

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if not self._over and isinstance(reason.value, SSL.Error):
            self.frontend.refuse(self.address, why(reason.value))
            self._over = True
            self._depart()
        else:
            super().connectionLost(reason)

    def _early(self) -> bytes:
        """What has come in one piece with the end of the handshake."""
        connection, early = self.transport.getHandle(), b""
        while True:
            try:
                early += connection.recv(_RECORD)
            except SSL.Error:  # there is no more; a real one is met again by who reads next
                return early


def why(error: SSL.Error) -> str:
    """One of a few reasons of a handshake that failed."""
    reason = reason_of(error)
    if "alert" in reason:
        return REFUSED_BY_CLIENT
    return _REASONS.get(reason, OTHERWISE)
