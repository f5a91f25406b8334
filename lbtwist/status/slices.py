"""Long work in short steps, so that traffic waits for one step at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator

STEP = 0.0005
"""Seconds that a first step may take, but for its last piece; nobody notices a work of some milliseconds."""
MORE = 1.05
"""So many times as long may each further step be, up to LONGEST: between two, a busy reactor is away for some
20 ms, and long work has to come to its end."""
LONGEST = 0.003
"""Seconds."""


class Slices:
    """Runs iterators, each step of which is followed by whatever else is to be done."""

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float] = perf_counter) -> None:
        self._seconds = seconds
        self._cooperator = Cooperator(
            terminationPredicateFactory=lambda: lambda: True, scheduler=lambda call: clock.callLater(0, call)
        )

    def join(self, pieces: Iterator[bytes]) -> Deferred[bytes]:
        """All `pieces` together. Fails as they do."""
        got: list[bytes] = []
        running = self._cooperator.cooperate(self._steps(pieces, got))
        return running.whenDone().addCallback(lambda _: b"".join(got))

    def _steps(self, pieces: Iterator[bytes], got: list[bytes]) -> Iterator[None]:
        step = STEP
        until = self._seconds() + step
        for piece in pieces:
            got.append(piece)
            if self._seconds() >= until:
                yield
                step = min(step * MORE, LONGEST)
                until = self._seconds() + step
