"""Running drains: one timer, an end at the right moment, a receipt that adds up."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.address import Address
from lbtwist.model.drain import NEVER, Because, Cause, State
from lbtwist.model.plane import EVERYTHING, Ending, Member, Scope
from lbtwist.model.receipt import Receipt
from lbtwist.service.draining import KEPT_RECEIPTS, Drains
from lbtwist.service.running_drain import RunningDrain
from tests.service.bench import WALL
from tests.service.fakes import FakeConnection, FakeDataPlane

ADA = Because("ada", "kernel update")


def member(number: int) -> Member:
    return Member(number, f"app/ecs0{number}#{number}", Address(f"10.0.0.{number}", 80), 100)


class Engine:
    """Drains on a fake data plane, and a wall clock that is stepped apart."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.wall = WALL
        self.drains = Drains(self.plane, self.clock, lambda: self.wall + self.clock.seconds())
        self.ended: list[Receipt] = []

    def connections(self, count: int, number: int = 7) -> list[FakeConnection]:
        return [self.plane.open(member(number)) for _ in range(count)]

    def begin(self, timeout: float = 300.0, cause: Cause = Cause.REMOVAL, number: int = 7) -> RunningDrain:
        subject = member(number).label
        scope = Scope.registration(number)
        running = self.drains.open(subject, scope, cause, ADA, timeout, self.ended.append)
        running.begin()
        return running

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_the_fake_has_the_face_of_a_data_plane() -> None:
    assert verifyObject(IDataPlane, FakeDataPlane())


def test_rule_4_with_nothing_live_it_completes_at_once(engine: Engine) -> None:
    running = engine.begin()
    assert (running.drain.state, engine.timers, list(engine.drains)) == (State.COMPLETED, 0, [])
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.connections, receipt.seconds) == ("completed", 0, 0.0)


def test_rule_4_it_completes_at_the_moment_the_last_connection_ends(engine: Engine) -> None:
    one, other = engine.connections(2)
    running = engine.begin()
    engine.clock.advance(10)
    one.end()
    assert (running.live(), running.drain.ended) == (1, False)
    engine.clock.advance(2.5)
    other.end()
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.finished, receipt.cut, receipt.seconds) == ("completed", 2, 0, 12.5)
    assert engine.timers == 0


def test_rule_2_nothing_is_cut_before_the_deadline(engine: Engine) -> None:
    opened = engine.connections(3)
    engine.begin(300.0)
    engine.clock.pump([1.0] * 299)
    assert [connection.live for connection in opened] == [True] * 3


def test_rule_5_at_the_deadline_everything_left_is_closed(engine: Engine) -> None:
    one, two, three = engine.connections(3)
    running = engine.begin(300.0)
    one.end()
    engine.clock.advance(300.0)
    assert [two.live, three.live] == [False, False]
    assert running.drain.state is State.CUT
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.finished, receipt.cut, receipt.kept) == ("cut", 1, 2, 0)


@pytest.mark.parametrize("started", [0.0, 0.1, 1_234.567, 9_876_543.21])
def test_rule_80_the_cut_comes_at_the_deadline_and_never_before(engine: Engine, started: float) -> None:
    engine.clock.advance(started)
    (connection,) = engine.connections(1)
    running = engine.begin(15.0)
    engine.clock.advance(14.999)
    assert connection.live
    engine.clock.advance(0.001 + 1e-6)
    assert not connection.live
    assert running.drain.deadline == started + 15.0


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_rule_80_a_step_of_the_wall_clock_moves_no_deadline(engine: Engine, step: float) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin(15.0)
    engine.clock.advance(5)
    engine.wall += step
    assert running.left() == 10.0
    engine.clock.advance(9.9)
    assert connection.live
    engine.clock.advance(0.1)
    assert not connection.live
    (receipt,) = engine.ended
    assert (receipt.start, receipt.deadline, receipt.end) == (WALL, WALL + 15, WALL + 15)


