"""The drain: every pair of its table, its causes, and its deadline."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import Refused
from lbtwist.model.drain import NEVER, TRANSITIONS, Because, Cause, Drain, Event, State
from lbtwist.model.plane import Scope, Tally

ADA = Because("ada", "kernel update")
FILE = Because("file")
ENDS = (State.COMPLETED, State.CUT, State.CANCELLED, State.INTERRUPTED)


def drain(deadline: float = 300.0, cause: Cause = Cause.REMOVAL, **others: Any) -> Drain:
    return Drain(
        subject="app/ecs01#7",
        scope=Scope.registration(7),
        started=0.0,
        started_at=1_700_000_000.0,
        deadline=deadline,
        before=Tally(live=3, total=10, cut=2, received=100, sent=1000),
        causes={cause: ADA},
        **others,
    )


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_goes_where_the_table_says_and_nowhere_else(state: State, event: Event) -> None:
    drained = drain(state=state)
    if (state, event) in TRANSITIONS:
        drained.on(event)
        assert drained.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(Refused, match=rf"app/ecs01#7: .*but its drain is {state.value}"):
            drained.on(event)
        assert drained.state is state


@pytest.mark.parametrize("end", ENDS)
def test_one_that_has_ended_never_goes_on(end: State) -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is end]
    assert drain(state=end).ended


@pytest.mark.parametrize("state", [State.RUNNING, State.CUTTING])
def test_one_that_runs_or_is_being_cut_has_not_ended(state: State) -> None:
    assert not drain(state=state).ended


def test_every_end_can_be_reached() -> None:
    assert set(TRANSITIONS.values()) >= set(ENDS)


def test_what_is_being_cut_can_be_neither_extended_nor_cancelled() -> None:
    cutting = drain(state=State.CUTTING)
    with pytest.raises(Refused):
        cutting.extend(900.0)
    cutting.withdraw(Cause.REMOVAL)
    assert (cutting.state, cutting.deadline, cutting.causes) == (State.CUTTING, 300.0, {Cause.REMOVAL: ADA})


def test_the_causes_have_an_order_and_a_word_each() -> None:
    """Rule 32: removed, then maintenance, then drained, then back in rotation."""
    assert Cause.REMOVAL > Cause.MAINTENANCE > Cause.OPERATOR > Cause.SERVER_REQUEST > Cause.HEALTH
    assert len({cause.word for cause in Cause}) == len(Cause)


@given(st.lists(st.sampled_from(Cause), min_size=1))
def test_rule_32_the_strongest_cause_says_how_it_ends(causes: list[Cause]) -> None:
    joined = drain(cause=causes[0])
    for cause in causes[1:]:
        joined.join(cause, FILE, 300.0)
    assert joined.cause is max(causes)


@pytest.mark.parametrize(("joining", "holds"), [(100.0, 100.0), (900.0, 300.0), (NEVER, 300.0)])
def test_rule_28_of_two_causes_the_earlier_deadline_holds(joining: float, holds: float) -> None:
    unhealthy = drain(cause=Cause.HEALTH)
    unhealthy.join(Cause.REMOVAL, FILE, joining)
    assert (unhealthy.deadline, unhealthy.cause, unhealthy.state) == (holds, Cause.REMOVAL, State.RUNNING)


def test_rule_32_a_cause_that_joins_a_drain_without_deadline_gives_it_one() -> None:
    endless = drain(NEVER)
    endless.join(Cause.OPERATOR, FILE, 60.0)
    assert endless.deadline == 60.0


def test_rule_32_a_cause_joins_what_is_being_cut_and_does_not_stop_it() -> None:
    cutting = drain(cause=Cause.OPERATOR, state=State.CUTTING)
    cutting.join(Cause.REMOVAL, FILE, 900.0)
    assert (cutting.cause, cutting.state) == (Cause.REMOVAL, State.CUTTING)


@pytest.mark.parametrize("deadline", [10.0, 900.0, NEVER])
def test_rule_62_only_extend_makes_the_deadline_later_and_it_may_be_earlier(deadline: float) -> None:
    extended = drain()
    extended.extend(deadline)
    assert extended.deadline == deadline


@pytest.mark.parametrize("end", ENDS)
def test_what_has_ended_is_neither_joined_nor_extended(end: State) -> None:
    ended = drain(state=end)
    with pytest.raises(Refused):
        ended.join(Cause.OPERATOR, FILE, 1.0)
    with pytest.raises(Refused):
        ended.extend(1.0)
    assert (ended.deadline, ended.causes) == (300.0, {Cause.REMOVAL: ADA})


def test_rule_32_taking_one_of_two_causes_away_leaves_the_other_and_the_deadline() -> None:
    both = drain(cause=Cause.HEALTH)
    both.join(Cause.OPERATOR, FILE, 100.0)
    both.withdraw(Cause.OPERATOR)
    assert (both.state, both.causes, both.deadline) == (State.RUNNING, {Cause.HEALTH: ADA}, 100.0)


def test_rule_32_recovery_takes_away_only_the_cause_of_health() -> None:
    drained = drain(cause=Cause.OPERATOR)
    drained.withdraw(Cause.HEALTH)
    assert (drained.state, drained.causes) == (State.RUNNING, {Cause.OPERATOR: ADA})


def test_taking_the_last_cause_away_cancels_it_and_its_receipt_still_names_it() -> None:
    cancelled = drain(cause=Cause.OPERATOR)
    cancelled.withdraw(Cause.OPERATOR)
    assert cancelled.state is State.CANCELLED
    assert cancelled.receipt(Tally(live=3, total=10, cut=2), 5.0).cause == "operator"


@pytest.mark.parametrize(("now", "left"), [(0.0, 300.0), (299.5, 0.5), (300.0, 0.0), (301.0, 0.0)])
def test_the_time_left_is_never_below_zero(now: float, left: float) -> None:
    assert drain().left(now) == left


def test_a_drain_that_never_ends_by_time_has_for_ever() -> None:
    assert math.isinf(drain(NEVER).left(1e9))


def test_rule_64_the_receipt_tells_what_happened_since_the_start() -> None:
    ended = drain()
    ended.on(Event.EXPIRED)
    ended.on(Event.CLOSED)
    receipt = ended.receipt(Tally(live=0, total=10, cut=4, received=150, sent=1500), 300.0)
    assert (receipt.subject, receipt.cause, receipt.who, receipt.why) == (
        "app/ecs01#7",
        "deregistered",
        "ada",
        "kernel update",
    )
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (3, 1, 2, 0)
    assert (receipt.bytes_moved, receipt.outcome) == (550, "cut")


def test_rule_64_the_receipt_tells_how_requests_and_websockets_were_cut_since_the_start() -> None:
    """rules 6, 7 and 51"""
    drained = drain()
    drained.before = dataclasses.replace(drained.before, answered=10, truncated=20, closed=30, aborted=40)
    after = Tally(total=10, cut=12, answered=11, truncated=22, closed=33, aborted=44)
    receipt = drained.receipt(after, 300.0)
    assert (receipt.responses_5xx, receipt.responses_cut) == (1, 2)
    assert (receipt.tunnels_closed, receipt.tunnels_aborted) == (3, 4)
    assert receipt.cut == sum((1, 2, 3, 4))


def test_rule_64_requests_that_came_during_the_drain_of_a_listener_count_too() -> None:
    """rule 64: a client's own connection brings one more request (rule 71), and the receipt adds up."""
    receipt = drain().receipt(Tally(live=0, total=12, cut=4), 5.0)
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (5, 3, 2, 0)


