"""Rule 29: what becomes of new connections when no server may take any by the rules."""

from __future__ import annotations

import pytest

from lbtwist.model.plane import Scope
from lbtwist.model.registration import Admin
from tests.net.bench import Observer
from tests.service.bench import ADA, House, group_settings
from tests.service.fakes import FakeConnection
from tests.service.world import FAILS, PASSES

CHECKS = "healthy_threshold = 3\nunhealthy_threshold = 1"


def checked(draining: str = "", fail_open: str = "recovered") -> House:
    """A group of two servers that have passed their first check."""
    house = House(group_settings([1, 2], draining, CHECKS, fail_open=fail_open))
    house.first_checks()
    return house


def seats(house: House) -> list[tuple[int, int]]:
    """Who is in rotation, and the seat its new connections get."""
    members = house.plane.rotations["app"].members
    owners = [house.group.members.seated(member.number) for member in members]
    return [(owner.number, member.number) for owner, member in zip(owners, members, strict=True) if owner]


def client(house: House) -> FakeConnection:
    """A client comes, and is given to a server."""
    connection = house.plane.connect("app")
    assert connection is not None
    return connection


# Who is used.


def test_rule_29_recovered_those_that_only_a_latched_drain_holds_back_are_used() -> None:
    house = checked()
    house.connections(1)
    house.fails(1, 2)
    assert (house.rotation, house.group.choice.fail_open) == ([], False)
    house.passes(1)
    assert ([number for number, _ in seats(house)], house.group.choice.fail_open) == ([1], True)


def test_rule_29_recovered_those_that_only_the_threshold_holds_back_are_used() -> None:
    house = checked()
    house.fails(1, 2)
    house.check(2, PASSES)
    assert (house.rotation, house[2].state) == ([2], "unhealthy")
    house.check(2, FAILS)
    assert house.rotation == []
    house.check(2, PASSES, 3)
    assert (house.rotation, house.group.choice.fail_open) == ([2], False)


def test_rule_29_all_also_those_that_fail_are_used() -> None:
    house = checked(fail_open="all")
    house.fails(1)
    assert house.rotation == [2]
    house.fails(2)
    assert (house.rotation, house.group.choice.fail_open) == ([1, 2], True)


def test_rule_29_never_none_is_used() -> None:
    house = checked(fail_open="never")
    house.connections(1)
    house.fails(1, 2)
    house.check(1, PASSES, 2)
    assert house.rotation == []
    house.check(1, PASSES)
    assert (house.rotation, house[1].reason) == ([], "latched")


def test_rule_29_with_one_that_may_by_the_rules_nobody_else_is_used() -> None:
    house = checked(fail_open="all")
    house.connections(1)
    house.fails(1)
    house.passes(1)
    assert (house.rotation, house.group.choice.fail_open) == ([2], False)


@pytest.mark.parametrize("fail_open", ["recovered", "all"])
def test_rule_29_leaving_drained_and_maintenance_servers_are_never_used(fail_open: str) -> None:
    house = House(group_settings([1, 2, 3, 4], "", CHECKS, fail_open=fail_open))
    house.first_checks()
    for number in (1, 2, 3, 4):
        house.connections(number)
    house.fails(4)
    house.remove(1)
    house.drain(2)
    house.group.drain([house[3]], ADA, admin=Admin.MAINT)
    house.passes(4)
    assert [number for number, _ in seats(house)] == [4]
    house.group.weigh(house[4], 0)
    assert house.rotation == []
    house.clock.advance(300)
    assert house.rotation == []


# What is accepted meanwhile.


def test_rule_29_what_is_accepted_does_not_belong_to_the_running_drain() -> None:
    house = checked()
    (old,) = house.connections(1)
    house.fails(1, 2)
    house.passes(1)
    ((_, seat),) = seats(house)
    new = client(house)
    assert (new.member.number, new.member.label) == (seat, "app/s1#1")
    assert seat not in (1, 2)
    (running,) = house.drains
    assert running.live() == 1
    house.clock.advance(300)
    assert (old.live, new.live) == (False, True)
    house.clock.advance(1e4)
    assert new.live
    (receipt,) = house.drains.receipts
    assert (receipt.connections, receipt.finished, receipt.cut, receipt.kept) == (1, 0, 1, 0)


def test_rule_29_with_all_the_server_whose_drain_begins_has_a_new_seat_at_once() -> None:
    """Not when its next check comes: until then its new connections would belong to the drain."""
    house = checked(fail_open="all")
    house.fails(2)
    (old,) = house.connections(1)
    house.fails(1)
    assert 1 not in house.rotation
    new = [client(house) for _ in range(4)]
    house.clock.advance(300)
    assert (old.live, [connection.live for connection in new]) == (False, [True] * 4)


