"""A client of a listener with TLS, until the handshake is done."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.arrival import Arrival
from lbtwist.net.tls.client_transport import ClientTransport
from lbtwist.net.tls.reasons import reason_of

_RECORD = 2**14
_REASONS = {
    "unsupported protocol": "tls_too_old",
    "no shared cipher": "tls_no_cipher",
    "no suitable key share": "tls_no_group",
    "no suitable signature algorithm": "tls_no_signature",
    "peer did not return a certificate": "no_client_certificate",
    "certificate verify failed": "bad_client_certificate",
    "wrong version number": "no_tls",
    "packet length too long": "no_tls",
    "http request": "no_tls",
    "https proxy request": "no_tls",
}
"""By what OpenSSL says; whatever else it may say is one reason, as they are counted by."""
REFUSED_BY_CLIENT = "tls_refused_by_client"
"""It has sent an alert: most often it does not believe the certificate."""
OTHERWISE = "bad_handshake"


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
