"""The live connections of a registration or a listener, and their counters."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from lbtwist.model.plane import FINISHED, ConnectionView, CutBy, Ending, Tally


class ILive(Protocol):
    """What the data plane asks of a live connection."""

    id: int

    @property
    def touched(self) -> float:
        """When a byte last moved, on the monotonic clock."""

    @property
    def received(self) -> int: ...

    @property
    def sent(self) -> int: ...

    @property
    def forced(self) -> bool:
        """It is being closed, whatever its peers do."""

    @property
    def in_flight(self) -> bool:
        """It is a request: cut at a deadline, and never some time before it."""

    def cut(self, why: CutBy) -> None: ...

    def watch_idle(self) -> None: ...

    def view(self, now: float) -> ConnectionView: ...


class Vacancy:
    """Those who wait for something to be empty."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Fires with `tell`. Cancelling it ends the waiting."""
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def tell(self) -> None:
        """It is empty."""
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.callback(None)


class Ledger:
    """Established connections of one registration or listener, and what those that ended have moved.

    Counters of live connections stay on the connection, so that moving bytes touches no ledger.
    """

    __slots__ = ("live", "total", "failed", "failures", "_endings", "_received", "_sent", "_vacancy")

    def __init__(self) -> None:
        self.live: dict[int, ILive] = {}
        self.total = 0
        self.failed = 0
        self.failures: dict[str, int] = {}
        """Of a registration, those of `failed` by the reason."""
        self._endings: Counter[Ending] = Counter()
        self._received = 0
        self._sent = 0
        self._vacancy = Vacancy()

    def enter(self, connection: ILive) -> None:
        """It is established: it has a lease here, which it gives back exactly once."""
        self.live[connection.id] = connection
        self.total += 1

    def replace(self, connection: ILive) -> None:
        """What is live under its id is `connection` from now on, with what was moved before it."""
        assert connection.id in self.live
        self.live[connection.id] = connection

    def leave(self, connection: ILive, ending: Ending) -> None:
        """It has ended, and gives its lease back; `tell_if_empty` is still to be called.

        Raises KeyError when it has none here, and then counts nothing.
        """
        del self.live[connection.id]
        self._received += connection.received
        self._sent += connection.sent
        if ending is not FINISHED:
            self._endings[ending] += 1

    def fail(self, reason: str) -> None:
        """A connection to the registration failed."""
        self.failed += 1
        self.failures[reason] = self.failures.get(reason, 0) + 1

    def tally(self) -> Tally:
        """All counters, with what the live connections have moved so far."""
        return Tally(
            live=len(self.live),
            total=self.total,
            cut=self._endings.total(),
            answered=self._endings[Ending.ANSWERED],
            truncated=self._endings[Ending.TRUNCATED],
            closed=self._endings[Ending.CLOSED],
            aborted=self._endings[Ending.ABORTED],
            received=self._received + sum(c.received for c in self.live.values()),
            sent=self._sent + sum(c.sent for c in self.live.values()),
            failed=self.failed,
        )

    def when_empty(self) -> Deferred[None]:
        """Fires when nothing is live. Cancelling it ends the waiting."""
        return self._vacancy.wait() if self.live else succeed(None)

    def tell_if_empty(self) -> None:
        """Tell who waits for it: when those who left have left all their ledgers, or one is told of a
        connection that another counts as live."""
        if not self.live:
            self._vacancy.tell()
