"""Cutting by and by: what is left of a drain is cut evenly over its last seconds."""

from __future__ import annotations

import math

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lbtwist.interfaces import IDataPlane
from lbtwist.model.drain import Drain, State

STEP = 0.05
"""Seconds between two cuts at the least; more than one connection is cut at a time for that."""


class Spread:
    """The one further timer of a drain, while its connections are cut before its deadline (rule 81).

    The longest idle ones are cut first; each time as many as make the rest last until the deadline.
    """

    def __init__(self, drain: Drain, seconds: float, plane: IDataPlane, clock: IReactorTime) -> None:
        self._drain = drain
        self._seconds = seconds
        self._plane = plane
        self._clock = clock
        self._timer: IDelayedCall | None = None

    def follow(self) -> None:
        """The drain has a deadline, or another one."""
        self.stop()
        drain = self._drain
        if self._seconds and drain.state is State.RUNNING and math.isfinite(drain.deadline):
            # Not before the drain began: a spread that is longer is shortened to it.
            wait = max(0.0, drain.deadline - self._seconds - self._clock.seconds())
            self._timer = self._clock.callLater(wait, self._next)

    def stop(self) -> None:
        """Cut no more before the deadline."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _next(self) -> None:
        """Wait for the share of one connection, or of as many as are cut in one step."""
        self._timer = None
        left = self._drain.left(self._clock.seconds())
        live = self._plane.tally(self._drain.scope).live
        if live and left > STEP:
            # The last one is the deadline's own.
            pause = max(STEP, left / live)
            count = max(1, round(live * pause / left))
            self._timer = self._clock.callLater(pause, self._cut, count)

    def _cut(self, count: int) -> None:
        self._timer = None
        if self._drain.left(self._clock.seconds()) > 0:
            self._plane.cut(self._drain.scope, count)
            if not self._drain.ended:
                self._next()
