"""The PROXY protocol, read a second time: slowly, and with nothing of the code that is tested."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
OWN = "the proxy's own"
"""Instead of an address, where the header tells none."""
LONGEST = 4096
_TEXT = re.compile(rb"PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})")
_BLOCKS = {1: 12, 2: 36, 3: 216}


def source_of(stream: bytes) -> tuple[str, bytes] | None:
    """The client's address and what follows the header; None for no header, or half a one.

    The address of a Unix socket is empty.
    """
    try:
        return _text(stream) if stream.startswith(b"PROXY ") else _binary(stream)
    except ValueError:
        return None


def _text(stream: bytes) -> tuple[str, bytes]:
    line, end, rest = stream.partition(b"\r\n")
    if not end or len(line) > 105:
        raise ValueError
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return OWN, rest
    match = _TEXT.fullmatch(line)
    if match is None or max(int(match[4]), int(match[5])) > 65535:
        raise ValueError
    family = IPv4Address if match[1] == b"TCP4" else IPv6Address
    if b"%" in match[2] + match[3]:
        raise ValueError
    source, _ = family(match[2].decode("ascii")), family(match[3].decode("ascii"))
    return _shown(source), rest


def _binary(stream: bytes) -> tuple[str, bytes]:
    if not stream.startswith(SIGNATURE) or len(stream) < 16:
        raise ValueError
    command, family, length = stream[12], stream[13], int.from_bytes(stream[14:16], "big")
    end = 16 + length
    if end > min(LONGEST, len(stream)) or command not in (0x20, 0x21):
        raise ValueError
    rest = stream[end:]
    if command == 0x20:
        return OWN, rest
    if family == 0:
        return OWN, rest
    if family >> 4 not in _BLOCKS or family & 15 not in (1, 2):
        raise ValueError
    size = _BLOCKS[family >> 4]
    if length < size:
        raise ValueError
    _check_tail(stream[:end], 16 + size)
    return (OWN if family & 15 == 2 else _address(family >> 4, stream[16:])), rest


def _address(family: int, block: bytes) -> str:
    if family == 3:
        return ""
    return _shown(ip_address(block[:4] if family == 1 else block[:16]))


def _shown(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _check_tail(header: bytes, at: int) -> None:
    sums = 0
    while at < len(header):
        kind, size = header[at], int.from_bytes(header[at + 1 : at + 3], "big")
        value = header[at + 3 : at + 3 + size]
        if at + 3 + size > len(header):
            raise ValueError
        if kind == 3:
            sums += 1
            empty = header[: at + 3] + bytes(4) + header[at + 7 :]
            if size != 4 or sums > 1 or _crc32c(empty) != int.from_bytes(value, "big"):
                raise ValueError
        at += 3 + size


def _crc32c(data: bytes) -> int:
    """RFC 3720, appendix B.4, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF
