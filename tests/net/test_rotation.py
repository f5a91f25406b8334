"""Who of a group gets a new connection, and who waits for one."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from lbtwist.model.plane import Member, Rotation
from lbtwist.net.rotation import GroupRotation
from tests.net.bench import make_scheduler, member

ADA, BOB = "192.0.2.1", "192.0.2.2"


class Connection:
    """One on its way to `number`, or waiting, that uses a member which it wants."""

    def __init__(self, group: GroupRotation, number: int = 0, wants: tuple[int, ...] = ()) -> None:
        self.number = number
        self.wants = wants
        self.told: list[str] = []
        self._group = group

    def redirect(self) -> None:
        self.told.append("redirect")

    def next(self) -> None:
        self.told.append("next")
        for each in self._group.order(ADA):
            if each.number in self.wants:
                self._group.take(each)
                del self._group.waiting[self]
                return


class House:
    def __init__(self, *members: Member, **keys: Any) -> None:
        self.clock = Clock()
        self.group = GroupRotation(make_scheduler, self.clock)
        self.rotate(*members, **keys)

    def rotate(self, *members: Member, **keys: Any) -> None:
        self.group.update(Rotation(members, **keys))

    def order(self, client: str = ADA) -> list[int]:
        return [each.number for each in self.group.order(client)]

    def take(self, number: int, times: int = 1, **keys: Any) -> None:
        for _ in range(times):
            self.group.take(member(number, **keys))

    def wait(self, *wants: int) -> Connection:
        connection = Connection(self.group, wants=wants)
        self.group.waiting[connection] = None
        return connection


def test_a_group_begins_without_members() -> None:
    house = House()
    assert house.order() == []
    assert not house.group.has_others(())


def test_an_order_has_each_member_once() -> None:
    house = House(*map(member, range(1, 6)))
    assert sorted(house.order()) == [1, 2, 3, 4, 5]


def test_rule_1_an_order_that_has_begun_has_nobody_who_leaves() -> None:
    house = House(member(1), member(2), member(3))
    order = house.group.order(ADA)
    first = next(order)
    rest = [each for each in (member(1), member(2), member(3)) if each != first]
    house.rotate(first, rest[0])
    assert list(order) == [rest[0]]


@pytest.mark.parametrize("scheduler", ["wrr", "rr", "lc", "wlc", "source_hash", "maglev", "random"])
def test_rule_1_not_even_with_another_scheduler(scheduler: str) -> None:
    """The one that is replaced does not hear of who leaves."""
    house = House(member(1), member(2), scheduler="rr" if scheduler != "rr" else "wrr")
    order = house.group.order(ADA)
    first = next(order)
    house.rotate(first, scheduler=scheduler)
    assert list(order) == []
    assert house.order() == [first.number]


def test_who_is_full_is_passed_over_until_a_place_is_given_back() -> None:
    house = House(member(1, max_connections=2), member(2))
    house.take(1, times=2)
    assert house.order() == [2]
    house.group.give_back(1)
    assert sorted(house.order()) == [1, 2]


def test_a_limit_that_is_raised_or_lowered_holds_at_once() -> None:
    house = House(member(1, max_connections=1))
    house.take(1)
    assert house.order() == []
    house.rotate(member(1, max_connections=2))
    assert house.order() == [1]
    house.rotate(member(1, max_connections=1))
    assert house.order() == []


def test_places_of_one_that_left_count_when_it_is_back() -> None:
    house = House(member(1, max_connections=1))
    house.take(1)
    house.rotate()
    house.rotate(member(1, max_connections=1))
    assert house.order() == []
    house.group.give_back(1)
    assert house.order() == [1]


def test_a_place_that_was_not_taken_cannot_be_given_back() -> None:
    house = House(member(1))
    house.take(1)
    house.group.give_back(1)
    with pytest.raises(KeyError):
        house.group.give_back(1)


def test_a_counting_scheduler_is_told_of_each_connection() -> None:
    house = House(member(1), member(2), member(3), scheduler="lc")
    house.take(1, times=2)
    house.take(2)
    assert house.order() == [3, 2, 1]
    house.group.give_back(1)
    house.group.give_back(1)
    house.take(3, times=2)
    assert house.order() == [1, 2, 3]


def test_a_new_scheduler_is_told_of_those_that_there_are() -> None:
    house = House(member(1), member(2), scheduler="wrr")
    house.take(1, times=3)
    house.take(2)
    house.rotate(member(1), member(2), scheduler="lc")
    assert [next(house.group.order(ADA)).number for _ in range(3)] == [2, 2, 2]
    house.group.give_back(1)
    house.group.give_back(1)
    house.group.give_back(1)
    assert next(house.group.order(ADA)).number == 1


def test_a_scheduler_stays_with_other_members() -> None:
    """Its turns would begin anew else: 2 had its turn just now, and 1 comes next."""
    house = House(member(1), member(2), scheduler="rr")
    assert [next(house.group.order(ADA)).number for _ in range(2)] == [1, 2]
    house.rotate(member(1), member(2), member(3), scheduler="rr")
    house.rotate(member(1), member(2), scheduler="rr", retries=1)
    assert next(house.group.order(ADA)).number == 1


def test_work_that_an_update_leaves_is_done_later() -> None:
    house = House(*map(member, range(1, 4)), scheduler="maglev")
    assert house.clock.getDelayedCalls() != []
    for _ in range(1000):
        house.clock.advance(0.01)
    assert house.clock.getDelayedCalls() == []


def test_a_client_gets_the_member_it_is_tied_to_first() -> None:
    house = House(member(1), member(2), member(3), persistence=10.0)
    house.group.tie(ADA, 3)
    house.group.tie(BOB, 2)
    for _ in range(4):
        assert (house.order(ADA)[0], house.order(BOB)[0]) == (3, 2)
        assert sorted(house.order(ADA)) == [1, 2, 3]


def test_a_tie_ends_when_the_client_was_not_seen_for_long_enough() -> None:
    house = House(member(1), member(2), persistence=10.0, scheduler="source_hash")
    (chosen, other) = house.order(ADA)
    house.group.tie(ADA, other)
    house.clock.advance(9.9)
    assert house.order(ADA) == [other, chosen]
    house.group.tie(ADA, other)
    house.clock.advance(9.9)
    assert house.order(ADA) == [other, chosen]
    house.clock.advance(0.1)
    assert house.order(ADA) == [chosen, other]


def test_rule_10_a_tie_to_one_that_takes_nothing_new_does_not_hold() -> None:
    house = House(member(1), member(2), persistence=10.0)
    house.group.tie(ADA, 2)
    house.rotate(member(1), persistence=10.0)
    assert house.order(ADA) == [1]
    house.rotate(member(1), member(2), persistence=10.0)
    assert house.order(ADA)[0] == 2


def test_a_tie_to_one_that_is_full_gives_way() -> None:
    house = House(member(1), member(2, max_connections=1), persistence=10.0)
    house.group.tie(ADA, 2)
    house.take(2)
    assert house.order(ADA) == [1]


def test_ties_are_dropped_with_another_timeout() -> None:
    house = House(member(1), member(2), persistence=10.0, scheduler="source_hash")
    (chosen, other) = house.order(ADA)
    house.group.tie(ADA, other)
    house.rotate(member(1), member(2), persistence=11.0, scheduler="source_hash")
    assert house.order(ADA) == [chosen, other]


def test_who_a_client_is_tied_to_is_told_also_while_that_one_is_full() -> None:
    house = House(member(1, max_connections=1), member(2), persistence=10.0)
    house.group.tie(ADA, 1)
    house.take(1)
    assert house.order() == [2]
    assert house.group.tie_of(ADA, b"") == member(1, max_connections=1)
    assert house.group.tie_of(BOB, b"") is None
    house.clock.advance(10.0)
    assert house.group.tie_of(ADA, b"") is None


def test_without_persistence_nobody_is_tied() -> None:
    house = House(member(1), member(2), scheduler="source_hash")
    (chosen, other) = house.order(ADA)
    house.group.tie(ADA, other)
    assert house.order(ADA) == [chosen, other]


def test_clients_without_an_address_are_not_all_tied_to_one_member() -> None:
    house = House(member(1), member(2), persistence=10.0, scheduler="rr")
    for number in (1, 2, 1, 2):
        assert next(house.group.order("")).number == number
        house.group.tie("", number)


def test_rule_9_who_is_on_the_way_to_one_that_leaves_is_told_and_nobody_else() -> None:
    house = House(member(1), member(2))
    leaving, staying = Connection(house.group, 1), Connection(house.group, 2)
    house.group.under_way |= {leaving: None, staying: None}
    house.rotate(member(2), member(3))
    assert (leaving.told, staying.told) == (["redirect"], [])


def test_the_same_rotation_again_tells_nobody() -> None:
    house = House(member(1, max_connections=1))
    house.take(1)
    waiting = house.wait(1)
    house.rotate(member(1, max_connections=1))
    assert waiting.told == []


def test_a_place_goes_to_who_waits_the_longest() -> None:
    house = House(member(1, max_connections=2))
    house.take(1, times=2)
    first, second, third = (house.wait(1) for _ in range(3))
    house.group.give_back(1)
    assert (first.told, second.told, third.told) == (["next"], [], [])
    assert list(house.group.waiting) == [second, third]


def test_a_place_that_the_first_cannot_use_goes_to_the_next_and_the_order_stays() -> None:
    house = House(member(1, max_connections=1), member(2, max_connections=1))
    house.take(1)
    house.take(2)
    first, second, third = house.wait(2), house.wait(1), house.wait(1)
    house.group.give_back(1)
    assert list(house.group.waiting) == [first, third]
    house.group.give_back(2)
    assert list(house.group.waiting) == [third]
    assert (second.told, third.told) == (["next"], [])


def test_rule_1_a_place_at_one_that_left_is_not_offered() -> None:
    house = House(member(1, max_connections=1), member(2, max_connections=1))
    house.take(1)
    house.take(2)
    waiting = house.wait(1, 2)
    house.rotate(member(2, max_connections=1))
    waiting.told.clear()
    house.group.give_back(1)
    assert waiting.told == []


def test_a_rotation_with_room_is_told_to_all_who_wait_in_their_order() -> None:
    house = House(member(1, max_connections=1))
    house.take(1)
    first, second, third = (house.wait(1, 2) for _ in range(3))
    house.rotate(member(1, max_connections=1), member(2, max_connections=2))
    assert list(house.group.waiting) == [third]
    assert first.told == second.told == ["next"]


def test_the_queue_is_as_long_as_was_said() -> None:
    house = House(member(1, max_connections=1), max_queue=2)
    assert not house.group.queue_full
    house.wait(1)
    assert not house.group.queue_full
    house.wait(1)
    assert house.group.queue_full


def test_others_are_members_that_were_not_tried() -> None:
    house = House(member(1), member(2))
    assert house.group.has_others(())
    assert house.group.has_others((2, 7))
    assert not house.group.has_others((2, 1))
