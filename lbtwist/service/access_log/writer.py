"""Lines of the access log on their way from traffic to the file: kept in memory, written by a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import Told
from lbtwist.service.access_log.logfile import LogFile, Outcome

INTERVAL = 1.0
"""Seconds after which a line is written at the latest, where the file takes it."""
BATCH = 128
"""Records that are made lines together: one by one, each would find the processor's caches cold."""
ENOUGH = 256 * 1024
"""Bytes that are written before that. Each write costs some changes between threads."""
MOST = 4 * 1024 * 1024
"""Bytes that wait while the file takes none; further lines are dropped."""
LAST_FLUSH = 5.0
"""Seconds that the file has for the last lines when the process ends."""


@implementer(IAccessObserver)
class Writer:
    """Never waits, and never holds more than it may: what the file does not take in time is dropped."""

    log = Logger()

    def __init__(
        self,
        lines: Callable[[Sequence[Told], float], str],
        file: LogFile,
        clock: IReactorTime,
        in_thread: Callable[..., Deferred[Any]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`lines` is the format, a line for each; `in_thread` makes calls that block, one after the other."""
        self.dropped = 0
        """Lines that were never written."""
        self._format = lines
        self._file = file
        self._clock = clock
        self._in_thread = in_thread
        self._wall = wall
        self._records: list[Told] = []
        self._waiting: list[bytes] = []
        self._size = 0
        self._lines = 0
        """So many are in those that wait."""
        self._writing = 0
        """Lines that are being written."""
        self._busy = False
        self._reopening = False
        self._rest: Deferred[None] | None = None
        self._problem = ""
        self._lost = 0
        """Lines that were dropped since there is a problem."""
        self._beat = LoopingCall(self.flush)
        self._beat.clock = clock

    @property
    def problem(self) -> str:
        """Why lines are dropped, in one line; empty while none are."""
        if not self._problem:
            return ""
        return f"access log {self._file.path}: {self._problem}; {self._lost} lines were dropped"

    def over(self, record: Told) -> None:
        """IAccessObserver."""
        self._records.append(record)
        if len(self._records) >= BATCH:
            self._make_lines()
            if self._size >= ENOUGH and not self._busy:
                self._write()

    def start(self) -> None:
        """Take the file, and write now and then."""
        self.reopen()
        self._beat.start(INTERVAL, now=False)

    def stop(self) -> Deferred[None]:
        """Fires when the last line is written, or after LAST_FLUSH seconds."""
        if self._beat.running:
            self._beat.stop()
        last: Deferred[None] = Deferred.fromCoroutine(self._finish())
        return last.addTimeout(LAST_FLUSH, self._clock).addErrback(self._give_up)

    def flush(self) -> None:
        """Write what there is."""
        self._make_lines()
        if self._waiting and not self._busy:
            self._write()

    def reopen(self) -> None:
        """Write what there is, to the file that is at the path now."""
        self._make_lines()
        if self._busy:
            self._reopening = True
        else:
            self._write()

    def _make_lines(self) -> None:
        records, self._records = self._records, []
        if not records:
            return
        if self._size >= MOST:
            self._lose(len(records), "it is too slow")
            return
        lines = self._format(records, self._wall() - self._clock.seconds()).encode()
        self._waiting.append(lines)
        self._size += len(lines)
        self._lines += len(records)

    def _write(self) -> None:
        data = b"".join(self._waiting)
        self._busy, self._writing, self._reopening = True, self._lines, False
        self._waiting, self._size, self._lines = [], 0, 0
        self._in_thread(self._file.append, data).addBoth(self._written)

    def _written(self, outcome: Outcome | Failure) -> None:
        if isinstance(outcome, Failure):
            self.log.failure("access log {path}: lines are lost", outcome, path=self._file.path)
            self._problem, self._lost = "it has failed", 0
            outcome = Outcome(self._writing, self._problem)
        self._busy, self._writing = False, 0
        if outcome.problem:
            self._lose(outcome.dropped, outcome.problem)
        else:
            self.dropped += outcome.dropped
            self._recover()
        if self._reopening or self._size >= ENOUGH:
            self._write()
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.callback(None)

    def _lose(self, count: int, problem: str) -> None:
        """Said once, until it is written again."""
        if not self._problem:
            self._lost = 0
            self.log.error(
                "access log {path}: {problem}; lines are dropped", path=self._file.path, problem=problem
            )
        self._problem = problem
        self._lost += count
        self.dropped += count

    def _recover(self) -> None:
        if self._problem:
            self._problem = ""
            self.log.warn(
                "access log {path}: it is written again; {lost} lines were dropped",
                path=self._file.path,
                lost=self._lost,
            )

    async def _finish(self) -> None:
        while self._busy or self._waiting or self._records:
            self.flush()
            if self._busy:
                self._rest = Deferred()
                await self._rest
        await self._in_thread(self._file.close)

    def _give_up(self, failure: Failure) -> None:
        lost = len(self._records) + self._lines + self._writing
        self.dropped += lost
        self.log.error("access log {path}: {lost} lines are lost", path=self._file.path, lost=lost)
