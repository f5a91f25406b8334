"""Slow start: a server that comes into rotation gets its share by and by."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from lbtwist.model.health import Health
from lbtwist.model.members import Choice
from lbtwist.model.registration import Registration

STEP = 1.0
"""Seconds between two steps of the ramp: 30 of them at the least."""
_UNKNOWN = Health.UNKNOWN
"""To look a member of an Enum up takes 0.14 µs, and each server is asked at each first check."""


class SlowStart:
    """The ramps of one group's servers, linear from 1 % to 100 % of their weight.

    Only where the group already has a server that is not itself starting, or the first of those that begin
    together would carry what the others do not take yet; ended by whatever takes the server out of rotation.
    """

    def __init__(self, clock: IReactorTime, publish: Callable[[], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._began: dict[Registration, float] = {}
        self._length = 0.0
        self._exempt: set[Registration] = set()
        self._beat = LoopingCall(self._step)
        self._beat.clock = clock

    def exempt(self, registrations: Iterable[Registration]) -> None:
        """These begin together, as their group does: the order of their first checks makes none late."""
        self._exempt.update(registrations)

    def follow(self, before: Choice, after: Choice, length: float) -> None:
        """Who is in rotation has changed; `length` is the setting in force, in seconds."""
        self._length = length
        staying = set(before.registrations)
        now = set(after.registrations)
        for registration in [r for r in self._began if r not in now or not length]:
            self._end(registration)
        settled = any(r in staying and r not in self._began for r in now)
        if length and settled and not (before.fail_open or after.fail_open):
            for registration in now - staying - self._exempt:
                self._begin(registration)
        self._exempt = {r for r in self._exempt if r.health is _UNKNOWN and r.registered}
        self._keep_beat()

    def stop(self) -> None:
        """Every server has its whole weight; no timer is left."""
        for registration in list(self._began):
            self._end(registration)
        self._keep_beat()

    def _begin(self, registration: Registration) -> None:
        self._began[registration] = self._clock.seconds()
        registration.ramp = 1

    def _end(self, registration: Registration) -> None:
        del self._began[registration]
        registration.ramp = 100

    def _step(self) -> None:
        now = self._clock.seconds()
        for registration, began in list(self._began.items()):
            registration.ramp = max(1, int(100 * (now - began) / self._length))
            if registration.ramp >= 100:
                self._end(registration)
        self._publish()

    def _keep_beat(self) -> None:
        if self._began and not self._beat.running:
            self._beat.start(STEP, now=False)
        elif not self._began and self._beat.running:
            self._beat.stop()
