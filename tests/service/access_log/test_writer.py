"""Traffic never waits for the access log, and memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IAccessObserver
from lbtwist.service.access_log.logfile import LogFile, Outcome
from lbtwist.service.access_log.writer import BATCH, ENOUGH, INTERVAL, LAST_FLUSH, MOST, Writer
from tests.conftest import LoggedError
from tests.service.access_log.records import record

Flush = Callable[..., list[Failure]]


class File:
    """Takes what it is given, or says why not."""

    path = Path("/var/log/access.log")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.appends = 0
        self.outcome: Outcome | None = None
        self.closed = False

    def append(self, lines: bytes) -> Outcome:
        self.appends += 1
        if self.outcome is not None:
            return self.outcome
        self.lines += lines.decode().splitlines()
        return Outcome()

    def close(self) -> None:
        self.closed = True


class Bench:
    """A writer whose calls are made at once, or one by one when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.file = cast(Any, File())
        self.slow = False
        self.waiting: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self.number = 0
        self.width = 10
        self.writer = Writer(self._lines, self.file, self.clock, self._in_thread, lambda: 5000.0)
        self.writer.start()

    def over(self, times: int = 1) -> None:
        for _ in range(times):
            self.writer.over(record())

    def catch_up(self) -> None:
        """The call that is under way returns."""
        done, call, arguments = self.waiting.pop(0)
        done.callback(call(*arguments))

    @property
    def numbers(self) -> list[int]:
        """The lines in the file."""
        return [int(line) for line in self.file.lines]

    def _lines(self, records: Sequence[object], since: float) -> str:
        self.since = since
        before, self.number = self.number, self.number + len(records)
        return "".join(f"{n:0{self.width - 1}}\n" for n in range(before + 1, self.number + 1))

    def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append((done, call, arguments))
        if not self.slow:
            self.catch_up()
        return done


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_hears_the_data_plane(bench: Bench) -> None:
    assert verifyObject(IAccessObserver, bench.writer)


def test_lines_are_written_once_a_second(bench: Bench) -> None:
    bench.over(3)
    bench.clock.advance(INTERVAL / 2)
    assert bench.numbers == []
    bench.clock.advance(INTERVAL / 2)
    assert bench.numbers == [1, 2, 3]
    before = bench.file.appends
    bench.clock.advance(INTERVAL)
    assert bench.file.appends == before


def test_lines_tell_the_time_since_1970(bench: Bench) -> None:
    bench.clock.advance(100)
    bench.over()
    bench.writer.flush()
    assert bench.since == 4900


def test_many_lines_are_written_at_once(bench: Bench) -> None:
    bench.width = ENOUGH // BATCH // 2
    bench.over(2 * BATCH - 1)
    assert bench.numbers == []
    bench.over()
    assert bench.numbers == [*range(1, 2 * BATCH + 1)]


def test_a_file_that_is_slow_costs_lines_and_no_more_memory(
    bench: Bench, warned: list[str], flush_logged_errors: Flush
) -> None:
    bench.width = 1024
    bench.slow = True
    at_once, room = ENOUGH // 1024, MOST // 1024
    bench.over(at_once)
    (under_way,) = bench.waiting
    bench.over(room + 2 * BATCH)
    assert bench.waiting == [under_way]
    assert bench.writer.dropped == 2 * BATCH
    assert warned == ["access log /var/log/access.log: it is too slow; lines are dropped"]
    assert len(flush_logged_errors(LoggedError)) == 1
    bench.catch_up()
    bench.over(3)
    bench.catch_up()
    assert warned[1:] == [
        f"access log /var/log/access.log: it is written again; {2 * BATCH} lines were dropped"
    ]
    bench.clock.advance(INTERVAL)
    bench.catch_up()
    assert bench.numbers == [*range(1, bench.number + 1)]
    assert len(bench.numbers) == at_once + room + 3


