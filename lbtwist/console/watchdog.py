"""Interrupts code that holds the reactor."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import ClassVar

LIMIT = 1.0
"""Seconds that one step of an operator's code may hold the reactor, and with it every connection."""


class HeldReactor(BaseException):
    """Raised inside the code that held the reactor. No `except Exception` of its own stops it."""


class Watchdog:
    """`with watchdog:` raises HeldReactor in a body that takes `limit` seconds, again each `limit`.

    `bitten` is called once for a body that was interrupted, even where it swallowed the exception.
    Uses SIGALRM and ITIMER_REAL, and leaves both as they were; for the main thread. A body inside
    the body of another is watched by the outer one.
    """

    _watching: ClassVar[bool] = False

    def __init__(self, bitten: Callable[[], None], limit: float = LIMIT) -> None:
        self._bitten = bitten
        self._limit = limit
        self._outer = False
        self._fired = False

    def __enter__(self) -> None:
        self._outer, self._fired = not Watchdog._watching, False
        if self._outer:
            Watchdog._watching = True
            self._signal = signal.signal(signal.SIGALRM, self._bite)
            self._timer = signal.setitimer(signal.ITIMER_REAL, self._limit, self._limit)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._outer:
            return
        try:
            Watchdog._watching = False
        finally:  # the signal may come just here
            Watchdog._watching = False
            signal.setitimer(signal.ITIMER_REAL, *self._timer)
            signal.signal(signal.SIGALRM, self._signal)
        if self._fired:
            self._bitten()

    def _bite(self, number: int, frame: FrameType | None) -> None:
        if Watchdog._watching:
            self._fired = True
            raise HeldReactor(f"held the reactor for {self._limit:g} s and was interrupted")
