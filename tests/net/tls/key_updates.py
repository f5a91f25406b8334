"""A client that asks for new keys, again and again: TLS answers each such request (RFC 8446, 4.6.3)."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

_REQUEST = b"\x18\x00\x00\x01\x01" + b"\x16"
"""The message, and the type of what is encrypted."""
_HEADER = b"\x17\x03\x03" + (len(_REQUEST) + 16).to_bytes(2, "big")


class Updating:
    """The client's side of one connection, whose bytes are passed by hand."""

    def __init__(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
        context.set_keylog_callback(self._note)
        self._secret = b""
        self.connection = SSL.Connection(context, None)
        self.connection.set_connect_state()

    def shake_hands(self, received: bytes = b"") -> bytes:
        """What is to be sent next."""
        if received:
            self.connection.bio_write(received)
        with contextlib.suppress(SSL.WantReadError):
            self.connection.do_handshake()
        return self.connection.bio_read(65536)

    def requests(self, count: int) -> Iterator[bytes]:
        """So many, each with the key that the one before has announced."""
        for _ in range(count):
            key, nonce = (_expand(self._secret, label, size) for label, size in ((b"key", 16), (b"iv", 12)))
            yield _HEADER + AESGCM(key).encrypt(nonce, _REQUEST, _HEADER)
            self._secret = _expand(self._secret, b"traffic upd", 32)

    def _note(self, connection: SSL.Connection, line: bytes) -> None:
        kind, _, secret = line.split()
        if kind == b"CLIENT_TRAFFIC_SECRET_0":
            self._secret = bytes.fromhex(secret.decode())


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """RFC 8446, 7.1, for what one block of SHA-256 is enough for."""
    label = b"tls13 " + label
    told = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0" + b"\x01"
    return hmac.new(secret, told, hashlib.sha256).digest()[:size]