def test_a_full_disk_is_told_once_and_its_lines_are_counted(
    bench: Bench, warned: list[str], flush_logged_errors: Flush
) -> None:
    bench.file.outcome = Outcome(2, "no space left on device")
    for _ in range(3):
        bench.over(2)
        bench.clock.advance(INTERVAL)
    assert bench.writer.dropped == 6
    assert warned == ["access log /var/log/access.log: no space left on device; lines are dropped"]
    told = "access log /var/log/access.log: no space left on device; 6 lines were dropped"
    assert bench.writer.problem == told
    bench.file.outcome = None
    bench.over()
    bench.clock.advance(INTERVAL)
    assert bench.numbers == [7]
    assert warned[1:] == ["access log /var/log/access.log: it is written again; 6 lines were dropped"]
    assert bench.writer.problem == ""
    bench.file.outcome = Outcome(1, "no space left on device")
    bench.over()
    bench.clock.advance(INTERVAL)
    assert len(warned) == 3
    assert bench.writer.dropped == 7
    assert len(flush_logged_errors(LoggedError)) == 2


def test_what_goes_wrong_otherwise_is_logged_and_not_the_end(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    bench.slow = True
    bench.over(2)
    bench.clock.advance(INTERVAL)
    bench.waiting.pop()[0].errback(ValueError("?"))
    assert len(flush_logged_errors()) == 1  # said once, as what it is
    assert bench.writer.dropped == 2
    bench.over()
    bench.clock.advance(INTERVAL)
    bench.catch_up()
    assert bench.numbers == [3]


def test_a_line_that_is_lost_as_the_file_is_moved_is_counted(bench: Bench, warned: list[str]) -> None:
    bench.file.outcome = Outcome(1)
    bench.over()
    bench.clock.advance(INTERVAL)
    assert (bench.writer.dropped, warned) == (1, [])


def test_reopening_writes_at_once(bench: Bench) -> None:
    before = bench.file.appends
    bench.writer.reopen()
    assert bench.file.appends == before + 1
    bench.over()
    bench.writer.reopen()
    assert bench.numbers == [1]


def test_reopening_in_the_midst_of_a_write_comes_after_it(bench: Bench) -> None:
    bench.slow = True
    bench.over()
    bench.writer.flush()
    bench.over()
    bench.writer.reopen()
    assert len(bench.waiting) == 1
    bench.catch_up()
    bench.catch_up()
    assert bench.numbers == [1, 2]


def test_at_the_end_all_is_written(bench: Bench) -> None:
    bench.slow = True
    bench.over()
    bench.writer.flush()
    bench.over(2)
    stopped: list[object] = []
    bench.writer.stop().addCallback(stopped.append)
    bench.catch_up()
    assert stopped == []
    bench.catch_up()
    bench.catch_up()
    assert bench.numbers == [1, 2, 3]
    assert (stopped, bench.file.closed) == ([None], True)
    assert bench.clock.getDelayedCalls() == []


def test_at_the_end_a_file_that_takes_nothing_is_not_waited_for(
    bench: Bench, warned: list[str], flush_logged_errors: Flush
) -> None:
    bench.slow = True
    bench.over(2)
    bench.writer.flush()
    bench.over(3)
    stopped: list[object] = []
    bench.writer.stop().addCallback(stopped.append)
    bench.clock.advance(LAST_FLUSH - 0.1)
    assert stopped == []
    bench.clock.advance(0.1)
    assert stopped == [None]
    assert warned == ["access log /var/log/access.log: 5 lines are lost"]
    assert bench.writer.dropped == 5
    assert len(flush_logged_errors(LoggedError)) == 1


def test_a_real_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    bench = Bench()
    bench.writer = Writer(bench._lines, LogFile(path), bench.clock, bench._in_thread)
    bench.over(5)
    bench.writer.flush()
    assert path.read_text().split() == [f"{n:09}" for n in range(1, 6)]
    bench.writer.stop()
