"""ClientHellos: those of OpenSSL, and such as are made up byte by byte."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

Extension = tuple[int, bytes]

SERVER_NAME, ALPN, PADDING, KEY_SHARE = 0, 16, 21, 51
GREASE: tuple[Extension, ...] = ((0x0A0A, b""), (0xDADA, b"\0"))
"""Of RFC 8701: servers have to ignore them."""
X25519MLKEM768 = 0x11EC


def of_openssl(
    name: str | None = "www.example.com",
    alpn: Sequence[str] = (),
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> bytes:
    """All that a client of Python's ssl sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    sent = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("there is nobody to shake hands with")


def vector(head: int, content: bytes) -> bytes:
    """`content` with its length before it, in `head` bytes."""
    return len(content).to_bytes(head, "big") + content


def server_name(name: bytes, kind: int = 0) -> Extension:
    return SERVER_NAME, vector(2, bytes([kind]) + vector(2, name))


def alpn(*protocols: bytes) -> Extension:
    return ALPN, vector(2, b"".join(vector(1, protocol) for protocol in protocols))


def body(*extensions: Extension) -> bytes:
    """A ClientHello with them, without the header of its message."""
    listed = b"".join(kind.to_bytes(2, "big") + vector(2, content) for kind, content in extensions)
    return body_without() + vector(2, listed)


def body_without(
    version: bytes = b"\3\3", session: bytes = b"", ciphers: bytes = b"\x13\1", methods: bytes = b"\0"
) -> bytes:
    """One that has no list of extensions."""
    return version + bytes(32) + vector(1, session) + vector(2, ciphers) + vector(1, methods)


def message(content: bytes) -> bytes:
    return b"\1" + vector(3, content)


def records(content: bytes, size: int = 2**14) -> bytes:
    """A message in records of at most `size` bytes."""
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return b"".join(b"\x16\3\1" + vector(2, piece) for piece in pieces)


def hello(*extensions: Extension) -> bytes:
    """As a client sends it."""
    return records(message(body(*extensions)))
