"""How a listener speaks TLS with its clients, with what the files of its settings hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

# Mozilla's intermediate profile, but for DHE, which no client needs that knows one of these.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""What may be used with TLS 1.2: forward secrecy, and authenticated encryption."""
CIPHER_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""What may be used with TLS 1.3 (RFC 8446, 9.1)."""
VERSIONS = ("1.2", "1.3")


class ClientAuth(StrEnum):
    """Whether clients prove who they are."""

    NONE = "none"
    """They are not asked."""
    OPTIONAL = "optional"
    """Those that have a certificate; a bad one is refused."""
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate, and the key that proves that it is ours."""

    certificate: bytes
    """In PEM, with those between it and its authority."""
    key: bytes = field(repr=False)
    """In PEM."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ListenerTLS:
    """Equal ones are one and the same: what was made of one of them holds for the other."""

    certificates: tuple[KeyPair, ...]
    """By the server name that is asked for; the first where none fits, or none is told."""
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca: bytes = b""
    """Certificates in PEM: who issues those of clients."""
    min_version: str = "1.2"
    """One of VERSIONS."""
    ciphers: tuple[str, ...] = CIPHERS
    cipher_suites: tuple[str, ...] = CIPHER_SUITES
    alpn: tuple[bytes, ...] = ()
    """What is spoken inside, as RFC 7301 names it; without any, what clients offer is not looked at."""
