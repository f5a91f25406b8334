"""What holds for every scheduler, whatever its way to choose."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IChoosing, IIncremental, IScheduler, ISchedulerMaker
from lbtwist.model.plane import Member
from lbtwist.model.schedule import BUILT_IN
from tests.model.schedule.making import chosen, member, members, numbers, order, rebuilt

every = pytest.mark.parametrize("name", BUILT_IN)
GROUPS = st.lists(
    st.builds(member, st.integers(1, 12), st.integers(1, 100), st.integers(1, 100)),
    unique_by=lambda each: each.number,
    max_size=12,
)


def made(name: str) -> IScheduler:
    return BUILT_IN[name].make(random.Random(1).random)


def with_members(name: str, group: list[Member]) -> IScheduler:
    scheduler = made(name)
    scheduler.update(group)
    rebuilt(scheduler)
    return scheduler


def test_the_names_are_those_of_the_configuration() -> None:
    assert list(BUILT_IN) == ["wrr", "wlc", "source_hash", "rr", "lc", "maglev", "random"]


@every
def test_each_provides_the_interfaces_and_has_its_name(name: str) -> None:
    maker = BUILT_IN[name]
    assert verifyObject(ISchedulerMaker, maker)
    assert maker.name == name
    assert verifyObject(IScheduler, made(name))
    assert made(name) is not made(name)


def test_those_that_count_say_so() -> None:
    assert {name for name in BUILT_IN if made(name).counting} == {"lc", "wlc", "random"}


def test_those_that_have_work_left_after_an_update_say_so() -> None:
    assert {name for name in BUILT_IN if IIncremental.providedBy(made(name))} == {"maglev"}


@every
def test_nobody_is_chosen_where_there_is_nobody(name: str) -> None:
    scheduler = made(name)
    assert order(scheduler) == []
    scheduler.update(members([100]))
    scheduler.update([])
    rebuilt(scheduler)
    assert order(scheduler) == []


@every
@settings(max_examples=40)
@given(GROUPS, st.integers(0, 40))
def test_an_order_has_each_member_once(name: str, group: list[Member], before: int) -> None:
    scheduler = with_members(name, group)
    for number in range(before if group else 0):
        chosen(scheduler, f"192.0.2.{number}")
    for client in ("192.0.2.1", "2001:db8::1", ""):
        assert sorted(order(scheduler, client)) == sorted(numbers(group))


CHOOSING = [name for name in BUILT_IN if IChoosing.providedBy(made(name))]


def test_those_that_choose_at_less_say_so() -> None:
    assert CHOOSING == ["wrr", "wlc", "rr", "lc"]
    for name in CHOOSING:
        assert verifyObject(IChoosing, made(name))


@pytest.mark.parametrize("name", CHOOSING)
@given(GROUPS, st.lists(st.booleans(), max_size=60))
def test_a_choice_is_the_first_of_an_order(name: str, group: list[Member], freed: list[bool]) -> None:
    """Both go on alike after it, however many there were before."""
    by_choice, by_order = with_members(name, group), with_members(name, group)
    held: list[int] = []
    for end_one in freed:
        choice = IChoosing(by_choice).choose("")
        assert choice == next(by_order.order(""), None)
        if choice is None or not by_choice.counting:
            continue
        held.append(choice.number)
        for each in (by_choice, by_order):
            each.taken(held[-1])
            if end_one:
                each.released(held[0])
        held = held[1:] if end_one else held


@every
@settings(max_examples=40)  # a table of maglev's takes 30 ms
@given(st.lists(st.tuples(GROUPS, st.integers(0, 4), st.booleans()), min_size=2, max_size=6))
def test_an_old_order_goes_on_with_the_members_of_the_moment(
    name: str, course: list[tuple[list[Member], int, bool]]
) -> None:
    """Rules 1 and 9: a removed one is never yielded, nor is one twice, and none is left out at the end."""
    scheduler = made(name)
    orders: list[tuple[Iterator[Member], set[int]]] = []
    group: list[Member] = []
    for group, steps, finished in course:
        scheduler.update(group)
        if finished:
            rebuilt(scheduler)
        orders.append((scheduler.order("192.0.2.1"), set()))
        for asked, had in orders:
            for each in (next(asked, None) for _ in range(steps)):
                if each is not None:
                    assert each in group
                    assert each.number not in had
                    had.add(each.number)
    last, had = orders[-1]
    assert had | {each.number for each in last} == {each.number for each in group}


@every
def test_a_member_is_yielded_as_it_is_now(name: str) -> None:
    scheduler = with_members(name, [member(1, 100)])
    scheduler.update([member(1, 50)])
    assert [each.weight for each in scheduler.order("")] == [50]


@every
def test_a_connection_of_a_stranger_does_no_harm(name: str) -> None:
    scheduler = with_members(name, members([100, 100]))
    if scheduler.counting:
        for number in (7, 1):
            scheduler.released(number)
        scheduler.taken(9)
        scheduler.released(9)
    assert sorted(order(scheduler)) == [1, 2]
