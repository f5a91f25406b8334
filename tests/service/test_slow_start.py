"""Slow start: a server that comes into rotation gets its share by and by, where others can carry the load."""

from __future__ import annotations

import pytest

from lbtwist.model.members import Wanted
from tests.service.bench import ADA, Bench, House, address, group_settings, pass_time
from tests.service.world import FAILS, PASSES


def house(*servers: int, checks: str | None = None, **keys: object) -> House:
    settings = {"slow_start": 30, **keys}
    made = House(group_settings(servers or (1, 2), "", checks, "", **settings))
    if checks is not None:
        made.first_checks()
    return made


def ramps(of: House) -> dict[int, int]:
    """Percent of its weight that each in rotation gets."""
    return {member.number: member.ramp for member in of.plane.rotations["app"].members}


def test_servers_that_begin_with_their_group_begin_with_their_whole_share() -> None:
    begun = house()
    assert (ramps(begun), begun.timers) == ({1: 100, 2: 100}, 0)
    pass_time(begun.clock, 5)
    begun.group.weigh(begun[1], 50)
    assert ramps(begun) == {1: 100, 2: 100}


def test_whenever_their_first_checks_pass() -> None:
    begun = house(1, 2, 3, checks="unhealthy_threshold = 1\nhealthy_threshold = 1")
    assert ramps(begun) == {1: 100, 2: 100, 3: 100}


def test_one_that_is_added_gets_its_share_in_steps() -> None:
    grown = house()
    grown.add(3, weight=50)
    assert (ramps(grown), grown[3].reason) == ({1: 100, 2: 100, 3: 1}, "slow_start")
    assert grown.plane.rotations["app"].members[-1].share == 50
    seen = []
    for _ in range(30):
        pass_time(grown.clock, 1)
        seen.append(ramps(grown)[3])
    assert seen == [100 * n // 30 for n in range(1, 31)]
    assert (grown.timers, grown[3].reason) == (0, "no_health_check")


def test_without_slow_start_it_is_at_once() -> None:
    grown = house(slow_start=0)
    grown.add(3)
    assert (ramps(grown)[3], grown.timers) == (100, 0)


def test_one_that_comes_back_starts_slowly_too() -> None:
    back = house(checks="unhealthy_threshold = 1\nhealthy_threshold = 1")
    back.check(1, FAILS)
    pass_time(back.clock, 10)
    back.check(1, PASSES)
    assert ramps(back) == {1: 1, 2: 100}
    back.drain(2)
    back.group.ready(back[2], ADA)
    assert ramps(back) == {1: 1, 2: 100}, "nobody was settled to carry the load"


@pytest.mark.parametrize("way", ["drain", "weight", "fails", "remove"])
def test_whatever_takes_it_out_ends_it(way: str) -> None:
    grown = house(checks="unhealthy_threshold = 1\nhealthy_threshold = 1")
    new = grown.add(3)
    grown.checking.advance(0)
    pass_time(grown.clock, 15)
    assert (ramps(grown)[3], new.ramp) == (50, 50)
    if way == "drain":
        grown.drain(3)
    elif way == "weight":
        grown.group.weigh(new, 0)
    elif way == "fails":
        grown.check(3, FAILS)
    else:
        grown.remove(3)
    assert (ramps(grown), new.ramp, grown.timers) == ({1: 100, 2: 100}, 100, 0)


def test_one_that_is_back_begins_from_the_start() -> None:
    grown = house()
    grown.add(3)
    pass_time(grown.clock, 15)
    grown.drain(3)
    grown.group.ready(grown[3], ADA)
    assert ramps(grown)[3] == 1


def test_the_first_of_a_group_that_had_none_does_not_start_slowly() -> None:
    alone = house(1)
    alone.drain(1)
    alone.group.ready(alone[1], ADA)
    assert ramps(alone) == {1: 100}


def test_servers_that_are_added_together_to_a_group_without_any_begin_together() -> None:
    """Else the one whose check came first would carry all that the others do not take yet."""
    bench = Bench(
        "[server_groups.app]\nslow_start = 30\n[server_groups.app.health_check]\n"
        '[server_groups.app.discovery]\ntype = "file"\npath = "/members"\n'
    )
    bench.world.source.answer({address(number): 100 for number in (1, 2, 3)})
    pass_time(bench.clock, 1)
    assert [member.ramp for member in bench.plane.rotations["app"].members] == [100, 100, 100]
    bench.world.source.answer({address(number): 100 for number in (1, 2, 3, 4)})
    pass_time(bench.clock, 0)
    assert [member.ramp for member in bench.plane.rotations["app"].members] == [100, 100, 100, 1]
    bench.balancer.stopService()


def test_servers_whose_names_are_resolved_one_after_the_other_begin_together() -> None:
    bench = Bench(
        "[server_groups.app]\nslow_start = 30\n"
        '[server_groups.app.servers]\none = "one.test:80"\ntwo = "two.test:80"\n',
        start=False,
    )
    bench.world.names.known = {"one.test": ("10.0.0.1",), "two.test": ("10.0.0.2",)}
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    assert [member.ramp for member in bench.plane.rotations["app"].members] == [100, 100]
    bench.world.names.known["two.test"] = ("10.0.0.3",)
    pass_time(bench.clock, 10)
    assert [member.ramp for member in bench.plane.rotations["app"].members] == [100, 1]
    bench.balancer.stopService()


def test_one_that_was_in_rotation_by_fail_open_does_not_start_slowly() -> None:
    """It carries the load already."""
    opened = house(checks="unhealthy_threshold = 1\nhealthy_threshold = 2", fail_open="all")
    opened.check(1, FAILS)
    opened.check(2, FAILS)
    assert opened.group.choice.fail_open
    opened.passes(1)
    assert (opened.group.choice.fail_open, ramps(opened)) == (False, {1: 100})


@pytest.mark.parametrize(("slow_start", "ramp"), [(60, 50), (0, 100)])
def test_another_setting_is_obeyed(slow_start: int, ramp: int) -> None:
    grown = house()
    grown.add(3)
    pass_time(grown.clock, 15)
    grown.group.reconfigure(group_settings((1, 2), "", None, "", slow_start=slow_start))
    pass_time(grown.clock, 15)
    assert ramps(grown)[3] == ramp


def test_a_group_that_stops_leaves_no_timer() -> None:
    grown = house()
    grown.add(3)
    grown.group.stopService()
    assert grown.timers == 0


def test_a_backup_that_stands_in_has_its_whole_share() -> None:
    """Nobody else is there."""
    backed = house(1, checks="unhealthy_threshold = 1", slow_start=30)
    (added,) = backed.group.add({address(9): Wanted("b", backup=True)}, ADA)
    backed.checking.advance(0)
    assert ramps(backed) == {1: 100}
    backed.check(1, FAILS)
    assert ramps(backed) == {added.number: 100}
