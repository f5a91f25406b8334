"""The health checks of one group: a loop for each server, by the settings in force."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.health import CheckResult
from lbtwist.model.registration import Registration
from lbtwist.service.checking import Checking, first_delay


class Checks:
    """Asks every server of a group that it was told to begin with, until it is told to end."""

    def __init__(self, check: IHealthCheck, interval: float, clock: IReactorTime) -> None:
        self._check = check
        self._interval = interval
        self._clock = clock
        self._loops: dict[int, Checking] = {}

    def begin(
        self,
        registrations: Collection[Registration],
        heard: Callable[[Registration, CheckResult], None],
    ) -> None:
        """Check these from now on, the first time at once; many together are spread (rule 30)."""
        new = [registration for registration in registrations if registration.number not in self._loops]
        for index, registration in enumerate(new):
            loop = Checking(
                registration.address,
                self._check,
                self._interval,
                self._clock,
                partial(heard, registration),
            )
            self._loops[registration.number] = loop
            loop.start(first_delay(index, len(new)), index / len(new))

    def end(self, registration: Registration) -> None:
        """Check it no more."""
        if loop := self._loops.pop(registration.number, None):
            loop.stop()

    def stop(self) -> None:
        """Check nothing more."""
        loops, self._loops = self._loops, {}
        for loop in loops.values():
            loop.stop()

    def check_now(self, registration: Registration) -> None:
        """Check it at once, unless a check is under way."""
        if loop := self._loops.get(registration.number):
            loop.check_now()

    def fresh(self, registration: Registration) -> Deferred[CheckResult] | None:
        """The result of a check that begins after this call; None for what is not checked."""
        loop = self._loops.get(registration.number)
        return loop.fresh() if loop else None

    def next(self, registration: Registration) -> Deferred[CheckResult] | None:
        """The result of the next check of it, in its time; None for what is not checked."""
        loop = self._loops.get(registration.number)
        return loop.next() if loop else None
