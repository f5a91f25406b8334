"""Rule 32: a registration has one drain, whatever causes join it; the strongest says how it ends."""

from __future__ import annotations

import itertools

import pytest

from lbtwist.model.drain import Because, Cause
from lbtwist.model.registration import Admin, Origin
from tests.service.bench import ADA, House, group_settings
from tests.service.world import ASKS, PASSES, REFUSED

TIMEOUTS = {Cause.HEALTH: 60.0, Cause.SERVER_REQUEST: 300.0}
"""What the settings say; the operator's are given with the verb."""
ENDS = {
    Cause.HEALTH: "unhealthy",
    Cause.SERVER_REQUEST: "drained",
    Cause.OPERATOR: "drained",
    Cause.MAINTENANCE: "maintenance",
    Cause.REMOVAL: "gone",
}
CAUSES = tuple(ENDS)
PAIRS = [
    pair
    for pair in itertools.permutations(CAUSES, 2)
    # What is being removed is not drained, nor asked about its health, any more.
    if pair[0] is not Cause.REMOVAL
]


@pytest.fixture
def house() -> House:
    checks = 'type = "http"\ndrain_header = "x-drain"\nunhealthy_threshold = 1\nhealthy_threshold = 1'
    house = House(group_settings([1, 2], "on_unhealthy = 60", checks))
    house.first_checks()
    return house


def cause(house: House, why: Cause, timeout: float | None = None) -> None:
    """It happens to the first server."""
    match why:
        case Cause.HEALTH:
            house.check(1, REFUSED)
        case Cause.SERVER_REQUEST:
            house.check(1, ASKS)
        case Cause.OPERATOR:
            house.group.drain([house[1]], ADA, timeout)
        case Cause.MAINTENANCE:
            house.group.drain([house[1]], ADA, timeout, Admin.MAINT)
        case _:
            house.group.remove([house[1]], ADA, Origin.VERB, timeout)


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("timeout", [20.0, 1000.0])
def test_rule_32_a_further_cause_joins_and_the_earlier_deadline_holds(
    house: House, first: Cause, second: Cause, timeout: float
) -> None:
    house.connections(1)
    cause(house, first, 250.0)
    (running,) = house.drains
    lasts = TIMEOUTS.get(first, 250.0)
    assert running.left() == lasts
    house.clock.advance(10)
    cause(house, second, timeout)
    assert (list(house.drains), house.timers) == ([running], 1)
    assert running.left() == min(lasts - 10, TIMEOUTS.get(second, timeout))
    assert set(running.drain.causes) == {first, second}


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("cut", [False, True])
def test_rule_32_it_ends_as_the_strongest_cause_says(
    house: House, first: Cause, second: Cause, cut: bool
) -> None:
    (connection,) = house.connections(1)
    server = house[1]
    cause(house, first)
    cause(house, second)
    if cut:
        house.clock.advance(300)
    else:
        connection.end()
    strongest = max(first, second)
    assert (server.state, house.rotation, house.timers) == (ENDS[strongest], [2], 0)
    (receipt,) = house.drains.receipts
    assert (receipt.cause, receipt.cut, receipt.finished) == (strongest.word, int(cut), int(not cut))


@pytest.mark.parametrize("other", [Cause.OPERATOR, Cause.MAINTENANCE, Cause.SERVER_REQUEST])
def test_rule_32_recovery_takes_away_only_the_cause_of_health(other: Cause) -> None:
    checks = 'type = "http"\ndrain_header = "x-drain"\nunhealthy_threshold = 1\nhealthy_threshold = 1'
    house = House(group_settings([1, 2], 'recovery = "resume"', checks))
    house.first_checks()
    house.connections(1)
    house.fails(1)
    cause(house, other)
    house.check(1, ASKS if other is Cause.SERVER_REQUEST else PASSES)
    (running,) = house.drains
    assert (set(running.drain.causes), house.rotation) == ({other}, [2])


@pytest.mark.parametrize("other", [Cause.HEALTH, Cause.SERVER_REQUEST])
def test_rule_32_ready_takes_away_only_the_operators(house: House, other: Cause) -> None:
    house.connections(1)
    cause(house, other)
    cause(house, Cause.OPERATOR, 20.0)
    house.group.ready(house[1], ADA)
    (running,) = house.drains
    assert (set(running.drain.causes), running.left(), house.rotation) == ({other}, 20.0, [2])


