"""The checks of one server, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult

FIRST_WITHIN = 2.0
"""Seconds over which the first checks of many servers are spread, at most (rule 30)."""
APART = 0.01
"""Seconds between the first checks of few servers: for people, that is at once."""

STOPPED = CheckResult(False, "checks were stopped", 0.0, own_fault=True)
"""What those hear who wait for a result when checking ends."""


def first_delay(index: int, count: int) -> float:
    """When the first check of server `index` of `count` that begin together is due, in seconds."""
    return index * min(APART, FIRST_WITHIN / count)


class Checking:
    """Asks one server again and again, from the beginning of one check to the next `interval` seconds.

    No two checks overlap: one that takes longer is followed at once. There is exactly one delayed call
    or one check under way, and neither before `start` nor after `stop`.
    """

    log = Logger()

    def __init__(
        self,
        address: Address,
        check: IHealthCheck,
        interval: float,
        clock: IReactorTime,
        heard: Callable[[CheckResult], None],
    ) -> None:
        self.address = address
        self._check = check
        self._interval = interval
        self._clock = clock
        self._heard = heard
        self._running = False
        self._call: IDelayedCall | None = None
        self._under_way: Deferred[CheckResult] | None = None
        self._waiting: list[Deferred[CheckResult]] = []
        self._waiting_for_next: list[Deferred[CheckResult]] = []
        self._patient: list[Deferred[CheckResult]] = []
        self._begun = 0.0
        self._gap = interval

    def start(self, delay: float = 0.0, offset: float = 1.0) -> None:
        """Check in `delay` seconds for the first time; nothing where it is started already.

        With `offset`, from 0 up to 1, the second check comes sooner, so that many servers which began
        within FIRST_WITHIN are asked evenly over the whole interval from then on: give server `index`
        of `count` `first_delay(index, count)` and `index / count`.
        """
        if not self._running:
            self._running = True
            soonest = min(FIRST_WITHIN, self._interval)
            self._gap = soonest + offset * (self._interval - soonest)
            if self._under_way is None:
                self._call = self._clock.callLater(delay, self._begin)

    def stop(self) -> None:
        """Check no more: what is under way is cancelled, and `heard` is not called again.

        Whoever waits for a result gets STOPPED.
        """
        self._running = False
        self._unschedule()
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
        waiting = self._waiting + self._waiting_for_next + self._patient
        self._waiting, self._waiting_for_next, self._patient = [], [], []
        _tell(waiting, STOPPED)

    def check_now(self) -> Deferred[CheckResult]:
        """The result of a check that begins now, or of the one that is under way.

        Never fails, so it may be ignored; cancelling it ends the waiting alone. It works on one that
        was not started, too: one check is made then.
        """
        waiter: Deferred[CheckResult] = Deferred()
        self._waiting.append(waiter)
        if self._under_way is None:
            self._begin()
        return waiter

    def fresh(self) -> Deferred[CheckResult]:
        """The result of a check that began after this call: where one is under way, of the next one,
        which follows it at once. Otherwise as `check_now`."""
        if self._under_way is None:
            return self.check_now()
        waiter: Deferred[CheckResult] = Deferred()
        self._waiting_for_next.append(waiter)
        return waiter

    def next(self) -> Deferred[CheckResult]:
        """The result of the next check to begin, which begins in its time: nothing is hurried."""
        waiter: Deferred[CheckResult] = Deferred()
        self._patient.append(waiter)
        return waiter

    def _begin(self) -> None:
        self._unschedule()
        self._waiting += self._patient
        self._patient = []
        self._begun = self._clock.seconds()
        under_way = self._under_way = maybeDeferred(self._check.check, self.address)
        under_way.addErrback(self._raised, under_way)
        under_way.addCallback(self._answered, under_way)

    def _raised(self, failure: Failure, asked: Deferred[CheckResult]) -> CheckResult:
        """A check that breaks says nothing about the server, and must not be the last one."""
        if self._under_way is asked:
            self.log.failure("a check of {address} failed", failure, address=self.address)
        return CheckResult(
            False, "the check itself failed", self._clock.seconds() - self._begun, own_fault=True
        )

    def _answered(self, result: CheckResult, asked: Deferred[CheckResult]) -> None:
        if self._under_way is not asked:
            return  # it was stopped
        self._under_way = None
        waiting, self._waiting, self._waiting_for_next = self._waiting, self._waiting_for_next, []
        try:
            self._heard(result)
        except Exception:
            self.log.failure("the result of a check of {address} was not taken in", address=self.address)
        self._go_on()
        _tell(waiting, result)

    def _go_on(self) -> None:
        """Have the next check begin in its time, unless `heard` has seen to that."""
        if self._under_way is None and self._waiting:
            self._begin()
        elif self._under_way is None and self._call is None and self._running:
            due = self._begun + self._gap
            self._gap = self._interval
            self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._begin)

    def _unschedule(self) -> None:
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()


def _tell(waiting: list[Deferred[CheckResult]], result: CheckResult) -> None:
    for waiter in waiting:
        waiter.callback(result)
