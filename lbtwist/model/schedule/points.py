"""Where a text falls: the same for ever, in every process and on every machine."""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

_TWO = Struct("<QQ")
_FRACTION = 2.0**-53
"""A float holds 53 bits: with more a point could be rounded up to 1."""


def points(text: str) -> tuple[float, float]:
    """Two points in [0, 1) that `text` alone decides, each as good as chance."""
    first, second = _TWO.unpack(blake2b(text.encode(), digest_size=16).digest())
    return (first >> 11) * _FRACTION, (second >> 11) * _FRACTION
