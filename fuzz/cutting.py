"""The pieces in which bytes come, chosen by the bytes themselves, so that a seed is no more than a file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from zlib import crc32

Pieces = Sequence[bytes]


def cuttings(data: bytes) -> list[Pieces]:
    """Whole, and cut in three ways; the last of them byte by byte, where that is not too long."""
    random = Random(crc32(data))
    some = [_cut(data, random, count) for count in (1, 4)]
    each = [data[at : at + 1] for at in range(len(data))] if len(data) <= 256 else _cut(data, random, 64)
    return [[data], *some, each or [data]]


def _cut(data: bytes, random: Random, count: int) -> Pieces:
    places = sorted(random.randint(0, len(data)) for _ in range(count))
    return [data[start:end] for start, end in pairwise([0, *places, len(data)])]