def test_rule_29_its_connections_are_the_servers_all_the_same() -> None:
    house = checked()
    house.connections(1)
    house.fails(1, 2)
    house.passes(1)
    client(house)
    assert house.plane.tally(house[1].scope).live == 2
    house.clock.advance(300)
    assert (house.plane.tally(house[1].scope).live, house[1].state) == (1, "healthy")
    (running,) = house.remove(1)
    assert running.live() == 1


def test_rule_29_the_seat_that_is_empty_is_given_up_and_what_it_counted_is_kept() -> None:
    house = checked()
    (old,) = house.connections(1)
    old.move(10, 200)
    house.plane.observe(Observer())
    house.plane.fail(old.member, "reset")
    house.fails(1, 2)
    house.passes(1)
    ((_, seat),) = seats(house)
    house.clock.advance(300)
    assert (house.plane.forgotten, house[1].seats, house[1].scope) == ([1], [seat], Scope.registration(seat))
    assert (house[1].past.total, house[1].past.cut, house[1].past.moved) == (1, 1, 210)
    assert (house[1].past.failed, house[1].past_failures) == (1, {"reset": 1})
    assert (house[1].label, house.rotation) == ("app/s1#1", [seat])


def test_rule_29_a_drain_that_is_cancelled_leaves_its_connections_in_their_seats() -> None:
    house = checked('recovery = "resume"')
    (old,) = house.connections(1)
    house.fails(1, 2)
    house.check(1, PASSES)
    new = client(house)
    house.check(1, PASSES, 2)
    assert (house.outcomes, house[1].state) == ([("app/s1#1", "cancelled")], "healthy")
    assert house.plane.tally(house[1].scope).live == 2
    house.fails(1)
    (running,) = house.drains
    assert running.live() == 2
    house.clock.advance(300)
    assert (old.live, new.live) == (False, False)
    (_, receipt) = house.drains.receipts
    assert (receipt.connections, receipt.cut) == (2, 2)


def test_rule_29_seats_do_not_grow_with_each_drain_that_is_resumed() -> None:
    house = checked('recovery = "resume"')
    house.connections(1)
    for _ in range(20):
        house.fails(1, 2)
        house.check(1, PASSES)
        new = client(house)
        house.passes(1)
        new.end()
    assert len(house[1].seats) <= 3
    assert house.plane.tally(house[1].scope).live == 1
    assert house.plane.tally(house[1].scope).total + house[1].past.total == 21


def test_rules_29_and_32_an_operators_drain_that_joins_takes_in_what_was_accepted_meanwhile() -> None:
    house = checked()
    (old,) = house.connections(1)
    house.fails(1, 2)
    house.passes(1)
    new = client(house)
    (running,) = house.drain(1, timeout=50.0)
    assert (house.rotation, running.live()) == ([], 2)
    house.clock.advance(50)
    assert (old.live, new.live, house[1].state) == (False, False, "drained")
    (receipt,) = house.drains.receipts
    assert (receipt.connections, receipt.cut) == (2, 2)


def test_rule_4_one_that_is_removed_is_gone_with_the_last_of_both() -> None:
    house = checked()
    (old,) = house.connections(1)
    house.fails(1, 2)
    house.passes(1)
    new = client(house)
    ((_, seat),) = seats(house)
    house.remove(1)
    old.end()
    assert house.group.members.get(1) is not None
    new.end()
    assert (house.group.members.get(1), set(house.plane.forgotten)) == (None, {1, seat})


# Told.


def test_rule_29_entering_and_leaving_is_told_once(logged: list[str]) -> None:
    house = checked(fail_open="all")
    house.fails(1, 2)
    house.check(1, FAILS, 3)
    house.check(2, FAILS, 3)
    entered = "app: no server may take new connections, so app/s1#1, app/s2#2 are used (fail_open)"
    assert [line for line in logged if "fail_open" in line] == [entered]
    house.passes(1)
    house.passes(2)
    assert [line for line in logged if "fail_open" in line] == [entered, "app: fail_open is over"]


def test_rule_29_it_is_a_problem_of_the_group_while_it_lasts() -> None:
    house = checked()
    assert house.group.problem == ""
    house.fails(1, 2)
    assert house.group.problem == "no server may take new connections"
    house.check(1, PASSES)
    assert house.group.problem.startswith("fail_open: ")
    assert (house.group.opened(house[1]), house.group.opened(house[2])) == (True, False)
    house.passes(1)
    assert (house.group.problem, house.group.opened(house[1])) == ("", False)


def test_rule_29_another_mode_is_obeyed_at_once() -> None:
    house = checked(fail_open="never")
    house.fails(1, 2)
    house.group.reconfigure(group_settings([1, 2], "", CHECKS, fail_open="all"))
    assert house.rotation == [1, 2]
    house.group.reconfigure(group_settings([1, 2], "", CHECKS, fail_open="never"))
    assert house.rotation == []
