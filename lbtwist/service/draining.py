"""The drains that run, and the receipts of those that ended."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.interfaces import IDataPlane
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.plane import Scope
from lbtwist.model.receipt import Receipt
from lbtwist.service.events import Events
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.totals import DrainTotals

KEPT_RECEIPTS = 1000


class Drains:
    """Every drain that runs, by what it was opened by, and the receipts of the last that ended."""

    log = Logger()

    def __init__(
        self,
        plane: IDataPlane,
        clock: IReactorTime,
        wall: Callable[[], float],
        events: Events | None = None,
    ) -> None:
        self.events = events or Events(wall)
        """Hears when each begins and ends."""
        self._plane = plane
        self._clock = clock
        self._wall = wall
        self.changed: Callable[[], None] = lambda: None
        """Hears when one begins or ends, or has another deadline."""
        self.ended = 0
        """How many have ended."""
        self.totals = DrainTotals()
        self._running: dict[Scope, RunningDrain] = {}
        self.receipts: deque[Receipt] = deque(maxlen=KEPT_RECEIPTS)

    def __iter__(self) -> Iterator[RunningDrain]:
        return iter(list(self._running.values()))

    def get(self, key: Scope) -> RunningDrain | None:
        """The one that runs and was opened by `key`."""
        return self._running.get(key)

    def _changed(self) -> None:
        self.changed()

    def open(
        self,
        subject: str,
        scope: Scope,
        cause: Cause,
        because: Because,
        timeout: float,
        ended: Callable[[Receipt], None] = lambda receipt: None,
        key: Scope | None = None,
        spread: float = 0.0,
    ) -> RunningDrain:
        """A drain of `scope` that lasts at most `timeout` seconds. `ended` hears its receipt.

        It is found again by `key`, by default the scope itself. Its connections are cut evenly over the
        last `spread` seconds of it.

        The caller publishes that nothing new may come, and then says `begin()`.
        """
        key = key or scope
        now = self._clock.seconds()
        drain = Drain(
            subject=subject,
            scope=scope,
            started=now,
            started_at=self._wall(),
            deadline=now + timeout,
            before=self._plane.tally(scope),
            causes={cause: because},
        )

        running = self._run(drain, ended, key, spread)
        self._changed()
        self.log.info(
            "drain of {subject} begins: {cause}, {live} connections, {timeout} s",
            subject=subject,
            cause=cause.word,
            live=drain.before.live,
            timeout="no limit of" if math.isinf(timeout) else timeout,
        )
        self.events.add("drain", subject, _begun(drain, timeout), because.who)
        return running

    def resume(
        self, drain: Drain, ended: Callable[[Receipt], None], key: Scope, spread: float = 0.0
    ) -> RunningDrain:
        """Go on with a drain that an older generation had begun. The caller says `begin()`."""
        running = self._run(drain, ended, key, spread)
        self._changed()
        self.log.info(
            "drain of {drain.subject} goes on: {drain.cause.word}, {live} connections",
            drain=drain,
            live=running.live(),
        )
        return running

    def hand_over(self) -> list[RunningDrain]:
        """Let go of all of them: another generation goes on with them. They leave no receipt here."""
        running, self._running = list(self._running.values()), {}
        for each in running:
            each.let_go()
        return running

    def inherited(self, receipts: Iterable[Receipt]) -> None:
        """Receipts of an older generation."""
        for receipt in receipts:
            self.receipts.append(receipt)
            self.ended += 1
        self._changed()

    def _run(self, drain: Drain, ended: Callable[[Receipt], None], key: Scope, spread: float) -> RunningDrain:
        def conclude(receipt: Receipt) -> None:
            del self._running[key]
            self.receipts.append(receipt)
            self.ended += 1
            self.totals.add(receipt)
            self.changed()
            self.log.info(_ENDED, receipt=receipt, of_cut=_of_cut(receipt))
            self.events.add("drain", receipt.subject, _ended(receipt), receipt.who)
            ended(receipt)

        running = RunningDrain(drain, self._plane, self._clock, conclude, spread)
        self._running[key] = running
        running.moved = self._changed
        return running


_ENDED = (
    "drain of {receipt.subject} ended: {receipt.outcome} ({receipt.cause}) after {receipt.seconds:.1f} s,"
    " {receipt.connections} connections = {receipt.finished} finished + {receipt.cut} cut{of_cut}"
    " + {receipt.kept} kept, {receipt.bytes_moved} bytes moved"
)


def _of_cut(receipt: Receipt) -> str:
    """How many of those cut were requests and WebSockets, and how they ended; empty where none was."""
    told = {
        "5xx sent": receipt.responses_5xx,
        "responses cut": receipt.responses_cut,
        "tunnels closed": receipt.tunnels_closed,
        "tunnels aborted": receipt.tunnels_aborted,
    }
    parts = [f"{words} {count}" for words, count in told.items() if count]
    return f" ({', '.join(parts)})" if parts else ""


def _begun(drain: Drain, timeout: float) -> str:
    deadline = "no deadline" if math.isinf(timeout) else f"{timeout:g} s"
    return f"begins: {drain.cause.word}, {drain.before.live} connections, {deadline}"


def _ended(receipt: Receipt) -> str:
    return (
        f"ended: {receipt.outcome} after {receipt.seconds:.1f} s, {receipt.finished} finished,"
        f" {receipt.cut} cut, {receipt.kept} kept"
    )
