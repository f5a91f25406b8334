"""The proof in a WebSocket handshake that the server has read the request (RFC 6455, 1.3 and 4)."""

from __future__ import annotations

import base64
import hashlib
import re

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# The last character has bits that say nothing; clients are not held to setting them to 0.
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")


def is_valid_key(key: bytes) -> bool:
    """Whether `key`, the value of Sec-WebSocket-Key, is sixteen bytes in base64 (RFC 6455, 4.2.1)."""
    return _KEY.fullmatch(key) is not None


def accept_key(key: bytes) -> bytes:
    """The value of Sec-WebSocket-Accept that answers a request with `key` (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def is_answer(accept: bytes, key: bytes) -> bool:
    """Whether a 101 with `accept` as its Sec-WebSocket-Accept answers the request with `key`.

    Both are values of fields, without white space around them; letters' case counts. Any other
    answer is not this request's, and fails the handshake (RFC 6455, 4.1).
    """
    return accept == accept_key(key)
