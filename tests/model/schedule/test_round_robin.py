from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.schedule.round_robin import RoundRobin
from tests.model.schedule.making import chosen, member, members, without


def choices(scheduler: RoundRobin, times: int) -> list[int]:
    return [chosen(scheduler) for _ in range(times)]


def test_each_in_turn() -> None:
    scheduler = RoundRobin()
    scheduler.update(members([1, 100, 7]))
    assert choices(scheduler, 7) == [1, 2, 3, 1, 2, 3, 1]


def test_the_clients_of_one_that_fails_go_to_all_others_alike() -> None:
    scheduler = RoundRobin()
    scheduler.update(members([100] * 3))
    took = [next(each for each in scheduler.order("") if each.number != 1).number for _ in range(12)]
    assert (took.count(2), took.count(3)) == (6, 6)


@given(st.integers(2, 8), st.integers(0, 20), st.integers(1, 8))
def test_whoever_leaves_the_others_keep_their_turns(count: int, before: int, leaving: int) -> None:
    told, untold = RoundRobin(), RoundRobin()
    for scheduler in (told, untold):
        scheduler.update(members([100] * count))
        choices(scheduler, before)
    told.update(without(members([100] * count), leaving))
    expected = [number for number in choices(untold, 3 * count) if number != leaving]
    assert choices(told, 2 * count - 2) == expected[: 2 * count - 2]


def test_one_that_joins_has_its_turn_with_the_others() -> None:
    scheduler = RoundRobin()
    scheduler.update(members([100, 100]))
    choices(scheduler, 1)
    scheduler.update([*members([100, 100]), member(3)])
    assert choices(scheduler, 4) == [2, 3, 1, 2]


def test_an_order_skips_whom_it_had_though_others_took_turns_meanwhile() -> None:
    scheduler = RoundRobin()
    scheduler.update(members([100] * 3))
    order = scheduler.order("")
    assert next(order).number == 1
    choices(scheduler, 2)
    assert [each.number for each in islice(order, 3)] == [2, 3]
