"""CRC32C, the Castagnoli polynomial of RFC 3720, appendix B.4; the standard library has another one."""

from __future__ import annotations

from collections.abc import Iterator

POLYNOMIAL = 0x82F63B78
"""Reversed, as the bits come."""


def crc32c(data: bytes) -> int:
    """The checksum of `data`, 32 bits."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF_FFFF


def _steps() -> Iterator[int]:
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        yield crc


_TABLE = tuple(_steps())
