"""What the log is told of connections to servers that failed: enough to know why, and no flood."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from lbtwist.model.registration import Registration

APART = 60.0
"""Seconds between two lines about the same server and reason."""
REMEMBERED = 1000
"""Lines that are remembered before those are forgotten that are older than APART."""


class Failures:
    """Tells of each server and reason once in APART seconds at most."""

    log = Logger()

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._told: dict[tuple[int, str], float] = {}

    def tell(self, registration: Registration, reason: str) -> None:
        """A connection to it failed for that reason."""
        now, about = self._seconds(), (registration.number, reason)
        if now - self._told.get(about, -APART) < APART:
            return
        if len(self._told) >= REMEMBERED:
            self._told = {each: at for each, at in self._told.items() if now - at < APART}
        self._told[about] = now
        self.log.info("{server} can't be used for a client: {why}", server=registration.label, why=reason)
