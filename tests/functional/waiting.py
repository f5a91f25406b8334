"""Waiting for what another process does, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

INTERVAL = 0.005
LATENESS = 0.1
"""Seconds after its deadline within which a cut must be seen (rule 80)."""


def eventually(
    true: Callable[[], bool], seconds: float = 10.0, what: Callable[[], str] = lambda: "it"
) -> None:
    """Return when `true()` is; fail with `what()` after `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not within {seconds} s: {what()}"
        time.sleep(INTERVAL)


def monotonic_of(instant: str) -> float:
    """The monotonic clock's reading at an instant that a receipt tells, whole milliseconds."""
    return datetime.fromisoformat(instant).timestamp() - time.time() + time.monotonic()
