"""Version 2 of the PROXY protocol: a binary header (2.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from lbtwist.errors import BadProxyHeader
from lbtwist.model.address import Address
from lbtwist.wire.crc32c import crc32c
from lbtwist.wire.proxy_ends import Ends, as_ipv6, canonical_ipv6

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_BINARY = 4096
"""Bytes of the longest header that is read: as many as nginx reads."""
LOCAL, PROXY = 0x20, 0x21
"""The version, 2, and the command."""
UNSPEC, INET, INET6, UNIX = 0x00, 0x10, 0x20, 0x30
STREAM, DGRAM = 0x01, 0x02
PATH = 108
"""Bytes of a Unix socket's path, filled up with NUL."""
TYPE_CRC32C = 0x03

_HEAD = struct.Struct("!12sBBH")
_INET, _INET6, _UNIX = struct.Struct("!4s4sHH"), struct.Struct("!16s16sHH"), struct.Struct("!108s108s")
_FORMS: Mapping[int, struct.Struct] = {INET: _INET, INET6: _INET6, UNIX: _UNIX}
_TLV = struct.Struct("!BH")
_BAD = "bad_proxy_header"


def read_binary(data: bytes) -> tuple[Ends | None, int] | None:
    """As `read_proxy_header`, of `data` that begins with SIGNATURE."""
    if len(data) < _HEAD.size:
        return None
    _, command, family, length = _HEAD.unpack_from(data)
    size = _HEAD.size + length
    if command not in (LOCAL, PROXY) or (command == PROXY and not _is_family(family)):
        raise BadProxyHeader(_BAD)
    if size > MAX_BINARY:
        raise BadProxyHeader("proxy_header_too_long")
    if len(data) < size:
        return None
    ends = None if command == LOCAL or family == UNSPEC else _read_block(data[:size], family)
    return ends, size


def binary_header(ends: Ends | None) -> bytes:
    """The header for `ends`; LOCAL without them, UNSPEC where there is no family for both."""
    if ends is None:
        return _HEAD.pack(SIGNATURE, LOCAL, UNSPEC, 0)
    if ends.is_mixed:
        return _HEAD.pack(SIGNATURE, PROXY, UNSPEC, 0)
    family, block = _written(ends)
    return _HEAD.pack(SIGNATURE, PROXY, family | STREAM, len(block)) + block


def _is_family(family: int) -> bool:
    return family == UNSPEC or (family & 0xF0 in _FORMS and family & 0x0F in (STREAM, DGRAM))


def _read_block(header: bytes, family: int) -> Ends | None:
    form = _FORMS[family & 0xF0]
    end = _HEAD.size + form.size
    if len(header) < end:
        raise BadProxyHeader(_BAD)
    _check_extras(header, end)
    if family & 0x0F == DGRAM:
        return None  # no stream is one: 2.2 has it read as UNSPEC by who does not support it
    return _READERS[family & 0xF0](*form.unpack_from(header, _HEAD.size))


def _check_extras(header: bytes, at: int) -> None:
    """What follows the addresses is whole, and passed over; a checksum among it is right (2.2.5)."""
    summed = False
    while at < len(header):
        if at + _TLV.size > len(header):
            raise BadProxyHeader(_BAD)
        kind, size = _TLV.unpack_from(header, at)
        value, at = at + _TLV.size, at + _TLV.size + size
        if at > len(header) or (kind == TYPE_CRC32C and (size != 4 or summed)):
            raise BadProxyHeader(_BAD)
        if kind == TYPE_CRC32C:
            summed = True
            _check_sum(header, value)


def _check_sum(header: bytes, at: int) -> None:
    if crc32c(header[:at] + bytes(4) + header[at + 4 :]) != int.from_bytes(header[at : at + 4]):
        raise BadProxyHeader("wrong_proxy_checksum")


def _ipv4_ends(source: bytes, destination: bytes, source_port: int, destination_port: int) -> Ends:
    return Ends(
        Address(str(IPv4Address(source)), source_port),
        Address(str(IPv4Address(destination)), destination_port),
    )


def _ipv6_ends(source: bytes, destination: bytes, source_port: int, destination_port: int) -> Ends:
    return Ends(
        Address(canonical_ipv6(source), source_port), Address(canonical_ipv6(destination), destination_port)
    )


def _unix_ends(source: bytes, destination: bytes) -> Ends:
    return Ends(Address(_path(source)), Address(_path(destination)))


_READERS: Mapping[int, Callable[..., Ends]] = {INET: _ipv4_ends, INET6: _ipv6_ends, UNIX: _unix_ends}


def _path(field: bytes) -> str:
    """The path, up to its NUL; a name that begins with NUL is an abstract one, and has no other end."""
    path = field.rstrip(b"\0") if field[:1] == b"\0" else field.partition(b"\0")[0]
    return path.decode("utf-8", "surrogateescape")


def _written(ends: Ends) -> tuple[int, bytes]:
    source, destination = ends
    if ends.is_unix:
        return UNIX, _UNIX.pack(*(end.host.encode("utf-8", "surrogateescape") for end in ends))
    ports = (source.port, destination.port)
    if ends.is_ipv6:
        return INET6, _INET6.pack(*(as_ipv6(end).packed for end in ends), *ports)
    return INET, _INET.pack(*(IPv4Address(end.host).packed for end in ends), *ports)
