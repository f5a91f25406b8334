"""The drains of one group's registrations: at most one each, which further causes join (rule 32)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lbtwist.interfaces import IDataPlane
from lbtwist.model.config import GroupSettings
from lbtwist.model.drain import Because, Cause, Drain, State
from lbtwist.model.plane import Scope
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Registration
from lbtwist.service.draining import Drains
from lbtwist.service.running_drain import RunningDrain


class MemberDrains:
    """Begins, joins and withdraws. By the settings at the start of each drain: later ones do not move it
    (rules 3, 17 and 23)."""

    def __init__(
        self,
        settings: GroupSettings,
        plane: IDataPlane,
        drains: Drains,
        ended: Callable[[Registration], None],
    ) -> None:
        """`ended` hears of each registration whose drain has ended, and of what it is now."""
        self.settings = settings
        self._plane = plane
        self._drains = drains
        self._ended = ended

    def of(self, registration: Registration) -> RunningDrain | None:
        """Its drain, where one runs."""
        return self._drains.get(registration.key)

    def cancellable(self, registration: Registration) -> bool:
        """A drain of it runs, and is not being cut."""
        return registration.drain is not None and registration.drain.state is State.RUNNING

    def drain(
        self, registration: Registration, cause: Cause, because: Because, timeout: float | None = None
    ) -> RunningDrain:
        """Drain what it has at this moment within `timeout` seconds, the group's own when None."""
        draining = self.settings.connection_draining
        seconds = draining.timeout if timeout is None else timeout
        running = self.of(registration)
        if running is not None:
            if cause is not Cause.HEALTH:
                running.widen(registration.scope)
            running.join(cause, because, seconds)
            return running
        running = self._drains.open(
            registration.label,
            registration.scope,
            cause,
            because,
            seconds,
            partial(self._drained, registration),
            key=registration.key,
            spread=draining.spread,
        )
        registration.drain = running.drain
        running.begin()
        return running

    def inherit(self, registration: Registration, drain: Drain, spread: float) -> None:
        """Go on with a drain that an older generation had begun, over the last `spread` seconds as it
        had (rule 75)."""
        drain.subject = registration.label
        running = self._drains.resume(drain, partial(self._drained, registration), registration.key, spread)
        registration.drain = drain
        running.begin()

    def withdraw(self, registration: Registration, *causes: Cause) -> None:
        """Take causes of its drain away; with the last one it is cancelled and nothing is cut."""
        for cause in causes:
            if running := self.of(registration):
                running.withdraw(cause)

    def _drained(self, registration: Registration, receipt: Receipt) -> None:
        drain = registration.drain
        assert drain is not None
        registration.concluded()
        self._leave_seats(registration, drain)
        self._ended(registration)

    def _leave_seats(self, registration: Registration, drain: Drain) -> None:
        """Seats that drained are given up where they have no connection; the one for new ones stays."""
        for number in [seat for seat in registration.seats[:-1] if seat in drain.scope.numbers]:
            seat = Scope.registration(number)
            tally = self._plane.tally(seat)
            if not tally.live:
                registration.past += tally
                registration.past_failures.update(self._plane.figures().failures.get(number, {}))
                registration.seats.remove(number)
                self._plane.forget(seat)
