"""The data plane's one timer: connect and idle timeouts, however many connections there are."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

PER_SECOND = 10
"""Buckets of a second: what is due in the same one is told together."""
SLACK = 64
"""Numbers of buckets that are empty again which the heap may hold beyond as many as are not."""


class Entry(Protocol):
    """What can be entered in a Sweep, in one place at a time."""

    due_bucket: int | None
    """The Sweep's own note; None while it is not entered, and so at the start."""

    def due(self, now: float) -> None:
        """Its time has come, and it is not entered any more. It may enter itself again."""


class Sweep:
    """Calls `due` of each entry at its time or up to 0.1 s later, never before.

    At most one `callLater` of `clock` is outstanding, and none while nothing is entered.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.seconds: Callable[[], float] = clock.seconds
        """What the time is now, on the clock that `at` is meant by."""
        self._clock = clock
        self._buckets: dict[int, dict[Entry, None]] = {}
        self._heap: list[int] = []
        self._call: IDelayedCall | None = None
        self._next = 0
        self._swept = 0
        """Up to this bucket all were told: what is entered again for the past waits for the next one."""

    def enter(self, entry: Entry, at: float) -> None:
        """Call `entry.due` at `at`, a finite time. An entry that is entered already is moved."""
        number = int(at * PER_SECOND) + 1
        if number <= self._swept:
            number = self._swept + 1
        if entry.due_bucket is not None:
            self.leave(entry)
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._open(number)
        bucket[entry] = None
        entry.due_bucket = number

    def leave(self, entry: Entry) -> None:
        """Do not call it; nothing happens where it is not entered."""
        number, entry.due_bucket = entry.due_bucket, None
        if number is None:
            return
        bucket = self._buckets.get(number)
        if bucket is None:
            return  # it is being told of now, after others of its bucket
        del bucket[entry]
        if not bucket:
            self._drop(number)

    def _open(self, number: int) -> dict[Entry, None]:
        bucket: dict[Entry, None] = {}
        self._buckets[number] = bucket
        heapq.heappush(self._heap, number)
        if len(self._heap) > 2 * len(self._buckets) + SLACK:
            self._heap = sorted(self._buckets)
        if self._call is None or number < self._next:
            self._schedule()
        return bucket

    def _drop(self, number: int) -> None:
        del self._buckets[number]
        if not self._buckets:
            self._heap.clear()
            self._schedule()

    def _schedule(self) -> None:
        """Have the one call at the first bucket's time."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._heap:
            self._next = self._heap[0]
            delay = self._next / PER_SECOND - self.seconds()
            self._call = self._clock.callLater(max(0.0, delay), self._sweep)

    def _sweep(self) -> None:
        self._call = None
        now = self.seconds()
        self._swept = int(now * PER_SECOND)
        while self._heap and self._heap[0] / PER_SECOND <= now:
            number = heapq.heappop(self._heap)
            for entry in self._buckets.pop(number, ()):
                if entry.due_bucket == number:  # none before it in the bucket has made it leave
                    entry.due_bucket = None
                    self._tell(entry, now)
        if not self._buckets:
            self._heap.clear()
        self._schedule()

    def _tell(self, entry: Entry, now: float) -> None:
        try:
            entry.due(now)
        except Exception:
            self.log.failure("a timeout failed")