def test_rule_64_the_receipt_is_in_the_name_of_the_strongest_cause() -> None:
    joined = drain(cause=Cause.HEALTH)
    joined.join(Cause.REMOVAL, Because("eve", "broken"), 300.0)
    receipt = joined.receipt(Tally(), 1.0)
    assert (receipt.cause, receipt.who, receipt.why) == ("deregistered", "eve", "broken")


def test_rule_80_the_times_of_a_receipt_are_the_start_and_what_the_monotonic_clock_measured() -> None:
    drained = drain(deadline=430.0, cause=Cause.OPERATOR)
    drained.started = 100.0
    receipt = drained.receipt(Tally(), 112.5)
    assert (receipt.start, receipt.end) == (1_700_000_000.0, 1_700_000_012.5)
    assert (receipt.deadline, receipt.seconds) == (1_700_000_330.0, 12.5)


def test_the_receipt_of_a_drain_without_deadline_has_none() -> None:
    assert math.isinf(drain(NEVER).receipt(Tally(), 12.5).deadline)


@given(st.integers(0, 1000), st.data())
def test_rule_64_connections_at_the_start_are_finished_and_cut_and_kept(
    live: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, live))
    kept = data.draw(st.integers(0, live - cut))
    earlier = data.draw(st.integers(0, 1000))
    drained = Drain(
        "app/a#1", Scope.registration(1), 0, 0, 1, Tally(live, cut=earlier), {Cause.REMOVAL: FILE}
    )
    receipt = drained.receipt(Tally(kept, cut=earlier + cut), 1)
    assert (receipt.finished, receipt.cut, receipt.kept) == (live - cut - kept, cut, kept)
    assert receipt.connections == receipt.finished + receipt.cut + receipt.kept


def test_rule_29_one_that_is_about_further_connections_counts_them_from_then_on() -> None:
    drained = drain()
    drained.widen(Scope.registration(7, 9), drained.before + Tally(live=2, total=2))
    assert drained.scope == Scope.registration(7, 9)
    receipt = drained.receipt(Tally(live=1, total=12, cut=2, received=100, sent=1000), 1.0)
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (5, 4, 0, 1)


def test_rule_64_one_that_is_about_less_goes_on_telling_what_it_was_about() -> None:
    drained = drain()
    drained.widen(Scope.registration(7, 9), drained.before + Tally(live=2, total=5, received=50))
    drained.narrow(9, Tally(live=1, total=6, cut=1, received=70))
    assert drained.scope == Scope.registration(7)
    receipt = drained.receipt(Tally(total=10, cut=3, received=110, sent=1000), 1.0)
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (6, 4, 2, 0)
    assert receipt.bytes_moved == 30