@pytest.mark.parametrize("linger", [False, True])
def test_rule_81_a_drain_has_one_timer_however_many_connections_and_none_when_it_ended(
    engine: Engine, linger: bool
) -> None:
    engine.plane.linger = linger
    opened = engine.connections(1000)
    running = engine.begin(300.0)
    assert engine.timers == 1
    running.extend(600.0)
    running.join(Cause.OPERATOR, ADA, 60.0)
    assert engine.timers == 1
    engine.clock.advance(60.0)
    assert engine.timers == 0
    for connection in opened:
        if connection.live:
            connection.end()
    assert (engine.ended[0].cut, engine.timers) == (1000, 0)


def test_rule_81_a_drain_without_a_deadline_has_no_timer_and_waits(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin(NEVER)
    assert (engine.timers, math.isinf(running.left())) == (0, True)
    engine.clock.advance(1e9)
    assert connection.live
    connection.end()
    assert engine.ended[0].outcome == "completed"


def test_rule_82_a_drain_of_300_s_runs_on_the_clock_it_is_given(engine: Engine) -> None:
    """Rule 82: the whole engine runs on an injected clock."""
    engine.connections(1)
    engine.begin(300.0)
    engine.clock.pump([100.0, 100.0, 99.0])
    assert engine.ended == []
    engine.clock.advance(1.0)
    assert engine.ended[0].seconds == 300.0


def test_rule_8_a_timeout_of_zero_cuts_at_once(engine: Engine) -> None:
    opened = engine.connections(2)
    running = engine.begin(0.0)
    assert not any(connection.live for connection in opened)
    assert (running.drain.state, engine.timers) == (State.CUT, 0)


def test_rule_12_two_drains_have_two_timers_and_do_not_touch_each_other(engine: Engine) -> None:
    (mine,), (its,) = engine.connections(1, 1), engine.connections(1, 2)
    one, two = engine.begin(10.0, number=1), engine.begin(20.0, number=2)
    assert engine.timers == 2
    engine.clock.advance(10.0)
    assert (mine.live, one.drain.ended) == (False, True)
    assert (its.live, two.drain.ended, two.left(), engine.timers) == (True, False, 10.0, 1)


def test_rule_12_a_drained_connection_that_ends_does_not_touch_the_others(engine: Engine) -> None:
    one, other = engine.connections(2)
    running = engine.begin()
    one.end()
    assert (other.live, running.left(), running.drain.state) == (True, 300.0, State.RUNNING)


def test_a_cut_that_takes_its_time_ends_with_the_last_connection(engine: Engine) -> None:
    engine.plane.linger = True
    one, other = engine.connections(2)
    running = engine.begin(10.0)
    engine.clock.advance(10.0)
    assert (running.drain.state, running.live()) == (State.CUTTING, 2)
    one.end()
    engine.clock.advance(0.5)
    other.end()
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.cut, receipt.seconds) == ("cut", 2, 10.5)


