"""The checks of one server, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult
from lbtwist.service.checking import FIRST_WITHIN, STOPPED, Checking, first_delay
from tests.conftest import Flush

SERVER = Address("192.0.2.1", 80)
GOOD = CheckResult(True, "connected", 0.0)
BAD = CheckResult(False, "refused", 0.0)


@implementer(IHealthCheck)
class FakeCheck:
    """Answers when the test says so."""

    def __init__(self, clock: Clock) -> None:
        self.begun: list[float] = []
        self.asked: list[Address] = []
        self.cancelled = 0
        self.open: list[Deferred[CheckResult]] = []
        self.at_once: Callable[[], Deferred[CheckResult]] | None = None
        """Where it is set, the answer of every check from now on."""
        self._clock = clock

    def check(self, address: Address) -> Deferred[CheckResult]:
        self.begun.append(self._clock.seconds())
        self.asked.append(address)
        if self.at_once is not None:
            return self.at_once()
        asked: Deferred[CheckResult] = Deferred(self._cancel)
        self.open.append(asked)
        return asked

    def answer(self, result: CheckResult = GOOD) -> None:
        """The only check that is under way ends with `result`."""
        (asked,) = self.open
        self.open.clear()
        asked.callback(result)

    def _cancel(self, asked: Deferred[CheckResult]) -> None:
        self.cancelled += 1
        self.open.remove(asked)


class Bench:
    """A Checking of interval 5 with a check and a clock of the test's, and what it heard."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.check = FakeCheck(self.clock)
        self.heard: list[CheckResult] = []
        self.checking = Checking(SERVER, self.check, 5.0, self.clock, self.heard.append)

    def run(self, seconds: float) -> None:
        """Let time pass by the tenth of a second; each check is answered in the one in which it began."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            if self.check.open:
                self.check.answer()

    def busy(self) -> int:
        """Delayed calls and checks under way."""
        return len(self.clock.getDelayedCalls()) + len(self.check.open)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def got(waiting: Deferred[CheckResult]) -> list[CheckResult]:
    """What `waiting` has fired with, if it has."""
    results: list[CheckResult] = []
    waiting.addCallback(results.append)
    return results


def test_the_fake_is_a_health_check(bench: Bench) -> None:
    verifyObject(IHealthCheck, bench.check)


def test_it_asks_nothing_before_it_is_started(bench: Bench) -> None:
    bench.clock.advance(100)
    assert bench.check.begun == []
    assert bench.busy() == 0


def test_it_asks_first_after_the_delay_and_then_at_every_interval(bench: Bench) -> None:
    bench.checking.start(1.5)
    bench.clock.pump([1.5])
    bench.check.answer()
    for _ in range(3):
        bench.clock.advance(5)
        bench.check.answer()
    assert bench.check.begun == [1.5, 6.5, 11.5, 16.5]
    assert bench.check.asked == [SERVER] * 4
    assert bench.heard == [GOOD] * 4


def test_an_interval_is_counted_from_the_beginning_of_a_check(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    bench.clock.advance(3)
    bench.check.answer()
    bench.clock.advance(1.9)
    assert len(bench.check.begun) == 1
    bench.clock.advance(0.1)
    assert bench.check.begun == [0.0, 5.0]


def test_checks_do_not_overlap_and_a_late_one_is_followed_at_once(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    bench.clock.advance(12)
    assert bench.check.begun == [0.0]
    bench.check.answer()
    bench.clock.advance(0)
    assert bench.check.begun == [0.0, 12.0]


def test_there_is_one_call_or_one_check_at_any_time(bench: Bench) -> None:
    bench.checking.start(0.05)
    bench.checking.start(0.05)
    for step in range(200):
        assert bench.busy() == 1
        bench.clock.advance(0.3)
        if step % 7 == 0:
            bench.checking.check_now()
        if step % 11 == 0:
            bench.checking.fresh()
        assert bench.busy() == 1
        if bench.check.open and step % 2:
            bench.check.answer()
    assert len(bench.check.begun) > 20


def test_stopped_it_asks_and_tells_nothing_more(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    bench.checking.stop()
    assert bench.check.cancelled == 1
    assert bench.busy() == 0
    bench.clock.advance(100)
    assert (bench.heard, len(bench.check.begun)) == ([], 1)


def test_stopped_between_two_checks_it_leaves_no_call(bench: Bench) -> None:
    bench.checking.start()
    bench.run(1)
    bench.checking.stop()
    bench.checking.stop()
    assert bench.busy() == 0


def test_it_can_be_started_again(bench: Bench) -> None:
    bench.checking.start()
    bench.run(1)
    bench.checking.stop()
    bench.checking.start(0.5)
    bench.run(1)
    assert len(bench.heard) == 2
    assert bench.busy() == 1


def test_who_waits_when_it_is_stopped_hears_that_it_says_nothing_of_the_server(bench: Bench) -> None:
    bench.checking.start()
    now, fresh = got(bench.checking.check_now()), got(bench.checking.fresh())
    bench.checking.stop()
    assert (now, fresh) == ([STOPPED], [STOPPED])
    assert STOPPED.own_fault


def test_check_now_does_not_wait_for_the_interval(bench: Bench) -> None:
    bench.checking.start()
    bench.run(1)
    result = got(bench.checking.check_now())
    assert bench.check.begun[1:] == [pytest.approx(1.0)]
    bench.check.answer(BAD)
    assert (result, bench.heard) == ([BAD], [GOOD, BAD])
    bench.clock.advance(4.9)
    assert len(bench.check.begun) == 2
    bench.clock.advance(0.2)
    assert len(bench.check.begun) == 3


def test_check_now_joins_the_check_under_way(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    first, second = got(bench.checking.check_now()), got(bench.checking.check_now())
    assert len(bench.check.begun) == 1
    bench.check.answer()
    assert (first, second) == ([GOOD], [GOOD])


def test_fresh_waits_for_a_check_that_began_after_it(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    early, late = got(bench.checking.fresh()), got(bench.checking.fresh())
    bench.check.answer(BAD)
    assert (early, late) == ([], [])
    assert len(bench.check.begun) == 2
    bench.check.answer(GOOD)
    assert (early, late) == ([GOOD], [GOOD])
    assert bench.heard == [BAD, GOOD]


def test_fresh_begins_a_check_where_none_is_under_way(bench: Bench) -> None:
    bench.checking.start(1.0)
    result = got(bench.checking.fresh())
    bench.check.answer()
    assert (result, bench.check.begun) == ([GOOD], [0.0])


def test_next_waits_for_the_next_check_in_its_time(bench: Bench) -> None:
    bench.checking.start()
    bench.clock.advance(0)
    results: list[CheckResult] = []
    bench.checking.next().addCallback(results.append)
    bench.check.answer(BAD)
    assert (results, bench.check.begun) == ([], [0.0])
    bench.checking.next().addCallback(results.append)
    bench.clock.advance(5)
    bench.check.answer(GOOD)
    assert (results, bench.check.begun) == ([GOOD, GOOD], [0.0, 5.0])


def test_who_waits_for_the_next_check_hears_that_there_is_none(bench: Bench) -> None:
    bench.checking.start()
    results: list[CheckResult] = []
    bench.checking.next().addCallback(results.append)
    bench.checking.stop()
    assert (results, bench.busy()) == ([STOPPED], 0)


def test_one_that_was_not_started_checks_once_when_it_is_asked_to(bench: Bench) -> None:
    result = got(bench.checking.check_now())
    later = got(bench.checking.fresh())
    bench.check.answer()
    bench.check.answer(BAD)
    assert (result, later, bench.heard) == ([GOOD], [BAD], [GOOD, BAD])
    assert bench.busy() == 0


def test_started_while_a_check_is_under_way_it_goes_on_from_there(bench: Bench) -> None:
    bench.checking.check_now()
    bench.checking.start()
    assert bench.busy() == 1
    bench.check.answer()
    bench.clock.advance(5)
    assert bench.check.begun == [0.0, 5.0]


def test_cancelling_ends_the_waiting_and_not_the_check(bench: Bench) -> None:
    waiting = bench.checking.check_now()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    bench.check.answer()
    assert (bench.check.cancelled, bench.heard) == (0, [GOOD])


@pytest.mark.parametrize("later", [False, True], ids=["raises", "fails"])
def test_a_check_that_breaks_is_logged_and_is_not_the_last(
    bench: Bench, later: bool, flush_logged_errors: Flush
) -> None:
    def broken() -> Deferred[CheckResult]:
        if later:
            return fail(ZeroDivisionError())
        raise ZeroDivisionError

    bench.check.at_once = broken
    bench.checking.start()
    bench.clock.advance(0)
    assert [(result.passed, result.own_fault) for result in bench.heard] == [(False, True)]
    assert len(flush_logged_errors(ZeroDivisionError)) == 1
    bench.check.at_once = lambda: succeed(GOOD)
    bench.clock.advance(5)
    assert bench.heard[1:] == [GOOD]


def test_who_hears_may_break(flush_logged_errors: Flush) -> None:
    bench = Bench()

    def hear(result: CheckResult) -> None:
        raise ZeroDivisionError

    bench.checking = Checking(SERVER, bench.check, 5.0, bench.clock, hear)
    bench.checking.start()
    bench.clock.advance(0)
    result = got(bench.checking.check_now())
    bench.check.answer()
    assert len(flush_logged_errors(ZeroDivisionError)) == 1
    assert (result, bench.busy()) == ([GOOD], 1)


@pytest.mark.parametrize("again", ["", "start", "check_now", "fresh"])
def test_who_hears_may_stop_it_and_ask_it_anew(again: str) -> None:
    bench = Bench()

    def hear(result: CheckResult) -> None:
        bench.heard.append(result)
        if len(bench.heard) == 1:
            bench.checking.stop()
            if again:
                getattr(bench.checking, again)()

    bench.checking = Checking(SERVER, bench.check, 5.0, bench.clock, hear)
    bench.checking.start()
    bench.clock.advance(0)
    waiting = got(bench.checking.check_now())
    bench.check.answer()
    assert waiting == [GOOD]
    assert bench.busy() == (1 if again else 0)


def test_rule_30_first_checks_are_spread_over_two_seconds_at_most() -> None:
    assert [first_delay(index, 3) for index in range(3)] == [0.0, 0.01, 0.02]
    many = [first_delay(index, 1000) for index in range(1000)]
    assert many == sorted(set(many))
    assert many[0] == 0.0
    assert FIRST_WITHIN - 0.01 < many[-1] < FIRST_WITHIN


def test_with_an_offset_many_servers_are_asked_evenly_over_the_interval() -> None:
    begun = []
    for index in range(0, 1000, 10):
        bench = Bench()
        bench.checking.start(first_delay(index, 1000), offset=index / 1000)
        bench.run(20)
        begun.append(bench.check.begun[-1] % 5)
    begun.sort()
    around = [*begun, begun[0] + 5]
    assert max(then - before for before, then in pairwise(around)) < 0.25


def test_an_offset_never_makes_a_server_wait_longer_than_the_interval() -> None:
    for offset in (0.0, 0.5, 1.0):
        bench = Bench()
        bench.checking.start(0.0, offset)
        bench.run(20)
        gaps = [then - before for before, then in pairwise(bench.check.begun)]
        assert FIRST_WITHIN - 0.1 <= gaps[0] <= 5.1
        assert gaps[1:] == pytest.approx([5.0] * len(gaps[1:]), abs=0.11)
