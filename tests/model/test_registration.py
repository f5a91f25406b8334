"""Whether a registration may take new connections, told and asked by one list of conditions."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.plane import Member, Scope, Tally
from lbtwist.model.registration import Admin, Health, Membership, Registration


def registration(**facts: Any) -> Registration:
    return Registration(7, "app", "ecs01", Address("10.0.0.1", 80), **facts)


def drain(*causes: Cause) -> Drain:
    return Drain(
        "app/ecs01#7", Scope.registration(7), 0, 0, 300, Tally(), dict.fromkeys(causes, Because("a"))
    )


def test_is_shown_with_its_number() -> None:
    assert registration().label == "app/ecs01#7"
    assert registration().scope == Scope.registration(7)
    assert registration(weight=5).member == Member(7, "app/ecs01#7", Address("10.0.0.1", 80), 5)


def test_a_new_one_takes_connections_and_says_that_nobody_checks_it() -> None:
    new = registration()
    assert (new.takes_new, new.state, new.reason) == (True, "healthy", "no_health_check")
    assert registration(checked=True).reason == ""


@pytest.mark.parametrize(
    ("facts", "state", "reason"),
    [
        ({"weight": 0}, "healthy", "weight_zero"),
        ({"waits_for": {3}}, "initial", "rejoining"),
        ({"health": Health.FAILING}, "unhealthy", "failed_health_checks"),
        ({"admin": Admin.DRAIN}, "drained", "operator"),
        ({"admin": Admin.MAINT}, "maintenance", "operator"),
        ({"admin": Admin.DRAIN, "drain": drain(Cause.OPERATOR)}, "draining", "operator"),
        ({"drain": drain(Cause.SERVER_REQUEST)}, "draining", "server_requested"),
        (
            {"health": Health.FAILING, "drain": drain(Cause.HEALTH)},
            "unhealthy.draining",
            "failed_health_checks",
        ),
        ({"drain": drain(Cause.HEALTH)}, "unhealthy.draining", "latched"),
        ({"membership": Membership.LEAVING, "drain": drain(Cause.REMOVAL)}, "draining", "deregistered"),
        (
            {
                "membership": Membership.LEAVING,
                "health": Health.FAILING,
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
    assert registration(health=Health.UNKNOWN, checked=True).state == "initial"


@pytest.mark.parametrize(
    "facts",
    [
        dict(zip(("membership", "admin", "health", "drain", "waits_for", "weight"), values, strict=True))
        for values in itertools.product(
            Membership, Admin, Health, [None, drain(Cause.HEALTH)], [set(), {3}], [0, 100]
        )
    ],
)
def test_it_takes_new_connections_when_every_condition_that_is_told_holds(facts: dict[str, Any]) -> None:
    each = registration(**facts)
    told = list(each.conditions())
    assert each.takes_new == all(condition.holds for condition in told)
    assert all(bool(condition.reason) != condition.holds for condition in told)
    assert each.reason == next((c.reason for c in told if not c.holds), "no_health_check")


def test_the_conditions_are_told_with_their_values() -> None:
    each = registration(weight=5, waits_for={4, 3}, drain=drain(Cause.OPERATOR))
    assert {condition.name: condition.value for condition in each.conditions()} == {
        "membership": "registered",
        "admin": "ready",
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


@pytest.mark.parametrize(("health", "takes_new"), [(Health.PASSING, True), (Health.FAILING, False)])
def test_rule_25_when_its_drain_is_over_the_other_facts_say_what_it_is(
    health: Health, takes_new: bool
) -> None:
    latched = registration(health=health, drain=drain(Cause.HEALTH))
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