def test_rule_62_a_running_drain_is_cut_now(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    engine.clock.advance(3)
    running.cut()
    assert (connection.live, engine.timers, engine.ended[0].seconds) == (False, 0, 3.0)


def test_rule_62_cutting_twice_is_no_error_while_it_lasts(engine: Engine) -> None:
    engine.plane.linger = True
    (connection,) = engine.connections(1)
    running = engine.begin()
    running.cut()
    running.cut()
    assert engine.timers == 0
    connection.end()
    assert engine.ended[0].cut == 1
    with pytest.raises(Refused, match="its drain is cut"):
        running.cut()


@pytest.mark.parametrize(("timeout", "ends"), [(900.0, 910.0), (5.0, 15.0)])
def test_rule_62_extend_counts_from_now(engine: Engine, timeout: float, ends: float) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    engine.clock.advance(10)
    running.extend(timeout)
    engine.clock.advance(timeout - 0.5)
    assert connection.live
    engine.clock.advance(0.5)
    assert (connection.live, engine.clock.seconds(), engine.timers) == (False, ends, 0)


def test_rule_62_extended_to_zero_it_is_cut_and_to_never_it_waits(engine: Engine) -> None:
    (mine,), (its,) = engine.connections(1, 1), engine.connections(1, 2)
    engine.begin(number=1).extend(0.0)
    engine.begin(number=2).extend(NEVER)
    assert (mine.live, its.live, engine.timers) == (False, True, 0)


def test_rule_32_a_cause_that_joins_with_an_earlier_deadline_brings_it_forward(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin(300.0, Cause.OPERATOR)
    engine.clock.advance(100)
    running.join(Cause.REMOVAL, ADA, 50.0)
    engine.clock.advance(50)
    assert (connection.live, engine.ended[0].cause) == (False, "deregistered")


def test_rule_32_a_cause_that_joins_with_a_later_deadline_moves_nothing(engine: Engine) -> None:
    engine.connections(1)
    running = engine.begin(300.0, Cause.OPERATOR)
    engine.clock.advance(100)
    running.join(Cause.REMOVAL, ADA, 300.0)
    assert (running.left(), engine.timers) == (200.0, 1)


def test_rule_32_a_cause_that_joins_with_no_time_left_cuts_at_once(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    engine.begin(300.0, Cause.HEALTH).join(Cause.REMOVAL, ADA, 0.0)
    assert (connection.live, engine.timers) == (False, 0)


def test_rule_62_a_drain_that_is_cancelled_cuts_nothing_and_says_what_it_kept(engine: Engine) -> None:
    one, two, three = engine.connections(3)
    running = engine.begin(300.0, Cause.OPERATOR)
    one.end()
    engine.plane.cut_connection(two.id)
    running.withdraw(Cause.OPERATOR)
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.connections) == ("cancelled", 3)
    assert (receipt.finished, receipt.cut, receipt.kept) == (1, 1, 1)
    engine.clock.advance(1000)
    assert three.live
    three.end()
    assert (len(engine.ended), engine.timers) == (1, 0)


def test_rule_32_with_one_of_two_causes_gone_it_goes_on(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin(300.0, Cause.OPERATOR)
    running.join(Cause.HEALTH, ADA, 60.0)
    running.withdraw(Cause.HEALTH)
    assert (running.left(), engine.timers) == (60.0, 1)
    engine.clock.advance(60)
    assert (connection.live, engine.ended[0].cause) == (False, "operator")


def test_rule_67_a_process_that_ends_before_the_drain_says_interrupted(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    engine.clock.advance(4)
    running.interrupt()
    (receipt,) = engine.ended
    assert (receipt.outcome, receipt.kept, receipt.seconds) == ("interrupted", 1, 4.0)
    assert (connection.live, engine.timers) == (True, 0)


def test_rule_64_counts_what_was_moved_during_the_drain_alone(engine: Engine) -> None:
    one, two = engine.connections(2)
    one.move(1000, 2000)
    engine.begin()
    one.move(5, 50)
    two.move(0, 500)
    one.end()
    two.end()
    assert engine.ended[0].bytes_moved == 555


def test_rule_64_a_second_drain_does_not_count_what_the_first_one_cut(engine: Engine) -> None:
    engine.connections(2)
    engine.begin(0.0)
    engine.connections(3)
    engine.begin(0.0)
    assert [(receipt.connections, receipt.cut) for receipt in engine.ended] == [(2, 2), (3, 3)]


def test_rule_64_one_connection_cut_by_hand_makes_the_outcome_cut(engine: Engine) -> None:
    one, two = engine.connections(2)
    engine.begin()
    engine.plane.cut_connection(one.id)
    two.end()
    assert (engine.ended[0].outcome, engine.ended[0].finished, engine.ended[0].cut) == ("cut", 1, 1)


CUT_AS = (Ending.CUT, Ending.ANSWERED, Ending.TRUNCATED, Ending.CLOSED, Ending.ABORTED)


def test_rule_64_a_receipt_adds_up_and_tells_how_requests_and_websockets_were_cut(engine: Engine) -> None:
    """Each way of being cut another number of times; what was cut before the drain does not count."""
    for ending, before in zip(CUT_AS, engine.connections(5), strict=True):
        before.cut_as = ending
        engine.plane.cut_connection(before.id)
    finished, _, _ = engine.connections(3)
    cut = engine.connections(15)
    for connection, ending in zip(cut, [e for n, e in enumerate(CUT_AS, 1) for _ in range(n)], strict=True):
        connection.cut_as = ending
    running = engine.begin()
    finished.end()
    for connection in cut:
        engine.plane.cut_connection(connection.id)
    running.withdraw(Cause.REMOVAL)
    (receipt,) = engine.ended
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (18, 1, 15, 2)
    assert receipt.responses_5xx == 2
    assert receipt.responses_cut == 3
    assert receipt.tunnels_closed == 4
    assert receipt.tunnels_aborted == 5


def test_rule_64_the_log_tells_how_requests_and_websockets_were_cut(
    engine: Engine, logged: list[str]
) -> None:
    for ending in (*CUT_AS, Ending.CLOSED):
        engine.connections(1)[0].cut_as = ending
    engine.begin(0.0)
    assert logged[-1].endswith(
        "6 connections = 0 finished + 6 cut (5xx sent 1, responses cut 1, tunnels closed 2,"
        " tunnels aborted 1) + 0 kept, 0 bytes moved"
    )


def test_rule_64_the_log_says_nothing_of_requests_where_none_was_cut(
    engine: Engine, logged: list[str]
) -> None:
    engine.connections(2)
    engine.begin(0.0)
    assert logged[-1].endswith("2 connections = 0 finished + 2 cut + 0 kept, 0 bytes moved")


def test_receipts_are_kept_in_the_order_in_which_drains_ended_and_not_for_ever(engine: Engine) -> None:
    for _ in range(KEPT_RECEIPTS):
        engine.begin(number=1)
    engine.begin(number=2)
    kept = [receipt.subject for receipt in engine.drains.receipts]
    assert (len(kept), kept[0], kept[-1]) == (KEPT_RECEIPTS, "app/ecs01#1", "app/ecs02#2")


def test_a_running_drain_is_found_by_its_scope(engine: Engine) -> None:
    engine.connections(1)
    running = engine.begin()
    assert engine.drains.get(Scope.registration(7)) is running
    assert engine.drains.get(Scope.listener(7)) is None
    running.cut()
    assert engine.drains.get(Scope.registration(7)) is None


def test_whoever_hears_of_the_end_finds_the_drain_ended_and_its_receipt_kept(engine: Engine) -> None:
    heard: list[tuple[bool, int]] = []

    def ended(receipt: Receipt) -> None:
        heard.append((engine.drains.get(EVERYTHING) is None, len(engine.drains.receipts)))

    engine.drains.open("load balancer", EVERYTHING, Cause.SHUTDOWN, ADA, 1.0, ended).begin()
    assert heard == [(True, 1)]


def test_rule_63_everyone_who_waits_gets_the_receipt_also_who_comes_late(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    got: list[Receipt] = []
    running.done().addCallback(got.append)
    running.done().addCallback(got.append)
    assert got == []
    connection.end()
    running.done().addCallback(got.append)
    assert got == engine.ended * 3


def test_rule_63_who_gives_up_waiting_ends_nothing_else(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    patient, hasty = running.done(), running.done()
    hasty.cancel()
    hasty.addErrback(lambda failure: failure.trap(CancelledError))
    assert (running.drain.state, connection.live, patient.called) == (State.RUNNING, True, False)
    connection.end()
    assert patient.result == engine.ended[0]


def test_rule_63_a_waiter_may_ask_again_when_it_is_told(engine: Engine) -> None:
    (connection,) = engine.connections(1)
    running = engine.begin()
    again: list[Receipt] = []
    running.done().addCallback(lambda _: running.done()).addCallback(again.append)
    connection.end()
    assert again == engine.ended


def test_rule_80_a_thousand_drains_are_cut_in_the_order_of_their_deadlines(engine: Engine) -> None:
    for number in range(1000):
        engine.connections(1, number)
        engine.begin(1000.0 - number, number=number)
    assert engine.timers == 1000
    engine.clock.pump([1.0] * 1000)
    assert engine.timers == 0
    assert all(earlier.end < later.end for earlier, later in pairwise(engine.ended))
    assert {receipt.end - receipt.deadline for receipt in engine.ended} == {0.0}


def test_rule_81_a_cause_that_joins_while_it_is_cut_sets_no_timer(engine: Engine) -> None:
    engine.plane.linger = True
    (connection,) = engine.connections(1)
    running = engine.begin(300.0, Cause.OPERATOR)
    running.cut()
    running.join(Cause.REMOVAL, ADA, 60.0)
    assert engine.timers == 0
    connection.end()
    assert engine.ended[0].cause == "deregistered"
