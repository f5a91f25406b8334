"""Weighted round robin: exact shares, evenly spread, and an order of preference for failover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from lbtwist.model.plane import Member
from lbtwist.model.schedule.weighted_round_robin import _SECOND, WeightedRoundRobin
from tests.model.schedule.making import member

WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=8)


def members(weights: Sequence[int]) -> list[Member]:
    return [member(number, weight) for number, weight in enumerate(weights)]


def scheduler(*chosen: Member) -> WeightedRoundRobin:
    made = WeightedRoundRobin()
    made.update(chosen)
    return made


def choose(among: WeightedRoundRobin, times: int) -> list[int]:
    return [next(among.order("")).number for _ in range(times)]


def test_nobody_is_chosen_when_there_is_nobody() -> None:
    assert list(scheduler().order("")) == []


def test_every_share_divides_the_unit_of_time() -> None:
    """Or turns would be rounded, and shares not exact for ever."""
    shares = {member(1, weight, ramp).share for weight in range(1, 101) for ramp in range(1, 101)}
    assert all(_SECOND % share == 0 for share in shares)


def test_equal_weights_take_turns() -> None:
    assert choose(scheduler(*members([100, 100, 100])), 6) == [0, 1, 2, 0, 1, 2]


def test_a_heavy_server_is_not_chosen_in_one_run() -> None:
    assert choose(scheduler(*members([5, 1, 1])), 14) == [0, 0, 0, 1, 0, 0, 2] * 2


@given(WEIGHTS, st.integers(1, 3))
def test_every_cycle_gives_each_server_exactly_its_weight(weights: list[int], cycles: int) -> None:
    made = scheduler(*members(weights))
    for _ in range(cycles):
        assert Counter(choose(made, sum(weights))) == Counter(dict(enumerate(weights)))


@given(WEIGHTS)
def test_no_server_waits_longer_than_its_stride(weights: list[int]) -> None:
    """Between two turns of one server every other has at most its own share of that time, rounded up."""
    total = sum(weights)
    chosen = choose(scheduler(*members(weights)), 2 * total)
    for number, weight in enumerate(weights):
        turns = [at for at, each in enumerate(chosen) if each == number]
        longest = max(later - earlier for earlier, later in pairwise(turns))
        assert longest <= total / weight + len(weights)


@given(WEIGHTS, st.integers(0, 200))
def test_failover_yields_each_member_once(weights: list[int], before: int) -> None:
    made = scheduler(*members(weights))
    choose(made, before)
    assert sorted(each.number for each in made.order("")) == list(range(len(weights)))


def test_the_one_that_was_tried_does_not_lose_its_place_to_failover() -> None:
    made = scheduler(*members([100, 100, 100]))
    assert [each.number for each in islice(made.order(""), 2)] == [0, 1]
    assert choose(made, 3) == [2, 0, 1]


def test_an_update_leaves_the_order_as_it_was() -> None:
    for weights, all_of_them in (([100] * 3, [0, 1, 2] * 2), ([5, 1, 1], [0, 0, 0, 1, 0, 0, 2] * 2)):
        made, got = scheduler(*members(weights)), []
        for _ in all_of_them:
            got += choose(made, 1)
            made.update(members(weights))
        assert got == all_of_them


def test_of_two_turns_at_once_the_first_in_the_list_is_next() -> None:
    one, two, three = members([10, 30, 10])
    made = scheduler(one, two, three)
    made.update([two, three, one])
    again = scheduler(one, two, three)
    again.update([replace(each) for each in (two, three, one)])
    assert choose(made, 10) == choose(again, 10)
    made.update([three, two, one])
    again.update([replace(each) for each in (three, two, one)])
    assert choose(made, 10) == choose(again, 10)


@given(WEIGHTS, st.integers(0, 100))
def test_an_update_that_changes_nothing_changes_no_choice(weights: list[int], before: int) -> None:
    told, untold = scheduler(*members(weights)), scheduler(*members(weights))
    assert choose(told, before) == choose(untold, before)
    told.update(members(weights))
    assert choose(told, sum(weights)) == choose(untold, sum(weights))


@given(WEIGHTS, st.lists(st.integers(-1, 9), max_size=40))
@example([10, 30, 10], [-1, 0])  # two turns at once: the first in the list is next
def test_members_that_are_the_same_objects_have_the_turns_of_equal_ones(
    weights: list[int], steps: list[int]
) -> None:
    """What is kept of them saves work and changes no choice, whoever stood in for others before."""
    same = members(weights)
    kept, anew = scheduler(*same), scheduler(*same)
    for step in steps:
        if step < 0:
            same.append(same.pop(0))
            kept.update(same)
            anew.update([replace(each) for each in same])
        else:
            orders = (made.order("") for made in (kept, anew))
            one, other = ([each.number for each in islice(order, step + 1)] for order in orders)
            assert one == other


@given(st.lists(st.integers(1, 100), min_size=2, max_size=8), st.data())
def test_those_that_stay_keep_their_place(weights: list[int], data: st.DataObject) -> None:
    """Whoever leaves, the others come in the order in which they would have come anyway."""
    everyone = members(weights)
    told, untold = scheduler(*everyone), scheduler(*everyone)
    before = data.draw(st.integers(0, sum(weights)))
    choose(told, before), choose(untold, before)
    leaving = data.draw(st.sampled_from(everyone))
    staying = [each for each in everyone if each is not leaving]
    told.update(staying)
    expected = [number for number in choose(untold, sum(weights) * 2) if number != leaving.number]
    assert choose(told, len(staying)) == expected[: len(staying)]


@given(WEIGHTS, WEIGHTS, st.integers(0, 100))
def test_shares_are_exact_whoever_was_there_before(old: list[int], new: list[int], before: int) -> None:
    """Rule 11: from an update on, the shares are those of the members there are now."""
    made = scheduler(*members(old))
    choose(made, before)
    made.update([member(100 + number, weight) for number, weight in enumerate(new)])
    assert Counter(choose(made, sum(new))) == {100 + number: weight for number, weight in enumerate(new)}


@given(st.lists(st.integers(1, 100), min_size=2, max_size=8), st.data())
def test_rule_11_the_share_of_one_that_left_goes_to_the_others(
    weights: list[int], data: st.DataObject
) -> None:
    made = scheduler(*members(weights))
    choose(made, data.draw(st.integers(0, 100)))
    staying = members(weights)[1:]
    made.update(staying)
    cycle = sum(each.weight for each in staying)
    counted = Counter(choose(made, 3 * cycle))
    assert all(abs(counted[each.number] - 3 * each.weight) <= 1 for each in staying)


def test_one_that_is_removed_is_not_yielded_by_an_order_that_was_begun_before() -> None:
    """Rule 9: a dispatch under way asks its order for the next server after the update."""
    made = scheduler(*members([100, 100, 100]))
    order = made.order("")
    first = next(order).number
    made.update([each for each in members([100, 100, 100]) if each.number != 1])
    assert first == 0
    assert [each.number for each in order] == [2]


def test_one_that_joins_is_yielded_by_an_order_that_was_begun_before() -> None:
    made = scheduler(member(0))
    order = made.order("")
    next(order)
    made.update([member(0), member(1)])
    assert [each.number for each in order] == [1]


def test_one_that_joins_is_not_flooded_to_catch_up() -> None:
    made = scheduler(*members([100, 100]))
    choose(made, 1001)
    made.update(members([100, 100, 100]))
    assert Counter(choose(made, 30)) == {0: 10, 1: 10, 2: 10}


def test_another_weight_holds_from_the_update_on() -> None:
    made = scheduler(member(0, 100), member(1, 1))
    choose(made, 500)
    made.update([member(0, 1), member(1, 1)])
    assert Counter(choose(made, 20)) == {0: 10, 1: 10}


@given(st.lists(st.integers(1, 100), min_size=2, max_size=6), st.integers(1, 300))
def test_who_stood_in_for_others_is_not_starved_for_it(weights: list[int], failovers: int) -> None:
    """A server that takes connections in place of one that fails takes at most its next turn early."""
    made = scheduler(*members(weights))
    for _ in range(failovers):
        list(made.order(""))
    counted = Counter(choose(made, 10 * sum(weights)))
    assert all(counted[number] >= 10 * weight - 2 for number, weight in enumerate(weights))
