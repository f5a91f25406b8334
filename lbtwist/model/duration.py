"""Lengths of time as people write them, read to seconds."""

from __future__ import annotations

import math
import re

from lbtwist.model.shown import shown

FORMS = '"500ms", "30s", "5m", "1h"'
PATTERN = r"[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h)"
"""A duration with its unit, as a regular expression that Python and JSON Schema read alike."""

_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST = 1e12


def parse_duration(value: object) -> float:
    """Seconds from a number of seconds, or from text as `500ms`, `30s`, `5m`, `1h`.

    Raises ValueError with what is allowed. Never returns a negative number, NaN or an infinity.
    """
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST:
        return float(value)
    raise _refused(value)


def _parse_text(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _refused(text)
    number = float(match["number"])
    # Divided, not multiplied by 0.001: 500ms is exactly 0.5.
    return number / 1000 if match["unit"] == "ms" else number * _SECONDS[match["unit"]]


def _refused(value: object) -> ValueError:
    return ValueError(f"{shown(value)} is not a duration (seconds, or {FORMS})")


def plain_number(seconds: float) -> int | float:
    """`seconds` as it is written in a file: `300` rather than `300.0`."""
    return int(seconds) if math.isfinite(seconds) and seconds == int(seconds) else seconds
