"""A drain that runs: its timers, and whoever waits for its end."""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.drain import Because, Cause, Drain, Event, State
from lbtwist.model.plane import CutBy, Scope
from lbtwist.model.receipt import Receipt
from lbtwist.service.spread import Spread


class RunningDrain:
    """A drain that has not ended, and whoever waits for that: one timer, one more for a spread (rule 81)."""

    def __init__(
        self,
        drain: Drain,
        plane: IDataPlane,
        clock: IReactorTime,
        ended: Callable[[Receipt], None],
        spread: float = 0.0,
    ) -> None:
        self.drain = drain
        self.spread = spread
        """Seconds before the deadline over which its connections are cut."""
        self._plane = plane
        self._clock = clock
        self._ended = ended
        self._timer: IDelayedCall | None = None
        self.moved: Callable[[], None] = lambda: None
        """Hears of another deadline."""
        self._spread = Spread(drain, spread, plane, clock)
        self._empty: Deferred[None] | None = None
        self._waiters: list[Deferred[Receipt]] = []
        self._receipt: Receipt | None = None

    def begin(self) -> None:
        """End at once where nothing is live (rule 4), else when the last connection does, or at the
        deadline (rule 5)."""
        self._await_empty()
        self._await_deadline()

    def live(self) -> int:
        """Connections left."""
        return self._plane.tally(self.drain.scope).live

    def left(self) -> float:
        """Seconds until the deadline; infinite where there is none."""
        return self.drain.left(self._clock.seconds())

    def join(self, cause: Cause, because: Because, timeout: float) -> None:
        """A further cause (rule 32); the earlier deadline holds."""
        self.drain.join(cause, because, self._clock.seconds() + timeout)
        self._await_deadline()

    def widen(self, scope: Scope) -> None:
        """It is about the connections of `scope` too, which take nothing new any more."""
        added = Scope(scope.kind, tuple(n for n in scope.numbers if n not in self.drain.scope.numbers))
        if added.numbers:
            whole = Scope(scope.kind, self.drain.scope.numbers + added.numbers)
            self.drain.widen(whole, self.drain.before + self._plane.tally(added))
            self._await_empty()

    def extend(self, timeout: float) -> None:
        """The deadline is `timeout` seconds from now (rule 62). Raises Refused while it is cut."""
        self.drain.extend(self._clock.seconds() + timeout)
        self._await_deadline()
        self.moved()

    def cut(self, why: CutBy = CutBy.OPERATOR) -> None:
        """End it now: what is live is closed on both sides."""
        self._stop_timer()
        self.drain.on(Event.EXPIRED)
        shutdown = Cause.SHUTDOWN in self.drain.causes
        self._plane.cut(self.drain.scope, why=CutBy.SHUTDOWN if shutdown else why)

    def withdraw(self, cause: Cause) -> None:
        """Take a cause away; with the last one the drain is cancelled, and nothing is cut."""
        self.drain.withdraw(cause)
        self._conclude_if_ended()

    def interrupt(self) -> None:
        """The process ends before the drain does (rule 67)."""
        self.drain.on(Event.STOPPED)
        self._conclude_if_ended()

    def let_go(self) -> None:
        """Cut nothing and tell nobody: it is another generation's. Whoever waits for it waits no more."""
        self._stop_timer()
        if self._empty is not None:
            self._empty.cancel()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.errback(Refused("a newer generation goes on with the drain: wait there"))

    def done(self) -> Deferred[Receipt]:
        """Fires with the receipt when the drain has ended. Cancelling it ends the waiting alone."""
        if self._receipt is not None:
            return succeed(self._receipt)
        waiter: Deferred[Receipt] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def _await_empty(self) -> None:
        before, self._empty = self._empty, None
        if before is not None:
            before.cancel()
        if not self.drain.ended:
            self._empty = self._plane.when_empty(self.drain.scope)
            self._empty.addCallbacks(self._emptied, _ignore_cancelled)

    def _await_deadline(self) -> None:
        self._stop_timer()
        self._spread.follow()
        if self.drain.state is not State.RUNNING or math.isinf(self.drain.deadline):
            return
        if self.left() > 0:
            self._timer = self._clock.callLater(self.left(), self._expire)
        else:
            self.cut(CutBy.DEADLINE)

    def _expire(self) -> None:
        self._timer = None
        self.cut(CutBy.DEADLINE)

    def _emptied(self, _: None) -> None:
        self._empty = None
        cut = self._plane.tally(self.drain.scope).cut - self.drain.before.cut
        self.drain.on(Event.CLOSED if cut else Event.FINISHED)
        self._conclude_if_ended()

    def _conclude_if_ended(self) -> None:
        if not self.drain.ended:
            return
        self._stop_timer()
        if self._empty is not None:
            self._empty.cancel()
        receipt = self.drain.receipt(self._plane.tally(self.drain.scope), self._clock.seconds())
        self._receipt = receipt
        self._ended(receipt)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(receipt)

    def _stop_timer(self) -> None:
        self._spread.stop()
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _ignore_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
