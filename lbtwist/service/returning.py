"""Servers that come back from maintenance by themselves (rule 61)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lbtwist.model.registration import Registration


class Returning:
    """One timer for each server whose maintenance has an end."""

    def __init__(self, clock: IReactorTime, ready: Callable[[Registration], None]) -> None:
        self._clock = clock
        self._ready = ready
        self._timers: dict[int, IDelayedCall] = {}

    def schedule(self, registration: Registration, seconds: float) -> None:
        """It is ready in `seconds`, whatever was scheduled before."""
        self.forget(registration)
        registration.until = self._clock.seconds() + seconds
        self._timers[registration.number] = self._clock.callLater(seconds, self._due, registration)

    def forget(self, registration: Registration) -> None:
        """It does not come back by itself."""
        registration.until = None
        timer = self._timers.pop(registration.number, None)
        if timer is not None and timer.active():
            timer.cancel()

    def stop(self) -> None:
        """None does."""
        timers, self._timers = self._timers, {}
        for timer in timers.values():
            if timer.active():
                timer.cancel()

    def _due(self, registration: Registration) -> None:
        self.forget(registration)
        self._ready(registration)
