"""What clients and server of the WebSocket load say: a handshake, and messages of 32 bytes (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib

TEXT = b"0123456789abcdef0123456789abcdef"
MASK = b"\x12\x34\x56\x78"
MESSAGE = b"\x81" + bytes([0x80 | len(TEXT)]) + MASK + bytes(c ^ MASK[i % 4] for i, c in enumerate(TEXT))
"""What a client sends: masked."""
ECHO = b"\x81" + bytes([len(TEXT)]) + TEXT
"""The same as a server sends it."""

_KEY = base64.b64encode(b"0123456789abcdef").decode()
_ACCEPT = base64.b64encode(
    hashlib.sha1(f"{_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
).decode()
HANDSHAKE = (
    "GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {_ACCEPT}\r\n\r\n"
).encode()
