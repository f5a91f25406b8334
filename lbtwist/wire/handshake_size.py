"""How much a TLS client sends until its handshake is done, by the headers that are not secret: RFC 8446, 5.1
and 4."""

from __future__ import annotations

from lbtwist.errors import LBError
from lbtwist.wire.client_hello import MAX_HELLO

MAX_HANDSHAKE = 64 * 1024
"""Bytes of all, which a chain of client certificates is the most of."""
_RECORD_HEAD, _MESSAGE_HEAD = 5, 4
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _CLIENT_HELLO = 20, 21, 22, 1
_FINISHED = 64
"""Bytes that a Finished of TLS 1.2 has at most in its record, with the ciphers that there are."""


class HelloTooLarge(LBError):
    """A ClientHello that says it will be longer than MAX_HELLO; OpenSSL would take up to 128 KiB."""


class HandshakeSize:
    """Gets the bytes of a client, in any pieces, before TLS does."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes so far."""
        self._head = bytearray()
        """Of a record, as far as it is there."""
        self._kind = 0
        self._in_record = 0
        """Bytes of the record that are still to come."""
        self._message = bytearray()
        """The header of a message, as far as it is there."""
        self._in_message = 0
        self._secret = self._changed = False

    def feed(self, data: bytes) -> None:
        """Raises HelloTooLarge as soon as one says so. A client may have two: one that has offered no group
        of the server's is asked for another (RFC 8446, 4.1.2)."""
        self.received += len(data)
        at = 0
        while at < len(data) and not self._secret:
            if self._in_record:
                end = min(len(data), at + self._in_record)
                self._in_record -= end - at
                if self._kind == _HANDSHAKE:
                    self._read(data[at:end])
                at = end
            else:
                end = at + _RECORD_HEAD - len(self._head)
                self._head += data[at:end]
                at = end
                if len(self._head) == _RECORD_HEAD:
                    self._begin()

    def _begin(self) -> None:
        """A record begins."""
        first = not self._kind
        self._kind, size = self._head[0], int.from_bytes(self._head[3:], "big")
        self._in_record = size
        self._head.clear()
        if self._kind == _CHANGE_CIPHER_SPEC:
            self._changed = True
        elif self._kind not in (_ALERT, _HANDSHAKE) or (self._changed and size <= _FINISHED):
            self._secret = True  # nothing can be told of it any more, or it is no TLS
        elif first and size < _MESSAGE_HEAD:
            raise HelloTooLarge("its first record does not say how long it will be")

    def _read(self, piece: bytes) -> None:
        """A part of messages."""
        while piece:
            if self._in_message:
                passed = min(len(piece), self._in_message)
                self._in_message -= passed
                piece = piece[passed:]
                continue
            wanted = _MESSAGE_HEAD - len(self._message)
            self._message += piece[:wanted]
            piece = piece[wanted:]
            if len(self._message) == _MESSAGE_HEAD:
                self._in_message = int.from_bytes(self._message[1:], "big")
                if self._message[0] == _CLIENT_HELLO and self._in_message > MAX_HELLO:
                    raise HelloTooLarge(f"more than {MAX_HELLO} bytes")
                self._message.clear()
