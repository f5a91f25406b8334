"""Certificates for tests, good and bad ones, and files of them."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP192R1,
    SECP256R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion

DAY = timedelta(days=1)
GOOD, WEAK = SECP256R1(), SECP192R1()
"""Curves of keys. OpenSSL takes none of less than 112 bits by default, and the second has 96."""

_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Issued(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Files of it, the certificate in NAME.pem and the key in NAME.key, which only we can read."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.touch(0o600)
        key.write_bytes(self.key_pem)
        return certificate, key

    def options(self, newest: TLSVersion = TLSVersion.TLSv1_3) -> CertificateOptions:
        """What a server with this certificate needs for TLS, up to version `newest`."""
        both = PrivateCertificate.loadPEM(self.pem + self.key_pem)
        return CertificateOptions(
            privateKey=both.privateKey.original,
            certificate=both.original,
            insecurelyLowerMinimumTo=TLSVersion.TLSv1_2,
            lowerMaximumSecurityTo=newest,
        )


def authority(name: str = "authority") -> Issued:
    """One that can issue others."""
    return _issue(name, None, [], (-DAY, DAY))


def issue(
    by: Issued | None,
    names: list[str],
    valid: tuple[timedelta, timedelta] = (-DAY, DAY),
    curve: EllipticCurve = GOOD,
) -> Issued:
    """A certificate for `names`, host names (`*.` too) or IP addresses, valid from and until so far from now.

    Where it is issued by nobody, it is signed by itself.
    """
    return _issue("server", by, [_general(name) for name in names], valid, curve)


def _issue(
    subject: str,
    by: Issued | None,
    names: list[x509.GeneralName],
    valid: tuple[timedelta, timedelta],
    curve: EllipticCurve = GOOD,
) -> Issued:
    key = generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_identifier(by.key if by else key), critical=False)
    )
    if not names:
        made = made.add_extension(_SIGNS, critical=True)
    else:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(made.sign(by.key if by else key, hashes.SHA256()), key)


def _identifier(key: EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
