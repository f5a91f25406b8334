"""What follows from health checks that fail and pass: rules 20 to 28."""

from __future__ import annotations

import pytest

from lbtwist.model.config import Recovery
from lbtwist.model.drain import Cause
from lbtwist.model.registration import Origin
from tests.service.bench import ADA, House, group_settings
from tests.service.world import FAILS, OWN_FAULT, PASSES

CHECKS = "interval = 5\nhealthy_threshold = 2\nunhealthy_threshold = 3"


def checked(draining: str = "") -> House:
    """A group of two servers that have passed their first check."""
    house = House(group_settings([1, 2], draining, CHECKS))
    house.first_checks()
    return house


@pytest.fixture
def house() -> House:
    return checked()


# Rule 20.


def test_rule_20_nothing_new_goes_to_a_server_that_fails_and_what_is_in_flight_goes_on(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    assert (house.rotation, connection.live) == ([2], True)
    assert (house[1].state, house[1].reason) == ("unhealthy.draining", "failed_health_checks")


def test_rule_20_it_fails_when_enough_checks_have_failed_in_a_row(house: House) -> None:
    house.check(1, FAILS, 2)
    house.check(1, PASSES)
    house.check(1, FAILS, 2)
    assert house.rotation == [1, 2]
    house.check(1, FAILS)
    assert house.rotation == [2]


def test_rule_20_it_passes_when_enough_checks_have_passed_in_a_row(house: House) -> None:
    house.fails(1)
    house.check(1, PASSES)
    house.check(1, FAILS)
    house.check(1, PASSES)
    assert house.rotation == [2]
    house.check(1, PASSES)
    assert (house.rotation, house[1].state) == ([1, 2], "healthy")


def test_a_check_that_fails_for_a_fault_of_our_own_says_nothing(house: House) -> None:
    house.check(1, FAILS, 2)
    house.check(1, OWN_FAULT, 9)
    assert house.rotation == [1, 2]
    house.check(1, FAILS)
    assert house.rotation == [2]


# Rules 21 and 22: each form of on_unhealthy.


@pytest.mark.parametrize(
    ("draining", "left"),
    [
        ("", 300.0),
        ("timeout = 7", 7.0),
        ('on_unhealthy = "same"\ntimeout = 7', 7.0),
        ("on_unhealthy = 9", 9.0),
        ("on_unhealthy = 9\ntimeout = 0", 9.0),
        ('on_unhealthy = 9\ntimeout = "never"', 9.0),
    ],
)
def test_rule_22_with_draining_on_it_is_cut_at_the_deadline(draining: str, left: float) -> None:
    house = checked(draining)
    (connection,) = house.connections(1)
    house.fails(1)
    (running,) = house.drains
    assert (running.left(), running.drain.cause.word) == (left, "failed_health_checks")
    house.clock.advance(left - 0.1)
    assert connection.live
    house.clock.advance(0.1)
    assert (connection.live, house[1].state, house.timers) == (False, "unhealthy", 0)
    (receipt,) = house.drains.receipts
    assert (receipt.outcome, receipt.cut, receipt.why) == ("cut", 1, FAILS.reason)


@pytest.mark.parametrize(
    "draining",
    [
        "timeout = 0",
        'timeout = "never"',
        'on_unhealthy = "never"',
        'on_unhealthy = "never"\ntimeout = 5',
        'on_unhealthy = "same"\ntimeout = 0',
    ],
)
def test_rule_21_with_draining_off_nothing_is_cut_until_it_passes_again(draining: str) -> None:
    house = checked(draining)
    (connection,) = house.connections(1)
    house.fails(1)
    assert (house[1].state, list(house.drains), house.rotation) == ("unhealthy", [], [2])
    house.clock.advance(1e6)
    assert connection.live
    house.passes(1)
    assert (connection.live, house.rotation, house[1].state) == (True, [1, 2], "healthy")


def test_rule_22_an_explicit_zero_cuts_at_once() -> None:
    house = checked("on_unhealthy = 0")
    (mine,), (its,) = house.connections(1), house.connections(2)
    house.fails(1)
    assert (mine.live, its.live, house[1].state, house.timers) == (False, True, "unhealthy", 0)


# Rule 23.


@pytest.mark.parametrize("edit", ["timeout = 5", "on_unhealthy = 0", 'timeout = "never"'])
def test_rule_23_an_edit_during_the_drain_does_not_change_it(house: House, edit: str) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.clock.advance(100)
    house.reconfigure(group_settings([1, 2], edit, "interval = 9"))
    house.group.weigh(house[1], 5)
    (running,) = house.drains
    assert (house[1].state, running.left(), connection.live) == ("unhealthy.draining", 200.0, True)
    house.clock.advance(200)
    assert not connection.live


@pytest.mark.parametrize("began", Recovery)
def test_rule_23_a_drain_that_began_latched_or_not_stays_so(began: Recovery) -> None:
    other = next(each for each in Recovery if each is not began)
    house = checked(f'recovery = "{began}"')
    (connection,) = house.connections(1)
    house.fails(1)
    house.group.reconfigure(group_settings([1, 2], f'recovery = "{other}"', CHECKS))
    house.passes(1)
    house.clock.advance(300)
    assert connection.live is (began is Recovery.RESUME)


def test_rule_23_one_that_fails_again_during_its_drain_is_as_latched_as_it_was(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.group.reconfigure(group_settings([1, 2], 'recovery = "resume"', CHECKS))
    for _ in range(2):
        house.passes(1)
        house.fails(1)
    house.passes(1)
    house.clock.advance(300)
    assert (connection.live, house.outcomes) == (False, [("app/s1#1", "cut")])


def test_rule_23_without_checks_any_more_the_drain_goes_on_to_its_end(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.group.reconfigure(group_settings([1, 2]))
    assert house.rotation == [2]
    house.clock.advance(300)
    assert (connection.live, house.rotation, house[1].reason) == (False, [1, 2], "no_health_check")


# Rules 24 and 25.


def test_rule_24_latched_it_is_cut_though_it_passes_and_takes_nothing_new_until_then(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.passes(1)
    assert (house.rotation, house[1].state, house[1].reason) == ([2], "unhealthy.draining", "latched")
    house.clock.advance(299.9)
    assert (connection.live, house.rotation) == (True, [2])
    house.clock.advance(0.1)
    assert (connection.live, house.rotation, house[1].state) == (False, [1, 2], "healthy")


def test_rule_24_latched_it_is_back_as_soon_as_the_last_connection_has_ended(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.passes(1)
    connection.end()
    assert (house.rotation, house.outcomes) == ([1, 2], [("app/s1#1", "completed")])


def test_rule_24_resumed_it_is_healthy_when_it_passes_and_nothing_is_cut() -> None:
    house = checked('recovery = "resume"')
    (connection,) = house.connections(1)
    house.fails(1)
    house.check(1, PASSES)
    assert house.rotation == [2]
    house.check(1, PASSES)
    assert (house.rotation, house[1].state, house.timers) == ([1, 2], "healthy", 0)
    assert house.outcomes == [("app/s1#1", "cancelled")]
    house.clock.advance(1000)
    assert connection.live


def test_rule_24_what_is_being_cut_is_not_resumed() -> None:
    house = checked('recovery = "resume"')
    house.plane.linger = True
    (connection,) = house.connections(1)
    house.fails(1)
    house.clock.advance(300)
    house.passes(1)
    assert house.rotation == [2]
    connection.end()
    assert (house.rotation, house.outcomes) == ([1, 2], [("app/s1#1", "cut")])


@pytest.mark.parametrize("passes", [False, True])
def test_rule_25_when_the_drain_is_over_one_that_passes_is_back_and_one_that_fails_is_not(
    house: House, passes: bool
) -> None:
    house.connections(1)
    house.fails(1)
    if passes:
        house.passes(1)
    house.clock.advance(300)
    assert (house.rotation, house[1].state) == (([1, 2], "healthy") if passes else ([2], "unhealthy"))
    house.passes(1)
    assert house.rotation == [1, 2]


def test_rule_24_one_that_fails_again_while_it_is_latched_keeps_its_deadline(house: House) -> None:
    house.connections(1)
    house.fails(1)
    house.clock.advance(100)
    house.passes(1)
    house.fails(1)
    (running,) = house.drains
    assert running.left() == 200.0


# Rule 26.


def test_rule_26_a_failure_right_after_other_settings_drains_nothing(house: House) -> None:
    (connection,) = house.connections(1)
    house.group.reconfigure(group_settings([1, 2], "", CHECKS + "\ntype = 'http'\npath = '/wrong'"))
    house.fails(1)
    assert (house[1].state, house.rotation, list(house.drains)) == ("unhealthy", [2], [])
    house.clock.advance(1e6)
    assert connection.live


def test_rule_26_a_failure_right_after_servers_are_sent_another_header_drains_nothing(house: House) -> None:
    (connection,) = house.connections(1)
    house.group.reconfigure(group_settings([1, 2], "", CHECKS, send_proxy=2))
    house.fails(1)
    assert (house[1].state, list(house.drains)) == ("unhealthy", [])
    house.clock.advance(1e6)
    assert connection.live


def test_rule_26_once_it_has_passed_under_them_a_failure_is_its_own(house: House) -> None:
    (connection,) = house.connections(1)
    house.group.reconfigure(group_settings([1, 2], "", CHECKS + "\ntype = 'http'\npath = '/right'"))
    house.check(1, PASSES)
    house.fails(1)
    assert house[1].state == "unhealthy.draining"
    house.clock.advance(300)
    assert not connection.live


def test_rule_26_checks_that_are_new_in_a_group_drain_nothing_either() -> None:
    house = House()
    (connection,) = house.connections(1)
    house.group.reconfigure(group_settings([1, 2], "", CHECKS))
    assert house.rotation == [1, 2]
    house.fails(1)
    assert (house[1].state, list(house.drains), connection.live) == ("unhealthy", [], True)


def test_rule_26_settings_of_something_else_change_nothing_about_it(house: House) -> None:
    house.connections(1)
    house.check(1, FAILS, 2)
    house.group.reconfigure(group_settings([1, 2], "timeout = 20", CHECKS, retries=0))
    house.check(1, FAILS)
    (running,) = house.drains
    assert running.left() == 20.0


# Rules 27 and 28.


def test_rule_27_a_server_without_connections_is_unhealthy_at_once_and_back_as_soon_as_it_passes(
    house: House,
) -> None:
    house.fails(1)
    assert (house[1].state, house.timers, house.outcomes) == ("unhealthy", 0, [])
    house.passes(1)
    assert (house[1].state, house.rotation) == ("healthy", [1, 2])


@pytest.mark.parametrize(("timeout", "left"), [(10.0, 10.0), (900.0, 200.0), (None, 200.0)])
def test_rule_28_one_that_is_removed_then_keeps_the_earlier_deadline(
    house: House, timeout: float | None, left: float
) -> None:
    house.connections(1)
    house.fails(1)
    house.clock.advance(100)
    (running,) = house.remove(1, timeout=timeout)
    assert (running.left(), house.timers, house[1].state) == (left, 1, "draining")
    house.clock.advance(left)
    assert house.group.members.get(1) is None
    (receipt,) = house.drains.receipts
    assert receipt.cause == "deregistered"


# Rule 17: the other way round.


@pytest.mark.parametrize("passes_again", [False, True])
def test_rule_17_checks_change_nothing_in_a_removal_drain(passes_again: bool) -> None:
    house = checked('recovery = "resume"')
    (connection,) = house.connections(1)
    (running,) = house.remove(1)
    house.clock.advance(100)
    house.fails(1)
    if passes_again:
        house.passes(1)
    assert (running.left(), set(running.drain.causes)) == (200.0, {Cause.REMOVAL})
    house.clock.advance(200)
    assert (connection.live, house.group.members.get(1)) == (False, None)


def test_rule_62_a_removal_that_is_undone_leaves_it_as_healthy_as_it_is(house: House) -> None:
    house.connections(1)
    house.group.remove([house[1]], ADA, Origin.VERB)
    house.fails(1)
    house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].state) == ([2], "unhealthy")
    house.passes(1)
    assert house.rotation == [1, 2]


def test_a_group_that_stops_checks_nobody_and_its_drains_go_on(house: House) -> None:
    (connection,) = house.connections(1)
    house.fails(1)
    house.group.stopService()
    assert house.checking.getDelayedCalls() == []
    house.clock.advance(300)
    assert not connection.live
