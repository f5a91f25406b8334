"""TLS to servers: whose certificates are believed, and what was wrong with one."""

from __future__ import annotations

from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocol
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, CertificateOptions, platformTrust, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

# openssl-verification-options(1) and x509_vfy.h
_PROBLEMS = {
    9: "certificate not yet valid",
    10: "certificate expired",
    18: "not trusted",  # self-signed
    19: "not trusted",  # self-signed in its chain
    20: "not trusted",  # issued by nobody known
    21: "not trusted",  # alone, and not known
}


class Trust:
    """Whose certificates are believed: one TLS context, made once, which takes some 8 ms."""

    def __init__(self, authorities: bytes | None = None) -> None:
        """`authorities` are certificates in PEM; None: those of the system. Raises ValueError."""
        self._options = CertificateOptions(
            trustRoot=platformTrust() if authorities is None else _roots(authorities)
        )
        self._options.getContext()

    def handshake(self, name: str) -> Handshake:
        """A handshake to come with a server that must prove to be `name`, a host name or IP address."""
        return Handshake(self._options, name)


@implementer(IOpenSSLClientConnectionCreator)
class Handshake:
    """One TLS connection in the making."""

    def __init__(self, options: CertificateOptions, name: str) -> None:
        self._options = options
        self._name = name
        self._problem = 0

    def below(self, protocol: IProtocol) -> TLSMemoryBIOProtocol:
        """`protocol` with TLS below it; it hears of the handshake by IHandshakeListener."""
        return TLSMemoryBIOProtocol(TLSMemoryBIOFactory(self, True, Factory()), protocol)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        if not self._is_address:
            connection.set_tlsext_host_name(self._name.encode("ascii"))
        connection.set_verify(SSL.VERIFY_PEER, self._verified)
        self._connection = connection
        return connection

    def proves_name(self) -> bool:
        """Whether the certificate, which was verified, is that of the server that is meant."""
        verify = verify_ip_address if self._is_address else verify_hostname
        try:
            verify(self._connection, self._name)
        except (VerificationError, CertificateError, ValueError):  # the last: a name that none can have
            return False
        return True

    def reason(self, problem: BaseException | None) -> str:
        """Why the handshake failed, in words."""
        if self._problem:
            return f"TLS: {_PROBLEMS.get(self._problem, 'certificate not valid')}"
        if isinstance(problem, SSL.Error) and problem.args and problem.args[0]:
            return f"TLS: {problem.args[0][-1][-1].lower()}"
        return "TLS: no handshake"

    @property
    def _is_address(self) -> bool:
        return isIPAddress(self._name) or isIPv6Address(self._name)

    def _verified(
        self, connection: SSL.Connection, certificate: X509, code: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            self._problem = self._problem or code
        return bool(ok)


def _roots(authorities: bytes) -> Any:
    found = load_pem_x509_certificates(authorities)
    return trustRootFromCertificates(Certificate(X509.from_cryptography(one)) for one in found)
