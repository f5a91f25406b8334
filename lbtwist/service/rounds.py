"""One thing done again and again, never twice at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

T = TypeVar("T")

AFTER_A_FAULT = 10.0
"""Seconds to the next round when what a round gave could not be dealt with."""


class Rounds(Generic[T]):
    """Begins a round, waits for its end, tells what it gave, and begins the next a while later.

    Twisted's LoopingCall ends for good at the first exception; this goes on until it is stopped.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        go: Callable[[], Coroutine[Deferred[Any], Any, T]],
        ended: Callable[[T | Failure], float],
        limit: float,
    ) -> None:
        """A round is `go()`, cancelled with TimeoutError after `limit` seconds.

        `ended` is told what it gave or how it failed, and says in how many seconds the next begins.
        """
        self._clock = clock
        self._go = go
        self._ended = ended
        self._limit = limit
        self._call: IDelayedCall | None = None
        self._round: Deferred[T] | None = None
        self._stopped = False
        self._waiting: list[Deferred[None]] = []

    def start(self) -> None:
        """Begin the first round now."""
        self._call = None
        running = Deferred.fromCoroutine(self._go())
        self._round = running
        running.addTimeout(self._limit, self._clock)
        running.addBoth(self._end)

    def stop(self) -> Deferred[None]:
        """No further round, and `ended` is not called again. Fires when a running one was cancelled."""
        self._stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round is None:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._round.cancel()
        return waiting

    def _end(self, outcome: T | Failure) -> None:
        self._round = None
        if not self._stopped:
            wait = self._told(outcome)
            if not self._stopped:
                self._call = self._clock.callLater(wait, self.start)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _told(self, outcome: T | Failure) -> float:
        try:
            return self._ended(outcome)
        except Exception:
            self.log.failure("what a round gave could not be dealt with")
            return AFTER_A_FAULT
