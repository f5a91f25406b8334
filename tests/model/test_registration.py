"""Whether a registration may take new connections, told and asked by one list of conditions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.health import Health, HealthRecord
from lbtwist.model.plane import Member, Scope, Tally
from lbtwist.model.registration import Admin, Membership, Registration

PASSING, FAILING = HealthRecord(Health.PASSING), HealthRecord(Health.FAILING)
NO_CHECK = "no_health_check"


def registration(**facts: Any) -> Registration:
    return Registration(7, "app", "ecs01", Address("10.0.0.1", 80), **facts)


def drain(*causes: Cause) -> Drain:
    return Drain(
        "app/ecs01#7", Scope.registration(7), 0, 0, 300, Tally(), dict.fromkeys(causes, Because("a"))
    )


FACTS: dict[str, list[Any]] = {
    "membership": list(Membership),
    "admin": [Admin.READY, Admin.MAINT],
    "requested": [False, True],
    "unresolved": [False, True],
    "record": [None, FAILING],
    "drain": [None, drain(Cause.HEALTH)],
    "waits_for": [set(), {3}],
    "weight": [0, 100],
}


def test_is_shown_with_its_number() -> None:
    assert registration().label == "app/ecs01#7"
    assert registration().scope == registration().key == Scope.registration(7)


def test_the_data_plane_is_told_its_share_and_its_limit() -> None:
    each = registration(weight=5, ramp=10, max_connections=3)
    assert each.member == Member(7, "app/ecs01#7", Address("10.0.0.1", 80), 5, 10, 3)


@pytest.mark.parametrize(
    ("fact", "value", "then"),
    [
        ("seats", [7, 12], Member(12, "app/ecs01#7", Address("10.0.0.1", 80), 100)),
        ("name", "other", Member(7, "app/other#7", Address("10.0.0.1", 80), 100)),
        ("weight", 5, Member(7, "app/ecs01#7", Address("10.0.0.1", 80), 5)),
        ("ramp", 10, Member(7, "app/ecs01#7", Address("10.0.0.1", 80), 100, 10)),
        ("max_connections", 3, Member(7, "app/ecs01#7", Address("10.0.0.1", 80), 100, 100, 3)),
    ],
)
def test_the_data_plane_is_told_another_member_only_when_something_of_it_has_changed(
    fact: str, value: Any, then: Member
) -> None:
    """Of thousands those that are the same object need no comparison."""
    each = registration()
    before = each.member
    assert each.member is before
    setattr(each, fact, value)
    assert each.member == then
    assert each.tied(b"0123") == replace(then, cookie=b"0123")


def test_rule_29_a_further_seat_gets_the_new_connections_and_all_seats_are_its_scope() -> None:
    each = registration(seats=[7, 12])
    assert (each.member.number, each.scope) == (12, Scope.registration(7, 12))
    assert (each.key, each.label) == (Scope.registration(7), "app/ecs01#7")


def test_a_new_one_takes_connections_and_says_that_nobody_checks_it() -> None:
    new = registration()
    assert (new.takes_new, new.state, new.reason) == (True, "healthy", "no_health_check")
    assert registration(record=PASSING).reason == ""


def test_one_that_starts_slowly_takes_connections_and_says_so() -> None:
    slow = registration(ramp=10)
    assert (slow.takes_new, slow.starting, slow.reason) == (True, True, "slow_start")


@pytest.mark.parametrize(
    ("facts", "state", "reason"),
    [
        ({"weight": 0}, "healthy", "weight_zero"),
        ({"waits_for": {3}}, "initial", "rejoining"),
        ({"record": FAILING}, "unhealthy", "failed_health_checks"),
        ({"admin": Admin.DRAIN}, "drained", "operator"),
        ({"admin": Admin.MAINT}, "maintenance", "maintenance"),
        ({"requested": True}, "drained", "server_requested"),
        ({"unresolved": True}, "unhealthy", "name_not_resolved"),
        ({"admin": Admin.DRAIN, "drain": drain(Cause.OPERATOR)}, "draining", "operator"),
        ({"drain": drain(Cause.SERVER_REQUEST)}, "draining", "server_requested"),
        (
            {"record": FAILING, "drain": drain(Cause.HEALTH)},
            "unhealthy.draining",
            "failed_health_checks",
        ),
        ({"drain": drain(Cause.HEALTH)}, "unhealthy.draining", "latched"),
        ({"membership": Membership.LEAVING, "drain": drain(Cause.REMOVAL)}, "draining", "deregistered"),
        (
            {
                "membership": Membership.LEAVING,
                "record": FAILING,
                "drain": drain(Cause.HEALTH, Cause.REMOVAL),
            },
            "draining",
            "deregistered",
        ),
        ({"membership": Membership.GONE}, "gone", "deregistered"),
    ],
)
def test_each_fact_that_holds_it_back_has_its_state_and_its_reason(
    facts: dict[str, Any], state: str, reason: str
) -> None:
    held_back = registration(**facts)
    assert (held_back.takes_new, held_back.state, held_back.reason) == (False, state, reason)


def test_one_that_was_not_checked_yet_is_initial() -> None:
    assert registration(record=HealthRecord()).state == "initial"


def test_it_takes_new_connections_when_every_condition_that_is_told_holds() -> None:
    for values in itertools.product(*FACTS.values()):
        each = registration(**dict(zip(FACTS, values, strict=True)))
        told = list(each.conditions())
        assert each.takes_new == all(condition.holds for condition in told)
        assert all(bool(condition.reason) != condition.holds for condition in told)
        assert each.reason == next((c.reason for c in told if not c.holds), "" if each.record else NO_CHECK)


def test_it_may_be_asked_whether_anything_but_some_conditions_holds_it_back() -> None:
    for values in itertools.product(*FACTS.values()):
        each = registration(**dict(zip(FACTS, values, strict=True)))
        told = list(each.conditions())
        for condition in told:
            others = [other for other in told if other is not condition]
            assert each.takes_new_but_for(condition.name) == all(other.holds for other in others)


def test_the_conditions_are_told_with_their_values() -> None:
    each = registration(weight=5, waits_for={4, 3}, drain=drain(Cause.OPERATOR))
    assert {condition.name: condition.value for condition in each.conditions()} == {
        "membership": "registered",
        "admin": "ready",
        "request": "none",
        "name": "resolved",
        "health": "passing",
        "drain": "operator",
        "holds": "the drain of #3, #4",
        "weight": "5",
    }
    assert {c.value for c in registration().conditions() if c.name in ("drain", "holds")} == {"none"}


def test_when_its_drain_is_over_one_that_leaves_is_gone() -> None:
    leaving = registration(membership=Membership.LEAVING, drain=drain(Cause.REMOVAL))
    leaving.concluded()
    assert (leaving.membership, leaving.drain, leaving.state) == (Membership.GONE, None, "gone")


@pytest.mark.parametrize(("record", "takes_new"), [(PASSING, True), (FAILING, False)])
def test_rule_25_when_its_drain_is_over_the_other_facts_say_what_it_is(
    record: HealthRecord, takes_new: bool
) -> None:
    latched = registration(record=record, drain=drain(Cause.HEALTH))
    latched.concluded()
    assert latched.takes_new is takes_new
    assert latched.registered


def test_rule_60_when_its_drain_is_over_one_that_the_operator_drained_is_drained() -> None:
    drained = registration(admin=Admin.DRAIN, drain=drain(Cause.OPERATOR))
    drained.concluded()
    assert (drained.state, drained.registered, drained.takes_new) == ("drained", True, False)


def test_rule_61_when_its_drain_is_over_one_in_maintenance_is_in_maintenance() -> None:
    maintained = registration(admin=Admin.MAINT, drain=drain(Cause.MAINTENANCE))
    assert maintained.state == "draining"
    maintained.concluded()
    assert maintained.state == "maintenance"
