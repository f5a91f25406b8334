"""Rule 30: what is not known yet, the checks that are made at once, and live traffic that counts as one."""

from __future__ import annotations

import pytest

from lbtwist.model.drain import Because
from lbtwist.model.health import CheckResult
from lbtwist.model.plane import Member
from lbtwist.model.registration import Admin
from lbtwist.service.checking import FIRST_WITHIN
from tests.service.bench import ADA, Bench, House, address, group_settings, pass_time
from tests.service.world import FAILS, OWN_FAULT, PASSES

CHECKED = """
[server_groups.app]
servers = {servers}
[server_groups.app.health_check]
interval = 5
timeout = 2
"""


def settings(*servers: int, checks: str = "") -> str:
    return CHECKED.format(servers=[str(address(number)) for number in servers]) + checks


# Without checks.


@pytest.mark.parametrize("checks", [None, "type = 'none'"])
def test_rule_30_without_checks_a_server_is_healthy(checks: str | None) -> None:
    house = House(group_settings(checks=checks))
    assert (house.rotation, house[1].state, house[1].reason) == ([1, 2], "healthy", "no_health_check")
    house.first_checks()
    assert house.world.servers.asked == []


# Initial.


def test_rule_30_a_new_registration_is_initial_and_used_while_none_is_healthy() -> None:
    house = House(group_settings(checks=""))
    assert ([house[n].state for n in (1, 2)], house.rotation) == (["initial", "initial"], [1, 2])
    assert not house.group.choice.fail_open
    house.check(1, PASSES)
    assert (house[1].state, house.rotation) == ("healthy", [1])
    house.check(2, PASSES)
    assert house.rotation == [1, 2]


@pytest.mark.parametrize(("result", "state"), [(PASSES, "healthy"), (FAILS, "unhealthy")])
def test_rule_30_the_first_result_decides_whatever_the_thresholds(result: CheckResult, state: str) -> None:
    house = House(group_settings(checks="healthy_threshold = 10\nunhealthy_threshold = 10"))
    house.check(1, result)
    assert house[1].state == state


def test_rule_30_a_fault_of_our_own_decides_nothing() -> None:
    house = House(group_settings(checks=""))
    house.check(1, OWN_FAULT)
    assert house[1].state == "initial"


def test_rule_30_the_thresholds_count_from_the_first_result_on() -> None:
    house = House(group_settings(checks="healthy_threshold = 2\nunhealthy_threshold = 2"))
    house.check(1, FAILS)
    house.check(1, PASSES)
    assert house[1].state == "unhealthy"
    house.check(1, PASSES)
    assert house[1].state == "healthy"


def test_rule_30_one_that_joins_healthy_servers_takes_nothing_before_its_first_result() -> None:
    house = House(group_settings(checks=""))
    house.first_checks()
    house.add(3)
    assert (house[3].state, house.rotation) == ("initial", [1, 2])
    house.checking.advance(0)
    assert (house[3].state, house.rotation) == ("healthy", [1, 2, 3])


def test_rule_30_an_initial_server_that_fails_its_first_check_drains_nothing() -> None:
    house = House(group_settings(checks=""))
    (connection,) = house.connections(1)
    house.check(1, FAILS)
    assert (house[1].state, list(house.drains), connection.live) == ("unhealthy", [], True)


def test_rule_30_other_settings_reset_the_counts_and_not_the_state() -> None:
    house = House(group_settings(checks=""))
    house.first_checks()
    house.check(1, FAILS, 2)
    house.fails(2)
    house.check(2, PASSES, 2)
    house.group.reconfigure(
        group_settings(checks="unhealthy_threshold = 3\nhealthy_threshold = 3\nport = 81")
    )
    assert [house[number].state for number in (1, 2)] == ["healthy", "unhealthy"]
    house.check(1, FAILS)
    house.check(2, PASSES)
    assert [house[number].state for number in (1, 2)] == ["healthy", "unhealthy"]
    house.check(1, FAILS, 2)
    house.check(2, PASSES, 2)
    assert [house[number].state for number in (1, 2)] == ["unhealthy", "healthy"]


# When they are made.


def test_rule_30_servers_are_checked_at_once_and_then_by_the_interval() -> None:
    bench = Bench(settings(1))
    assert bench.world.servers.asked == []
    pass_time(bench.clock, 12.0)
    assert [when for when, _ in bench.world.servers.asked] == [0.0, 2.0, 7.0, 12.0]


@pytest.mark.parametrize("count", [2, 100, 400])
def test_rule_30_many_first_checks_are_spread_over_at_most_two_seconds(count: int) -> None:
    many = "".join(f's{n} = "10.0.{n // 250}.{n % 250 + 1}:80"\n' for n in range(count))
    house = House(group_settings([], checks="interval = 60", extra=many))
    pass_time(house.checking, FIRST_WITHIN - 0.001)
    asked = [when for when, _ in house.world.servers.asked]
    assert (len(asked), asked[0]) == (count, 0.0)
    assert len(set(asked)) == count, "no two at once"
    assert all(each.state == "healthy" for each in house.group.members)


def test_rule_30_with_other_settings_everyone_is_checked_at_once() -> None:
    house = House(group_settings(checks="interval = 60"))
    house.first_checks()
    before = len(house.world.servers.asked)
    house.group.reconfigure(group_settings(checks="interval = 60\nport = 81"))
    house.first_checks()
    assert len(house.world.servers.asked) == before + 2


