"""Clients that a listener has turned away at its entrance, counted and now and then told by the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from lbtwist.net.sockaddr import shown

SAID_FOR = 60.0
"""Seconds until a reason is told in the log again."""


class Refusals:
    """The reasons are of a small fixed set, as they are labels of a metric."""

    log = Logger()

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._counts: Counter[str] = Counter()
        self._said: dict[str, float] = {}

    def add(self, listener: str, peer: IAddress | None, reason: str) -> None:
        """One at `peer`, for `reason`."""
        self._counts[reason] += 1
        now = self._seconds()
        if now >= self._said.get(reason, -SAID_FOR) + SAID_FOR:
            self._said[reason] = now
            self.log.warn(
                "listener {listener} has turned {client} away: {reason} ({count} so far)",
                listener=listener,
                client=shown(peer),
                reason=reason,
                count=self._counts[reason],
            )

    def value(self) -> Mapping[str, int]:
        """How many there were, by the reason."""
        return dict(self._counts)
