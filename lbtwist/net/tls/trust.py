"""Whom servers have to be, and what we prove to them: one TLS context for all of a group."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address

from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.tls.key_pair import BadPEM, Identity, read_certificates
from lbtwist.net.tls.sessions import Sessions

_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION


class Trust:
    """What `settings` say, as OpenSSL takes it: made once, which takes some 8 ms for the system's
    authorities. `trust_of` has it made once for equal settings."""

    def __init__(self, settings: ServerTLS) -> None:
        """Raises BadCredentials."""
        self.settings = settings
        self.sessions = Sessions()
        self._context = context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(_OPTIONS)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if settings.authorities is None:
            context.set_default_verify_paths()
        else:
            _believe(context, settings.authorities)
        if settings.certificate:
            _identify(context, settings.certificate, settings.key)

    def connection(self, name: str) -> SSL.Connection:
        """The client's side of a handshake to come with `name`, which is told to the server unless it is
        an address (RFC 6066, 3)."""
        connection = SSL.Connection(self._context, None)
        connection.set_connect_state()
        if not is_address(name):
            connection.set_tlsext_host_name(name.encode("ascii"))
        return connection


class BadCredentials(ValueError):
    """What is no certificate, or no key of it."""

    def __init__(self, key: str, reason: str) -> None:
        """`key` is the one of the group's settings that is to blame."""
        super().__init__(reason)
        self.key = key


def trust_of(settings: ServerTLS) -> Trust:
    """The one for these settings. Raises BadCredentials."""
    trust = _MADE.get(settings)
    if trust is None:
        trust = _MADE[settings] = Trust(settings)
    return trust


def proves(connection: SSL.Connection, name: str) -> bool:
    """Whether the peer's certificate, which was verified, is that of `name` (RFC 9525)."""
    verify = verify_ip_address if is_address(name) else verify_hostname
    try:
        verify(connection, name)
    except (VerificationError, CertificateError, ValueError):  # the last: a name that none can have
        return False
    return True


def has_expired(certificate: Certificate) -> bool:
    """Whether its time is over."""
    return certificate.not_valid_after_utc < datetime.now(UTC)


def is_address(name: str) -> bool:
    """It is an IP address, and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


_MADE: WeakValueDictionary[ServerTLS, Trust] = WeakValueDictionary()


def _believe(context: SSL.Context, authorities: bytes) -> None:
    store = context.get_cert_store()
    assert store is not None
    for certificate in _certificates(authorities):
        store.add_cert(X509.from_cryptography(certificate))
    # Who is named is believed, be it no root: an issuer below one, or the server itself.
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)


def _certificates(authorities: bytes) -> list[Certificate]:
    try:
        return read_certificates(authorities)
    except BadPEM as bad:
        raise BadCredentials("tls_ca", str(bad)) from None


def _identify(context: SSL.Context, certificate: bytes, key: bytes) -> None:
    try:
        Identity(certificate, key).identify(context)
    except BadPEM as bad:
        raise BadCredentials("tls_key" if bad.of_key else "tls_certificate", str(bad)) from None