def test_one_that_is_gone_is_checked_no_more() -> None:
    house = House(group_settings(checks="interval = 5"))
    house.first_checks()
    (connection,) = house.connections(1)
    house.remove(1)
    pass_time(house.checking, 5)
    assert address(1) in [where for _, where in house.world.servers.asked[2:]]
    connection.end()
    before = len(house.world.servers.asked)
    pass_time(house.checking, 20)
    assert {where for _, where in house.world.servers.asked[before:]} == {address(2)}


def test_rule_61_checks_stop_at_the_end_of_the_drain_and_begin_anew_at_ready() -> None:
    bench = Bench(settings(1, 2))
    pass_time(bench.clock, 2.5)
    group = bench.balancer.group("app")
    one, _ = group.members
    (connection,) = bench.connect(one.label)
    group.drain([one], ADA, admin=Admin.MAINT)
    pass_time(bench.clock, 10)
    assert [where for _, where in bench.world.servers.asked].count(address(1)) > 2, "while it drains"
    connection.end()
    before = len(bench.world.servers.asked)
    pass_time(bench.clock, 20)
    assert {where for _, where in bench.world.servers.asked[before:]} == {address(2)}
    bench.world.servers.held.add(address(1))
    group.ready(one, ADA)
    assert (one.state, bench.rotation()) == ("initial", [group.members.current_at(address(2)).label])
    bench.clock.advance(0)
    bench.world.servers.answer(address(1), PASSES)
    assert (one.state, len(bench.rotation())) == ("healthy", 2)


# Live traffic.


PASSIVE = settings(1, 2, checks="unhealthy_threshold = 2\n")


def member(bench: Bench, number: int) -> Member:
    found = bench.balancer.group("app").members.current_at(address(number))
    assert found is not None
    return found.member


def test_a_connect_that_fails_counts_as_one_failed_check_and_the_next_is_made_at_once() -> None:
    bench = Bench(PASSIVE)
    pass_time(bench.clock, 2.5)
    asked = len(bench.world.servers.asked)
    bench.world.servers.held.add(address(1))
    bench.plane.fail(member(bench, 1))
    assert bench.world.servers.asked[asked:] == [(2.5, address(1))]
    assert len(bench.rotation()) == 2
    bench.world.servers.answer(address(1), FAILS)
    assert bench.rotation() == [member(bench, 2).label]


def test_connects_that_fail_do_not_make_two_checks_at_once() -> None:
    bench = Bench(PASSIVE)
    pass_time(bench.clock, 2.5)
    asked = len(bench.world.servers.asked)
    bench.world.servers.held.add(address(1))
    for _ in range(3):
        bench.plane.fail(member(bench, 1), "timed out")
    assert len(bench.world.servers.asked) == asked + 1
    row = bench.balancer.group("app").members.current_at(address(1))
    assert row is not None
    assert (row.state, row.record and row.record.last and row.record.last.reason) == (
        "unhealthy",
        "timed out",
    )
    bench.balancer.stopService()


def test_a_check_that_passes_then_begins_the_count_again() -> None:
    bench = Bench(PASSIVE)
    pass_time(bench.clock, 2.5)
    for _ in range(5):
        bench.plane.fail(member(bench, 1))
    assert len(bench.rotation()) == 2


def test_where_that_is_not_wanted_live_traffic_counts_nothing() -> None:
    bench = Bench(PASSIVE + "passive = false\n")
    pass_time(bench.clock, 2.5)
    asked = len(bench.world.servers.asked)
    for _ in range(5):
        bench.plane.fail(member(bench, 1))
    assert (len(bench.rotation()), len(bench.world.servers.asked)) == (2, asked)


def test_without_checks_live_traffic_counts_nothing() -> None:
    bench = Bench('[server_groups.app]\nservers = ["10.0.0.1:80", "10.0.0.2:80"]\n')
    for _ in range(5):
        bench.plane.fail(member(bench, 1))
    assert len(bench.rotation()) == 2


def test_a_connect_that_fails_on_a_further_seat_is_the_servers_own() -> None:
    bench = Bench(settings(1, checks="unhealthy_threshold = 1\nhealthy_threshold = 2\n"))
    pass_time(bench.clock, 1.0)
    bench.connect("app/10.0.0.1:80#1")
    bench.world.servers.answers[address(1)] = FAILS
    pass_time(bench.clock, 1.0)
    bench.world.servers.answers[address(1)] = PASSES
    pass_time(bench.clock, 5.0)
    (opened,) = bench.plane.rotations["app"].members
    assert (bench.balancer.group("app").choice.fail_open, opened.number) == (True, 2)
    bench.world.servers.held.add(address(1))
    bench.plane.fail(opened)
    assert bench.rotation() == []
    bench.balancer.stopService()
    bench.clock.advance(60)


def test_the_reason_of_a_drain_that_live_traffic_began_says_so() -> None:
    bench = Bench(settings(1, 2, checks="unhealthy_threshold = 1\n"))
    pass_time(bench.clock, 2.5)
    bench.connect("app/10.0.0.1:80#1")
    bench.plane.fail(member(bench, 1))
    (running,) = bench.balancer.drains
    assert running.drain.causes[running.drain.cause] == Because("health check", "connection refused")
