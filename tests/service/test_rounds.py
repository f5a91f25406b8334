from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.service.rounds import AFTER_A_FAULT, Rounds


class Work:
    """Rounds that a test ends by hand, and what was told of them."""

    def __init__(self, clock: Clock) -> None:
        self.pending: list[Deferred[str]] = []
        self.begun = self.cancelled = 0
        self.told: list[str] = []
        self.wait = 5.0
        self.then: Callable[[], Any] | None = None
        self.rounds: Rounds[str] = Rounds(clock, self.go, self.ended, 10)

    async def go(self) -> str:
        self.begun += 1
        waiting: Deferred[str] = Deferred()
        self.pending.append(waiting)
        try:
            return await waiting
        except CancelledError:
            self.cancelled += 1
            raise

    def ended(self, outcome: str | Failure) -> float:
        self.told.append(outcome if isinstance(outcome, str) else type(outcome.value).__name__)
        if self.then:
            self.then()
        return self.wait


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(clock: Clock) -> Work:
    return Work(clock)


def test_the_next_begins_a_while_after_the_last_has_ended(clock: Clock, work: Work) -> None:
    work.rounds.start()
    clock.advance(9)
    assert (work.begun, work.told) == (1, [])
    work.pending.pop().callback("first")
    clock.advance(4.9)
    assert (work.begun, work.told) == (1, ["first"])
    clock.advance(0.2)
    assert work.begun == 2
    work.rounds.stop()


def test_a_failure_is_told_and_ends_nothing(clock: Clock, work: Work) -> None:
    work.rounds.start()
    work.pending.pop().errback(ValueError())
    clock.advance(5)
    assert (work.begun, work.told) == (2, ["ValueError"])
    work.rounds.stop()


def test_a_round_that_takes_too_long_is_cancelled(clock: Clock, work: Work) -> None:
    work.rounds.start()
    clock.advance(10)
    assert (work.told, work.cancelled) == ([TimeoutError.__name__], 1)
    clock.advance(5)
    assert work.begun == 2
    work.rounds.stop()


def test_stop_between_rounds(clock: Clock, work: Work) -> None:
    work.rounds.start()
    work.pending.pop().callback("")
    assert work.rounds.stop().called
    assert clock.getDelayedCalls() == []


def test_stop_in_a_round_tells_no_more(clock: Clock, work: Work) -> None:
    work.rounds.start()
    assert work.rounds.stop().called
    assert (work.told, work.cancelled, clock.getDelayedCalls()) == ([], 1, [])


def test_stop_waits_for_what_the_round_has_to_clear_away(clock: Clock) -> None:
    clearing: Deferred[None] = Deferred()

    async def go() -> str:
        try:
            return await Deferred()
        finally:
            await clearing

    rounds: Rounds[str] = Rounds(clock, go, lambda outcome: 5.0, 10)
    rounds.start()
    stopped = rounds.stop()
    assert not stopped.called
    clearing.callback(None)
    assert stopped.called
    assert clock.getDelayedCalls() == []


def test_stop_from_where_it_is_told(clock: Clock, work: Work) -> None:
    work.then = work.rounds.stop
    work.rounds.start()
    work.pending.pop().callback("last")
    assert (work.told, clock.getDelayedCalls()) == (["last"], [])


def test_a_fault_of_who_is_told_is_logged_and_ends_nothing(
    clock: Clock, work: Work, flush_logged_errors: Callable[..., list[Failure]]
) -> None:
    work.then = dict[str, str]().popitem
    work.rounds.start()
    work.pending.pop().callback("")
    assert len(flush_logged_errors(KeyError)) == 1
    clock.advance(AFTER_A_FAULT)
    assert work.begun == 2
    work.rounds.stop()
