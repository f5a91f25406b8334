"""What runs when its module is imported, asked once more: tables and patterns that all else reads by."""

from __future__ import annotations

import pytest

from lbtwist.wire import crc32c, websocket
from lbtwist.wire.lines import sort_fields, understood
from tests.wire.frames import LOST, frame, standing


def test_first_bytes_of_frames() -> None:
    for first in range(256):
        assert websocket._may_begin(first) is (standing(bytes((first,))) != LOST)


@pytest.mark.parametrize("mask", [b"", b"mask"])
def test_sizes_of_small_frames(mask: bytes) -> None:
    for length in range(126):
        whole = frame(payload=bytes(length), mask=mask)
        assert websocket._short(whole[1]) == len(whole)
    assert [websocket._short(second) for second in (0x7E, 0x7F, 0xFE, 0xFF)] == [0, 0, 0, 0]


def test_the_table_of_the_checksum() -> None:
    """RFC 3720, appendix B.4: one byte after an empty register is the table's entry of it."""
    for byte, entry in enumerate(crc32c._steps()):
        register = byte
        for _ in range(8):
            register, odd = divmod(register, 2)
            register ^= 0x82F63B78 * odd
        assert entry == register
    assert byte == 255


def test_fields_that_are_understood() -> None:
    pattern = understood([b"host", b"content-length"])
    lines = b"\r\nHOST: a\r\nX-A: b\r\nhostx: c\r\nX_Forwarded-By: d\r\nx-forwarded: e\r\nContent-Length: 5"
    known, plain = sort_fields(lines, pattern)
    assert known == {b"host": [b"a"], b"x-forwarded-by": [b"d"], b"content-length": [b"5"]}
    assert plain == b"\r\nX-A: b\r\nhostx: c\r\nx-forwarded: e"
