"""Reading the keys of a source's `discovery`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lbtwist.model.config.kind import seconds
from lbtwist.model.shown import shown

INTERVAL = seconds(1, 86400)
"""Seconds between two questions."""


def check_keys(settings: Mapping[str, Any], required: str, *others: str) -> None:
    """Raises ValueError for a key that is neither `required` nor of `others`, or when that is missing."""
    for key in settings:
        if key != required and key not in others:
            raise ValueError(f"{shown(key)} is not a key of it: {', '.join((required, *others))}")
    if required not in settings:
        raise ValueError(f"{required} is missing")


def read_text(settings: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """The value of `key`, which must be text on one line; else ValueError."""
    value = settings.get(key, default)
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{key}: {shown(value)} is not text")
    return value


def read_interval(settings: Mapping[str, Any]) -> float:
    """`interval` in seconds, 10 where it does not stand; else ValueError."""
    try:
        return float(INTERVAL.read(settings.get("interval", 10)))
    except ValueError as error:
        raise ValueError(f"interval: {error}") from None
