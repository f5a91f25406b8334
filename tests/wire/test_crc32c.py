"""CRC32C, by the examples of RFC 3720, appendix B.4."""

from __future__ import annotations

import pytest

from lbtwist.wire.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "sum"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_the_examples_have_their_sums(data: bytes, sum: int) -> None:
    assert crc32c(data) == sum
