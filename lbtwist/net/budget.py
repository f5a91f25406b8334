"""How many clients may be connected at once, by the descriptors that there are for connections."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from heapq import nsmallest
from typing import Any, Protocol
from weakref import WeakSet

from twisted.logger import Logger

UNLIMITED = sys.maxsize
SLACK = 32
"""One in so many has to leave before new ones are accepted again; and one idle connection in so many goes
when any has to, for all are looked at to find those that have waited longest."""
SAID_FOR = 60.0
"""Seconds in which the same is not said again: one that is full may be so many times a second."""


class Admitting(Protocol):
    """What accepts clients."""

    def pause(self) -> None:
        """Accept no more for now: who comes waits in the backlog."""

    def resume(self) -> None:
        """Accept again."""


class Pool(Protocol):
    """Keeps servers' connections that have no request."""

    def waiting(self) -> Iterator[tuple[float, int, Any]]:
        """Each: since when, for which member, and itself."""

    def give_up(self, number: int, connection: Any) -> None:
        """Close one to member `number`: another connection needs its descriptor."""


class Budget:
    """Counts clients (of each a descriptor), their servers' connections, and those that are kept idle.

    A client has room for the connection to its server too, so `limit` clients never want for it. When
    so many are connected, nothing accepts until some have left. Idle connections take what is left of
    `room`, and are the first to go.
    """

    log = Logger()

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self.limit = UNLIMITED
        """Clients at once."""
        self.room = UNLIMITED
        """Descriptors for them, their servers' connections and idle ones."""
        self.full = False
        """Nothing accepts."""
        self.clients = 0
        self.busy = 0
        """Connections to servers, made or being made."""
        self.spare = 0
        """Idle ones."""
        self.pools: WeakSet[Pool] = WeakSet()
        """Where those are."""
        self._seconds = seconds
        self._reason = ""
        self._said_at: float | None = None
        self._admitting: dict[Admitting, None] = {}

    @property
    def problem(self) -> str:
        """Why nothing accepts, in one line; empty while it does."""
        if not self.full:
            return ""
        return f"{self.clients} clients are connected, and {self._reason}: others wait until some leave"

    @property
    def left(self) -> int:
        """Clients that may still come."""
        return max(0, self.limit - self.clients)

    def allow(self, limit: int, room: int, reason: str) -> None:
        """So many clients and descriptors from now on; `reason` says why no more."""
        self.limit, self.room, self._reason = limit, room, reason
        self._weigh()
        self.make_room()

    def watch(self, admitting: Admitting) -> None:
        """It accepts clients, and is to be held back when there is no room."""
        self._admitting[admitting] = None
        if self.full:
            admitting.pause()

    def forget(self, admitting: Admitting) -> None:
        """It accepts no more; nothing happens where it is not known."""
        self._admitting.pop(admitting, None)

    def enter(self) -> None:
        """A client is connected."""
        self.clients += 1
        if self.clients >= self.limit:
            self._weigh()
        self.make_room()

    def leave(self) -> None:
        """A client's connection is closed, and that to its server."""
        self.clients -= 1
        if self.full:
            self._weigh()

    def make_room(self) -> None:
        """A descriptor more is in use: idle connections have to go where that is too much."""
        if self.spare and self.clients + self.busy + self.spare > self.room:
            self._give_up(self.clients + self.busy + self.spare - self.room)

    def _give_up(self, too_many: int) -> None:
        waiting = ((*each, pool) for pool in self.pools for each in pool.waiting())
        count = max(too_many, self.spare // SLACK)
        for _, number, connection, pool in nsmallest(count, waiting, key=lambda each: each[0]):
            pool.give_up(number, connection)

    def _weigh(self) -> None:
        if self.clients >= self.limit:
            if not self.full:
                self.full = True
                self._say()
                for admitting in list(self._admitting):
                    admitting.pause()
        elif self.full and self.clients <= self.limit - max(1, self.limit // SLACK):
            self.full = False
            for admitting in list(self._admitting):
                admitting.resume()

    def _say(self) -> None:
        now = self._seconds()
        if self._said_at is None or now >= self._said_at + SAID_FOR:
            self._said_at = now
            self.log.warn("no listener accepts: {problem}", problem=self.problem)
