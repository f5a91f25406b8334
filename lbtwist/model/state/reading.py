"""Strict reading of what stands in JSON: a value is what it must be, or ValueError says where it is not."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from lbtwist.model.shown import shown

LATEST = 253_402_300_799.0
"""The last second that a date can tell (the year 9999)."""


def parse_json(text: str) -> Any:
    """The value that `text` is. No key twice, no NaN. Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def fields(value: Any, where: str, known: Collection[str]) -> Mapping[str, Any]:
    """A table with exactly these keys."""
    if not isinstance(value, dict) or value.keys() != set(known):
        raise ValueError(f"{where}: {shown(value)} is not a table of {', '.join(known)}")
    return value


def table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {shown(value)} is not a table")
    return value


def items(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: {shown(value)} is not a list")
    return value


def text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {shown(value)} is not text")
    return value


def whole(value: Any, where: str, high: int | None = None) -> int:
    """A whole number from 0 to `high`."""
    if type(value) is not int or value < 0 or (high is not None and value > high):
        raise ValueError(f"{where}: {shown(value)} is not a whole number from 0 to {high or 'any'}")
    return value


def flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {shown(value)} is neither true nor false")
    return value


def instant(value: Any, where: str) -> float:
    """Seconds of the wall clock, of which a date can be made."""
    if type(value) not in (int, float) or not 0 <= value <= LATEST:
        raise ValueError(f"{where}: {shown(value)} is no time")
    return float(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands there twice")
    return table


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number")
