"""Rule 16: adding the same server again during its removal drain, in each of the three settings."""

from __future__ import annotations

import pytest

from lbtwist.model.config import Rejoin
from tests.service.bench import ADA, House, group_settings


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("name", ["s1", "other"])
@pytest.mark.parametrize("rejoin", [Rejoin.AFTER_DRAIN, Rejoin.ALONGSIDE])
def test_rule_16_adding_it_again_does_not_move_the_cut_of_the_old_connections(
    house: House, name: str, rejoin: Rejoin
) -> None:
    (old,) = house.connections(1)
    (running,) = house.remove(1)
    house.clock.advance(100)
    again = house.add(1, name, rejoin)
    assert (again.number, running.left()) == (3, 200.0)
    house.clock.advance(199.9)
    assert old.live
    house.clock.advance(0.1)
    assert not old.live
    assert house.rotation == [2, 3]


@pytest.mark.parametrize("name", ["s1", "other"])
def test_rule_16_after_drain_it_takes_nothing_new_until_the_old_drain_has_ended(
    house: House, name: str
) -> None:
    one, other = house.connections(1, 2)
    house.remove(1)
    again = house.add(1, name)
    assert (house.rotation, again.state, again.reason) == ([2], "initial", "rejoining")
    one.end()
    assert house.rotation == [2]
    other.end()
    assert (house.rotation, again.state) == ([2, 3], "healthy")


def test_rule_16_after_drain_waits_for_the_cut_to_be_done(house: House) -> None:
    house.plane.linger = True
    (old,) = house.connections(1)
    house.remove(1)
    house.add(1)
    house.clock.advance(300)
    assert house.rotation == [2]
    old.end()
    assert house.rotation == [2, 3]


@pytest.mark.parametrize("name", ["s1", "other"])
def test_rule_16_alongside_it_takes_new_connections_and_the_old_cut_does_not_touch_them(
    house: House, name: str
) -> None:
    (old,) = house.connections(1)
    house.remove(1)
    house.add(1, name, Rejoin.ALONGSIDE)
    (new,) = house.connections(3)
    house.clock.advance(300)
    assert (old.live, new.live, house.rotation) == (False, True, [2, 3])


@pytest.mark.parametrize("name", ["s1", "other"])
def test_rule_16_cancel_drain_keeps_the_connections_with_the_server(house: House, name: str) -> None:
    (old,) = house.connections(1)
    house.remove(1)
    house.clock.advance(100)
    back = house.add(1, name, Rejoin.CANCEL_DRAIN, weight=9)
    assert (back.number, back.label, back.weight, back.state) == (1, f"app/{name}#1", 9, "healthy")
    assert (house.rotation, house.timers, house.outcomes) == ([1, 2], 0, [("app/s1#1", "cancelled")])
    house.clock.advance(1000)
    assert old.live
    assert house.group.members.current(name) is back


def test_rule_16_cancel_drain_joins_the_old_connections_and_the_new_in_the_next_drain(house: House) -> None:
    house.connections(1)
    house.remove(1)
    house.add(1, rejoin=Rejoin.CANCEL_DRAIN)
    house.connections(1)
    (running,) = house.remove(1)
    assert (running.live(), running.left()) == (2, 300.0)


@pytest.mark.parametrize("rejoin", Rejoin)
def test_rule_16_added_again_while_it_is_being_cut_it_is_cut_all_the_same(rejoin: Rejoin) -> None:
    house = House(group_settings(draining=f'rejoin = "{rejoin}"'))
    house.plane.linger = True
    (old,) = house.connections(1)
    house.remove(1)
    house.clock.advance(300)
    again = house.add(1)
    assert again.number == 3
    assert house.rotation == ([2, 3] if rejoin is Rejoin.ALONGSIDE else [2])
    old.end()
    assert (house.rotation, house.outcomes) == ([2, 3], [("app/s1#1", "cut")])


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_rule_16_removed_twice_it_waits_for_both_drains(house: House, first_to_end: int) -> None:
    (first,) = house.connections(1)
    house.remove(1)
    house.add(1, "second", Rejoin.ALONGSIDE)
    (second,) = house.connections(3)
    house.clock.advance(50)
    house.remove(3)
    again = house.add(1, "third")
    assert (again.waits_for, house.timers) == ({1, 3}, 2)
    drained = [first, second]
    drained.pop(first_to_end).end()
    assert house.rotation == [2]
    drained.pop().end()
    assert house.rotation == [2, 4]


def test_rule_16_cancel_drain_takes_back_the_stay_that_left_last(house: House) -> None:
    (first,) = house.connections(1)
    house.remove(1)
    house.add(1, rejoin=Rejoin.ALONGSIDE)
    (second,) = house.connections(3)
    house.remove(3)
    assert house.add(1, rejoin=Rejoin.CANCEL_DRAIN).number == 3
    house.clock.advance(300)
    assert (first.live, second.live, house.rotation) == (False, True, [2, 3])


def test_rule_16_the_one_that_waits_is_removed_itself(house: House) -> None:
    (old,) = house.connections(1)
    house.remove(1)
    house.add(1)
    house.remove(3)
    assert house.group.members.get(3) is None
    assert (old.live, house.timers) == (True, 1)
    old.end()
    assert (house.rotation, house.timers) == ([2], 0)


def test_rule_16_the_one_that_waits_is_drained_and_stays_drained_when_it_may_join(house: House) -> None:
    (old,) = house.connections(1)
    house.remove(1)
    house.add(1)
    house.drain(3)
    old.end()
    assert (house.rotation, house[3].state) == ([2], "drained")
    house.group.ready(house[3], ADA)
    assert house.rotation == [2, 3]


def test_rule_16_another_server_of_the_same_name_joins_at_once(house: House) -> None:
    """A changed address is a removal and an addition."""
    house.connections(1)
    house.remove(1)
    assert house.add(9, "s1").takes_new
    assert house.rotation == [2, 3]
