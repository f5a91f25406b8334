"""Who is registered in a group, who is leaving, and who waits to join."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.failopen import FailOpen
from lbtwist.model.health import Health, HealthRecord
from lbtwist.model.members import Members
from lbtwist.model.plane import Tally
from lbtwist.model.registration import Admin, Condition, Membership, Registration


def address(number: int) -> Address:
    return Address(f"10.0.0.{number}", 80)


def registration(number: int, name: str = "", at: int = 0, **facts: Any) -> Registration:
    return Registration(number, "app", name or f"ecs0{number}", address(at or number), **facts)


def members(*registrations: Registration) -> Members:
    made = Members("app")
    for each in registrations:
        made.register(each)
    return made


def draining(each: Registration) -> Registration:
    each.drain = Drain(each.label, each.scope, 0, 0, 300, Tally(), {Cause.REMOVAL: Because("ada")})
    return each


def chosen(group: Members, fail_open: FailOpen = FailOpen.RECOVERED) -> list[int]:
    """Who may take new connections by the rules."""
    choice = group.rotation(fail_open)
    assert not choice.fail_open
    return [each.number for each in choice.registrations]


def opened(group: Members, fail_open: FailOpen) -> list[int]:
    """Who is used though none may by the rules."""
    choice = group.rotation(fail_open)
    assert choice.fail_open == bool(choice.registrations)
    return [each.number for each in choice.registrations]


def gone(group: Members, each: Registration) -> bool:
    each.membership = Membership.GONE
    return group.discard(each)


def test_finds_a_member_by_number_name_and_address() -> None:
    one, two = registration(1), registration(2)
    group = members(one, two)
    assert group.get(1) is one
    assert group.current("ecs02") is two
    assert group.current_at(address(2)) is two
    assert (group.get(3), group.current("ecs03"), group.current_at(address(3))) == (None, None, None)
    assert (list(group), len(group), group.registered) == ([one, two], 2, 2)


@pytest.mark.parametrize(
    ("name", "at", "message"),
    [
        ("ecs01", 9, "app/ecs01 is already registered, at 10.0.0.1:80"),
        ("other", 1, "10.0.0.1:80 is already registered as app/ecs01"),
    ],
)
def test_a_name_and_an_address_have_one_registered_server(name: str, at: int, message: str) -> None:
    group = members(registration(1))
    with pytest.raises(Refused, match=message):
        group.register(registration(2, name, at))
    assert [each.number for each in group] == [1]


def test_one_that_leaves_frees_its_name_and_address_and_stays_a_member() -> None:
    one = registration(1)
    group = members(one)
    group.leave(one)
    assert (one.membership, group.get(1), group.registered, len(group)) == (Membership.LEAVING, one, 0, 1)
    assert group.leaving("ecs01") is one
    assert group.leaving("ecs02") is None
    again = registration(2, "ecs01", 1)
    group.register(again)
    assert group.current("ecs01") is again
    assert group.leaving("ecs01") is one


def test_of_several_that_left_under_a_name_the_last_is_meant() -> None:
    one, two = registration(1, "ecs01"), registration(2, "ecs01", 9)
    group = members(one)
    group.leave(one)
    group.register(two)
    group.leave(two)
    assert group.leaving("ecs01") is two


def test_the_same_server_is_the_same_address_whatever_its_name() -> None:
    one, two, other = registration(1, "old", 5), registration(2, "new", 5), registration(3, "old", 6)
    group = members(one)
    group.leave(one)
    group.register(two)
    group.leave(two)
    group.register(other)
    group.leave(other)
    assert group.leaving_from(address(5)) == [one, two]


def test_staying_undoes_leaving() -> None:
    one = registration(1)
    group = members(one)
    group.leave(one)
    group.stay(one)
    assert (one.registered, group.current("ecs01"), group.leaving("ecs01")) == (True, one, None)
    assert chosen(group) == [1]


@pytest.mark.parametrize(("name", "at"), [("ecs01", 9), ("other", 1)])
def test_one_whose_name_or_address_was_taken_cannot_stay(name: str, at: int) -> None:
    one = registration(1)
    group = members(one)
    group.leave(one)
    group.register(registration(2, name, at))
    with pytest.raises(Refused, match="is already registered"):
        group.stay(one)
    assert (one.membership, group.leaving("ecs01")) == (Membership.LEAVING, one)


def test_rule_16_one_that_waits_joins_when_every_drain_it_waits_for_has_ended() -> None:
    one, two, three = registration(1), registration(2, at=1), registration(3, at=1)
    group = members(one)
    group.leave(one)
    group.register(two)
    group.leave(two)
    group.register(three, [one, two])
    assert not three.takes_new
    assert gone(group, two) is False
    assert (three.waits_for, three.takes_new) == ({1}, False)
    assert gone(group, one) is True
    assert three.takes_new
    assert chosen(group) == [3]


def test_rule_16_who_waits_is_told_once() -> None:
    one, two, other = registration(1), registration(2, at=1), registration(3)
    group = members(one, other)
    group.leave(one)
    group.register(two, [one])
    group.leave(other)
    assert gone(group, one) is True
    assert gone(group, other) is False


def test_rule_16_one_that_is_held_waits_for_further_drains() -> None:
    one, two, three, held = registration(1), registration(2), registration(3), registration(4)
    group = members(one, two, three, held)
    for each in (one, two, three):
        group.leave(each)
    group.hold(held, [])
    assert (held.waits_for, held.takes_new, gone(group, three)) == (set(), True, False)
    group.hold(held, [one])
    group.hold(held, [two])
    assert (held.waits_for, held.takes_new) == ({1, 2}, False)
    assert gone(group, one) is False
    assert gone(group, two) is True
    assert chosen(group) == [4]


def test_one_that_leaves_already_when_it_comes_is_leaving() -> None:
    """As those of an earlier generation."""
    group, one = members(), registration(1)
    group.inherit(one)
    assert (one.membership, group.get(1), group.leaving("ecs01")) == (Membership.LEAVING, one, one)
    assert (group.registered, len(group), chosen(group)) == (0, 1, [])
    assert gone(group, one) is False
    assert len(group) == 0


def test_one_that_is_gone_is_forgotten_and_nobody_else_is_touched() -> None:
    one, two = registration(1), registration(2)
    group = members(one, two)
    group.leave(one)
    assert gone(group, one) is False
    assert (list(group), group.leaving("ecs01"), group.leaving_from(address(1))) == ([two], None, [])


def test_rule_11_the_rotation_is_of_those_that_may_take_new_connections() -> None:
    group = members(
        registration(1),
        registration(2, weight=0),
        registration(3, admin=Admin.DRAIN),
        registration(4, record=HealthRecord(Health.FAILING)),
        draining(registration(5)),
        registration(6, weight=7),
    )
    assert chosen(group) == [1, 6]


PASSING, FAILING = HealthRecord(Health.PASSING), HealthRecord(Health.FAILING)
RECOVERING = HealthRecord(Health.FAILING, passes_now=True)


def test_backups_take_new_connections_when_there_is_no_other() -> None:
    main, backup = registration(1), registration(2, backup=True)
    group = members(main, backup)
    assert chosen(group) == [1]
    main.admin = Admin.DRAIN
    assert chosen(group) == [2]


def test_rule_30_one_that_was_not_checked_yet_takes_connections_only_without_a_healthy_one() -> None:
    fresh, healthy = registration(1, record=HealthRecord()), registration(2, record=PASSING)
    backup = registration(3, record=PASSING, backup=True)
    group = members(fresh, healthy)
    assert chosen(group) == [2]
    assert chosen(members(fresh, backup)) == [3]
    healthy.admin = Admin.DRAIN
    assert chosen(group) == [1]


@pytest.mark.parametrize(
    ("fail_open", "used"),
    [(FailOpen.RECOVERED, [2, 3]), (FailOpen.ALL, [1, 2, 3, 4]), (FailOpen.NEVER, [])],
)
def test_rule_29_when_none_may_take_new_connections_fail_open_decides(
    fail_open: FailOpen, used: list[int]
) -> None:
    latched, failing_too = registration(3, record=PASSING), registration(4, record=FAILING)
    for each in (latched, failing_too):
        draining(each).drain.causes = {Cause.HEALTH: Because("health check")}
    group = members(registration(1, record=FAILING), registration(2, record=RECOVERING), latched, failing_too)
    assert opened(group, fail_open) == used


def test_rule_29_leaving_drained_maintained_and_other_servers_are_never_used() -> None:
    leaving = registration(1, record=PASSING)
    group = members(
        leaving,
        registration(2, record=FAILING, admin=Admin.DRAIN),
        registration(3, record=FAILING, admin=Admin.MAINT),
        registration(4, record=FAILING, weight=0),
        registration(5, record=FAILING, requested=True),
        draining(registration(6, record=FAILING)),
    )
    group.leave(leaving)
    assert opened(group, FailOpen.ALL) == []


def test_rule_29_while_one_may_take_new_connections_nothing_is_opened() -> None:
    group = members(registration(1, record=FAILING), registration(2, record=PASSING))
    assert chosen(group, FailOpen.ALL) == [2]


def test_a_servers_limit_and_turn_are_conditions_too() -> None:
    main, backup = registration(1, max_connections=2), registration(2, backup=True)
    group = members(main, backup)
    choice = group.rotation(FailOpen.NEVER)

    def said(each: Registration, live: int) -> list[Condition]:
        return list(group.conditions(each, live, choice))[-2:]

    turn, none = Condition("turn", "yes", True, ""), Condition("limit", "9 of any", True, "")
    assert said(main, 1) == [Condition("limit", "1 of 2", True, ""), turn]
    assert said(main, 2) == [Condition("limit", "2 of 2", False, "full"), turn]
    assert said(backup, 9) == [none, Condition("turn", "standby", False, "standby")]
    main.max_connections = 1
    assert said(main, 1) == [Condition("limit", "1 of 1", False, "full"), turn]
    backup.record = HealthRecord()
    assert said(backup, 9) == [none, Condition("turn", "initial", False, "initial")]


def test_a_server_is_found_by_every_seat_it_has() -> None:
    one, two = registration(1, seats=[1, 9]), registration(2)
    group = members(one, two)
    assert [group.seated(seat) for seat in (1, 9, 2, 3)] == [one, one, two, None]


def test_rule_66_counts_those_that_would_be_left_to_take_new_connections() -> None:
    one, two, drained = registration(1), registration(2), registration(3, admin=Admin.DRAIN)
    group = members(
        one, two, drained, registration(4, record=HealthRecord()), registration(5, record=FAILING)
    )
    assert group.left_without([]) == group.rotation(FailOpen.ALL).healthy == 2
    assert group.left_without([two]) == 1
    assert group.left_without([drained]) == 2
    assert group.left_without([one, two]) == 0


def test_rule_65_finds_what_is_registered_at_a_host_on_any_port() -> None:
    web = Registration(1, "app", "web", Address("10.0.0.1", 80))
    admin = Registration(2, "app", "admin", Address("10.0.0.1", 81))
    left = Registration(3, "app", "left", Address("10.0.0.1", 82))
    socket = Registration(4, "app", "socket", Address("/run/app.sock"))
    group = members(web, admin, left, socket, registration(5, at=9))
    group.leave(left)
    assert group.at_host("10.0.0.1") == [web, admin]
    assert group.at_host("/run/app.sock") == [socket]
    assert group.at_host("10.0.0.77") == []


def test_two_may_swap_their_names() -> None:
    one, two = registration(1, "a"), registration(2, "b")
    group = members(one, two)
    group.rename({address(1): "b", address(2): "a"})
    assert (one.name, two.name) == ("b", "a")
    assert (group.current("a"), group.current("b")) == (two, one)
    group.leave(one)
    assert (group.current("b"), group.current("a")) == (None, two)


def test_a_name_that_was_given_up_is_free() -> None:
    one = registration(1, "a")
    group = members(one)
    group.rename({address(1): "b"})
    assert (group.current("a"), group.current("b")) == (None, one)
