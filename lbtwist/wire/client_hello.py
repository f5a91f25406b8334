"""The first message of a TLS client, read without ending its TLS: RFC 8446 and RFC 5246."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lbtwist.errors import LBError
from lbtwist.model.hostname import MAX_LENGTH

MAX_HELLO = 16 * 1024
"""Bytes up to the end of the hello, with the headers of its records."""
_TOO_LONG = f"more than {MAX_HELLO} bytes"
_RECORD_HEAD, _MESSAGE_HEAD = 5, 4
"""Bytes of the headers."""
_HANDSHAKE, _MAJOR, _CLIENT_HELLO, _HOST_NAME = 22, 3, 1, 0
_SERVER_NAME, _ALPN = 0, 16
_LABEL = rb"[A-Za-z0-9_-]{1,63}"
_NAME = re.compile(rb"(%b(?:\.%b)*)\.?" % (_LABEL, _LABEL))


class BadHello(LBError):
    """It begins as TLS and is no ClientHello, or one that can be read in more than one way."""


class ClientHello(NamedTuple):
    """What a client says of where it wants to go, before anything is secret."""

    server_name: bytes = b""
    """The host that it asks for (RFC 6066, section 3), in small letters, without a final dot; empty for
    none. With an encrypted ClientHello, the outer one's."""
    alpn: tuple[bytes, ...] = ()
    """The protocols that it offers (RFC 7301), in its order."""


NO_HELLO = ClientHello()
"""What is known of a client that does not speak TLS: nothing."""


class HelloReader:
    """Gets the bytes of a client in any pieces, until it is known what it says."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._record = 0
        """Where the next record begins."""
        self._message = bytearray()

    @property
    def received(self) -> bytes:
        """All that came, to be passed on as it is."""
        return bytes(self._held)

    def feed(self, data: bytes) -> ClientHello | None:
        """The hello; NO_HELLO for what is not TLS, as SSL 2.0; None while more is needed.

        What it does depends on the bytes alone, not on how they were cut, and what follows the hello is
        not looked at. Raises BadHello, whose text repeats nothing of what came.
        """
        self._held += data
        if not is_tls(self._held):
            return NO_HELLO
        while (hello := self._hello()) is None and self._take_record():
            pass
        return hello

    def _hello(self) -> ClientHello | None:
        message = self._message
        if message and message[0] != _CLIENT_HELLO:
            raise BadHello("the first message is no ClientHello")
        if len(message) < _MESSAGE_HEAD:
            return None
        end = _MESSAGE_HEAD + int.from_bytes(message[1:_MESSAGE_HEAD], "big")
        if end > MAX_HELLO:
            raise BadHello(_TOO_LONG)
        return parse_hello(message[_MESSAGE_HEAD:end]) if len(message) >= end else None

    def _take_record(self) -> bool:
        """Whether there was a whole one."""
        held, begin = self._held, self._record + _RECORD_HEAD
        if len(held) < begin:
            return False
        if not is_tls(held[self._record : begin]):
            raise BadHello("another record within the ClientHello")
        end = begin + int.from_bytes(held[begin - 2 : begin], "big")
        if end == begin:
            raise BadHello("an empty record")
        if end > MAX_HELLO:
            raise BadHello(_TOO_LONG)
        if len(held) < end:
            return False
        self._message += held[begin:end]
        self._record = end
        return True


def is_tls(data: bytes | bytearray) -> bool:
    """Whether a record with a handshake message, of SSL 3.0 or later, may begin like this."""
    return bytes((_HANDSHAKE, _MAJOR)).startswith(data[:2])


def parse_hello(body: bytes | bytearray) -> ClientHello:
    """Read a ClientHello without the header of its message. Raises BadHello."""
    fields = _Fields(body)
    if fields.take(2)[0] != _MAJOR:
        raise BadHello("an unknown version")
    fields.take(32)  # the random
    if len(fields.vector(1)) > 32:
        raise BadHello("a session id of more than 32 bytes")
    ciphers = fields.vector(2)
    if not ciphers or len(ciphers) % 2:
        raise BadHello("no list of cipher suites")
    if not fields.vector(1):
        raise BadHello("no list of compression methods")
    found = dict(_extensions(fields))
    server_name, alpn = found.get(_SERVER_NAME), found.get(_ALPN)
    return ClientHello(
        b"" if server_name is None else _server_name(server_name), () if alpn is None else _alpn(alpn)
    )


def _extensions(fields: _Fields) -> Iterator[tuple[int, bytes]]:
    """Their types and contents. TLS before 1.3 needs none, and then has no list of them either."""
    if not fields.left:
        return
    extensions, seen = _Fields(fields.last_vector()), set()
    while extensions.left:
        kind = int.from_bytes(extensions.take(2), "big")
        if kind in seen:  # RFC 8446, section 4.2
            raise BadHello("an extension that comes twice")
        seen.add(kind)
        yield kind, extensions.vector(2)


def _server_name(extension: bytes) -> bytes:
    names = _Fields(_Fields(extension).last_vector())
    # A second name, or one of another type, would be read by some servers and not by others.
    if names.take(1)[0] != _HOST_NAME:
        raise BadHello("a server name that is no host's")
    return parse_name(names.last_vector())


def parse_name(name: bytes) -> bytes:
    """A server name as it is compared: in small letters, without a final dot. Raises BadHello."""
    match = _NAME.fullmatch(name)
    if match is None or len(match[1]) > MAX_LENGTH:
        raise BadHello("a server name that is none in the DNS")
    return match[1].lower()


def _alpn(extension: bytes) -> tuple[bytes, ...]:
    names, protocols = _Fields(_Fields(extension).last_vector()), []
    while names.left:
        protocols.append(names.vector(1))
    if not all(protocols) or not protocols:
        raise BadHello("an ALPN protocol without a name")
    return tuple(protocols)


class _Fields:
    """Bytes that are taken from the front. Raises BadHello where there are not so many."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = bytes(data)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise BadHello("lengths that do not fit")
        self._at += size
        return self._data[self._at - size : self._at]

    def vector(self, head: int) -> bytes:
        """What comes next with its length before it, in `head` bytes."""
        return self.take(int.from_bytes(self.take(head), "big"))

    def last_vector(self) -> bytes:
        """The same, with a length of two bytes, and nothing after it."""
        content = self.vector(2)
        if self.left:
            raise BadHello("lengths that do not fit")
        return content
