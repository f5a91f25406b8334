"""The one timeout that holds for a connection at a time."""

from __future__ import annotations

from collections.abc import Callable

from lbtwist.net.sweep import Sweep


class Deadline:
    """So long after `since` something is called; a byte that moves may set `since` to its own time.

    To set it anew costs two assignments: it is entered in the sweep only where it was not, or is due
    earlier than it was.
    """

    __slots__ = ("due_bucket", "since", "_sweep", "_limit", "_expired", "_entered")

    def __init__(self, sweep: Sweep) -> None:
        self.due_bucket: int | None = None
        self.since = sweep.seconds()
        self._sweep = sweep
        self._limit = 0.0
        self._expired: Callable[[], object] | None = None
        self._entered = 0.0

    def watch(self, limit: float, expired: Callable[[], object]) -> None:
        """Call `expired` when `limit` seconds have passed, instead of what was watched before."""
        self.watch_since(self._sweep.seconds(), limit, expired)

    def watch_since(self, now: float, limit: float, expired: Callable[[], object]) -> None:
        """`watch` for one who knows what the time is `now`."""
        self.since = now
        self._expired = expired
        self._limit = limit
        if self.due_bucket is None or now + limit < self._entered:
            self.shift(limit)

    @property
    def expires(self) -> Callable[[], object] | None:
        """What is called when it comes."""
        return self._expired

    def shift(self, limit: float) -> None:
        """What is watched comes `limit` seconds after `since`."""
        self._limit = limit
        at = self.since + limit
        if self.due_bucket is None or at < self._entered:
            self._entered = at
            self._sweep.enter(self, at)

    def rest(self) -> None:
        """Nothing is watched for now."""
        self._expired = None

    def stop(self) -> None:
        """Nothing is watched any more, and nothing of it is left in the sweep."""
        self._expired = None
        self._sweep.leave(self)

    def due(self, now: float) -> None:
        """The sweep."""
        expired = self._expired
        if expired is None:
            return
        at = self.since + self._limit
        if now < at:
            self._entered = at
            self._sweep.enter(self, at)
        else:
            self._expired = None
            expired()