@pytest.mark.parametrize(("first", "second"), [(Cause.HEALTH, Cause.SERVER_REQUEST)])
def test_rule_32_what_the_server_asked_for_ends_and_its_latched_drain_goes_on(
    house: House, first: Cause, second: Cause
) -> None:
    (connection,) = house.connections(1)
    cause(house, first)
    cause(house, second)
    house.check(1, PASSES)
    (running,) = house.drains
    assert (set(running.drain.causes), house[1].state) == ({first}, "unhealthy.draining")
    connection.end()
    assert house.rotation == [1, 2]


def test_rule_32_all_five_are_one_drain(house: House) -> None:
    house.connections(1)
    for each in CAUSES:
        cause(house, each, 100.0)
    (running,) = house.drains
    assert (len(running.drain.causes), running.left(), house.timers) == (5, 60.0, 1)
    assert running.drain.cause is Cause.REMOVAL


# Maintenance: rule 61.


def maintain(house: House, until: float | None = None) -> None:
    house.group.drain([house[1]], ADA, None, Admin.MAINT, until)


def test_rule_32_a_drain_that_joins_maintenance_does_not_end_it(house: House) -> None:
    (connection,) = house.connections(1)
    maintain(house)
    house.drain(1)
    assert house[1].admin is Admin.MAINT
    connection.end()
    assert house[1].state == "maintenance"


def test_rule_61_one_in_maintenance_that_is_drained_is_checked_again(house: House) -> None:
    maintain(house)
    assert (house[1].state, house.group.health.fresh(house[1])) == ("maintenance", None)
    house.drain(1)
    assert (house[1].state, house[1].health.value) == ("drained", "unknown")
    house.world.servers.held.add(house[1].address)
    house.checking.advance(0)
    house.group.ready(house[1], ADA)
    assert (house[1].state, house.rotation) == ("initial", [2])
    house.world.servers.answer(house[1].address, PASSES)
    assert house.rotation == [1, 2]


def test_rule_61_what_was_known_before_maintenance_says_nothing_afterwards(house: House) -> None:
    house.fails(1)
    maintain(house)
    house.group.ready(house[1], ADA)
    assert (house[1].state, house[1].record) != ("unhealthy", None)
    assert house[1].state == "initial"


def test_rule_61_ready_while_it_drains_leaves_its_health_as_it_is(house: House) -> None:
    (connection,) = house.connections(1)
    maintain(house)
    house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].state, connection.live) == ([1, 2], "healthy", True)


def test_rule_61_a_group_without_checks_has_maintenance_too() -> None:
    house = House()
    maintain(house)
    assert (house[1].state, house.rotation) == ("maintenance", [2])
    house.group.ready(house[1], ADA)
    assert (house[1].state, house.rotation) == ("healthy", [1, 2])


def test_rule_61_with_an_end_it_comes_back_by_itself_and_is_checked(house: House) -> None:
    maintain(house, until=60.0)
    house.clock.advance(59.9)
    assert house[1].state == "maintenance"
    house.clock.advance(0.1)
    assert (house[1].state, house.timers, house[1].until) == ("initial", 0, None)
    assert house[1].because == Because("maint --for")
    house.checking.advance(0)
    assert house.rotation == [1, 2]


def test_rule_61_with_an_end_before_the_drains_it_comes_back_with_its_connections(house: House) -> None:
    (connection,) = house.connections(1)
    maintain(house, until=60.0)
    house.clock.advance(60)
    assert (house.rotation, connection.live, house.timers) == ([1, 2], True, 0)
    assert house.outcomes == [("app/s1#1", "cancelled")]


def test_rule_61_a_group_that_stops_brings_nobody_back(house: House) -> None:
    maintain(house, until=60.0)
    house.group.stopService()
    assert house.timers == 0


def test_rule_66_one_in_maintenance_is_not_counted_as_left(house: House) -> None:
    maintain(house)
    assert house.group.members.left_without([]) == 1
