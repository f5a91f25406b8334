"""Certificates and private keys in PEM, read and judged."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from lbtwist.net.tls.reasons import reason_of


class BadPEM(ValueError):
    """A file has not what it should; `of_key` tells that it is the key's."""

    def __init__(self, reason: str, *, of_key: bool = False) -> None:
        super().__init__(reason)
        self.of_key = of_key


class Identity:
    """A certificate, with those between it and its authority, and the key that belongs to it."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        """Both are in PEM. Raises BadPEM."""
        self.certificate, *self.chain = read_certificates(certificate)
        self.key = _read_key(key)
        if self.key.public_key() != self.certificate.public_key():
            raise BadPEM("is not the key of the certificate", of_key=True)

    def identify(self, context: SSL.Context) -> None:
        """Have `context` show it to peers. Raises BadPEM: OpenSSL takes none that is too weak."""
        try:
            context.use_certificate(self.certificate)
            for issuer in self.chain:
                context.add_extra_chain_cert(issuer)
            context.use_privatekey(self.key)
        except SSL.Error as error:
            raise BadPEM(f"is not usable: {reason_of(error)}") from None

    @property
    def names(self) -> list[str]:
        """The names of hosts that it is for; where it tells none as it should, its common name."""
        common = self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return self._told_names() or [str(name.value) for name in common]

    def _told_names(self) -> list[str]:
        try:
            told = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return told.value.get_values_for_type(x509.DNSName)


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """All that are in `pem`, at least one. Raises BadPEM."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise BadPEM("has no certificate in PEM") from None


def _read_key(pem: bytes) -> Any:
    try:
        return load_pem_private_key(pem, None)
    except TypeError:
        raise BadPEM("is encrypted: a key without a passphrase is needed", of_key=True) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadPEM("has no private key in PEM", of_key=True) from None
