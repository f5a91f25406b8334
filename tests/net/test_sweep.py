from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.net.sweep import Sweep

Flush = Callable[..., list[Failure]]


class Timeout:
    """An entry that notes when it was told."""

    def __init__(self, then: Callable[[Timeout], object] | None = None) -> None:
        self.due_bucket: int | None = None
        self.told: list[float] = []
        self._then = then

    def due(self, now: float) -> None:
        self.told.append(now)
        if self._then is not None:
            self._then(self)


def test_is_due_at_its_time_and_not_before() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    entry = Timeout()
    sweep.enter(entry, 5.0)
    clock.advance(5.0)
    assert entry.told == []
    clock.advance(0.1)
    assert entry.told == [5.1]
    assert entry.due_bucket is None


def test_a_later_entry_that_has_left_keeps_no_timer_when_the_others_are_told() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    early, late = Timeout(), Timeout()
    sweep.enter(early, 1.0)
    sweep.enter(late, 5.0)
    sweep.leave(late)
    clock.advance(2)
    assert early.told == [2.0]
    assert clock.getDelayedCalls() == []


@given(
    start=st.floats(0, 1e7),
    delays=st.lists(st.floats(0, 100), min_size=1, max_size=20),
    steps=st.lists(st.floats(0.001, 7), min_size=1, max_size=40),
)
def test_exactness(start: float, delays: list[float], steps: list[float]) -> None:
    """Rule 80's clock: told at the first moment after `at + 0.1`, never before `at`, each once."""
    clock = Clock()
    clock.rightNow = start
    sweep = Sweep(clock)
    entries = [(Timeout(), start + delay) for delay in delays]
    for entry, at in entries:
        sweep.enter(entry, at)
    for step in steps:
        clock.advance(step)
        assert len(clock.getDelayedCalls()) <= 1
        for entry, at in entries:
            if entry.told:
                assert entry.told[0] >= at
            else:
                assert clock.seconds() < at + 0.1 + 1e-6
    clock.advance(200)
    assert all(len(entry.told) == 1 for entry, _ in entries)
    assert clock.getDelayedCalls() == []


def test_all_of_a_sweep_are_told_in_the_order_they_came() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    told: list[int] = []
    for number, at in enumerate([1.01, 1.09, 1.05]):
        sweep.enter(Timeout(lambda entry, number=number: told.append(number)), at)  # type: ignore[misc]
    clock.advance(1.11)
    assert told == [0, 1, 2]


def test_who_leaves_is_not_told_and_the_last_takes_the_timer_along() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    first, second = Timeout(), Timeout()
    sweep.enter(first, 1.0)
    sweep.enter(second, 2.0)
    sweep.leave(first)
    sweep.leave(first)
    assert len(clock.getDelayedCalls()) == 1
    sweep.leave(second)
    assert clock.getDelayedCalls() == []
    clock.advance(10)
    assert first.told == second.told == []


def test_who_never_entered_may_leave() -> None:
    Sweep(Clock()).leave(Timeout())


def test_an_earlier_entry_moves_the_one_timer() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    late, early = Timeout(), Timeout()
    sweep.enter(late, 1800.0)
    sweep.enter(early, 5.0)
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(5.1)
    assert early.told == [5.1]
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(1795)
    assert len(late.told) == 1


def test_entering_again_moves_it() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    entry = Timeout()
    sweep.enter(entry, 1.0)
    sweep.enter(entry, 3.0)
    clock.advance(2.9)
    assert entry.told == []
    clock.advance(0.2)
    assert len(entry.told) == 1


def test_it_may_enter_again_when_it_is_told() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    entry = Timeout(lambda entry: sweep.enter(entry, clock.seconds() + 1))
    sweep.enter(entry, 1.0)
    clock.pump([0.5] * 10)
    assert entry.told == [1.5, 3.0, 4.5]
    sweep.leave(entry)


@pytest.mark.parametrize("at", [0.0, 0.9, 1.0])
def test_entering_for_the_past_when_told_does_not_loop(at: float) -> None:
    clock = Clock()
    sweep = Sweep(clock)
    entry = Timeout(lambda entry: sweep.enter(entry, at))
    sweep.enter(entry, 1.0)
    clock.advance(1.1)
    assert len(entry.told) == 1
    clock.advance(0.1)
    assert len(entry.told) == 2
    sweep.leave(entry)


def test_one_of_the_same_sweep_may_make_another_leave_or_move() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    leaving, moving = Timeout(), Timeout()

    def send_away(entry: Timeout) -> None:
        sweep.leave(leaving)
        sweep.enter(moving, 9.0)

    sweep.enter(Timeout(send_away), 1.0)
    sweep.enter(leaving, 1.0)
    sweep.enter(moving, 1.0)
    clock.advance(2)
    assert leaving.told == moving.told == []
    clock.advance(8)
    assert len(moving.told) == 1


def test_an_error_harms_no_other(flush_logged_errors: Flush) -> None:
    clock = Clock()
    sweep = Sweep(clock)
    after = Timeout()
    sweep.enter(Timeout(lambda entry: 1 // 0), 1.0)
    sweep.enter(after, 1.0)
    clock.advance(2)
    assert len(after.told) == 1
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_a_time_without_end_is_refused() -> None:
    with pytest.raises(OverflowError):
        Sweep(Clock()).enter(Timeout(), math.inf)


def test_what_comes_and_goes_leaves_nothing_behind() -> None:
    clock = Clock()
    sweep = Sweep(clock)
    staying = Timeout()
    sweep.enter(staying, 86400.0)
    for number in range(10_000):
        passing = Timeout()
        sweep.enter(passing, 10.0 + number / 10)
        sweep.leave(passing)
    assert len(sweep._heap) < 200
    assert len(sweep._buckets) == 1
    sweep.leave(staying)
