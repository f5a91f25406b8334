"""How many new connections each registration got lately."""

from __future__ import annotations

from collections import deque

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from lbtwist.interfaces import IDataPlane
from lbtwist.model.registration import Registration

INTERVAL = 10.0
"""Seconds between two looks at the counters."""
LOOKS = 6
"""So many intervals are kept: a minute."""


class Shares(Service):
    """Looks at the data plane's counters now and then, so that no connection pays for it."""

    def __init__(self, plane: IDataPlane, clock: IReactorTime) -> None:
        self._plane = plane
        self._looks: deque[dict[int, int]] = deque(maxlen=LOOKS)
        self._beat = LoopingCall(self._look)
        self._beat.clock = clock

    def startService(self) -> None:
        super().startService()
        self._beat.start(INTERVAL)

    def stopService(self) -> None:
        super().stopService()
        if self._beat.running:
            self._beat.stop()

    def of(self, registration: Registration) -> int:
        """New connections it got in the last minute, or since the start where that is less."""
        before = self._looks[0] if self._looks else {}
        totals = self._plane.totals()
        return sum(totals.get(seat, 0) - before.get(seat, 0) for seat in registration.seats)

    def _look(self) -> None:
        self._looks.append(dict(self._plane.totals()))
