"""`lc` and `wlc` against a model that looks at every member for each choice."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.plane import Member
from lbtwist.model.schedule.least_connections import LeastConnections, WeightedLeastConnections
from tests.model.schedule.making import chosen, member, members, order, without

KINDS = [LeastConnections, WeightedLeastConnections]
each_kind = pytest.mark.parametrize("kind", KINDS)

NUMBERS = st.integers(1, 6)
# Members that do not change are the same objects at each update, as in a group.
STEPS = st.one_of(
    st.tuples(st.just("choose"), st.integers(1, 6)),
    st.tuples(st.just("released"), st.integers(0, 1000)),
    st.tuples(st.just("taken"), NUMBERS),
    st.tuples(
        st.just("update"),
        st.lists(
            st.builds(cache(member), NUMBERS, st.integers(1, 4), st.sampled_from([25, 50, 100])),
            unique_by=lambda each: each.number,
        ),
    ),
)


class Model:
    """All counts, all turns, and a search through all of them."""

    def __init__(self, weighted: bool) -> None:
        self.weighted = weighted
        self.members: list[Member] = []
        self.counts: Counter[int] = Counter()
        self.turns: dict[int, int] = {}
        self.turn = 0

    def update(self, members: list[Member]) -> None:
        staying = {m.number for m in members}
        self.turns = {number: turn for number, turn in self.turns.items() if number in staying}
        for each in members:
            if each.number not in self.turns:
                self.has_turn(each.number)
        self.members = members

    def has_turn(self, number: int) -> None:
        self.turn += 1
        self.turns[number] = self.turn

    def order(self, length: int) -> list[int]:
        tried: list[int] = []
        while len(tried) < min(length, len(self.members)):
            best = min((m for m in self.members if m.number not in tried), key=self.rank)
            tried.append(best.number)
            self.has_turn(best.number)
        return tried

    def rank(self, each: Member) -> tuple[Fraction, int]:
        share = each.share if self.weighted else 1
        return Fraction(self.counts[each.number] + 1, share), self.turns[each.number]


@each_kind
@given(st.lists(STEPS, max_size=60))
def test_exact_against_a_search_through_all(
    kind: type[LeastConnections], steps: list[tuple[str, object]]
) -> None:
    scheduler, model = kind(), Model(kind is WeightedLeastConnections)
    scheduler.update(members([1, 2, 4]))
    model.update(members([1, 2, 4]))
    for step, value in steps:
        match step, value:
            case "choose", int(length):
                asked = scheduler.order("")
                got = [each.number for _, each in zip(range(length), asked, strict=False)]
                assert got == model.order(length)
                for number in got[:1]:
                    scheduler.taken(number)
                    model.counts[number] += 1
            case "taken", int(number):
                scheduler.taken(number)
                model.counts[number] += 1
            case "released", int(which):
                live = sorted(model.counts.elements())
                if live:
                    scheduler.released(live[which % len(live)])
                    model.counts[live[which % len(live)]] -= 1
            case "update", list(group):
                scheduler.update(group)
                model.update(group)


@each_kind
def test_equal_servers_alternate_though_nothing_lasts(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    scheduler.update(members([100] * 3))
    numbers = []
    for _ in range(6):
        numbers.append(chosen(scheduler))
        scheduler.released(numbers[-1])
    assert numbers == [1, 2, 3, 1, 2, 3]


@each_kind
def test_the_one_with_fewer_connections_catches_up(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    scheduler.update(members([100]))
    for _ in range(5):
        chosen(scheduler)
    scheduler.update(members([100, 100]))
    assert [chosen(scheduler) for _ in range(5)] == [2] * 5


@each_kind
def test_a_count_outlives_leaving_and_coming_back(kind: type[LeastConnections]) -> None:
    everyone = members([100, 100])
    scheduler = kind()
    scheduler.update(everyone)
    for _ in range(8):
        chosen(scheduler)
    scheduler.update(without(everyone, 1))
    scheduler.released(1)
    scheduler.update(everyone)
    for _ in range(2):
        scheduler.released(2)
    assert [chosen(scheduler) for _ in range(2)] == [2, 1]  # 3 and 2 connections, then 3 and 3


@each_kind
def test_what_begins_and_ends_while_it_is_away_counts_when_it_is_back(kind: type[LeastConnections]) -> None:
    everyone = members([100, 100])
    scheduler = kind()
    scheduler.update(everyone)
    scheduler.update(without(everyone, 1))
    for step in (scheduler.taken, scheduler.taken, scheduler.taken, scheduler.taken, scheduler.released):
        step(1)
    scheduler.update(everyone)
    assert sorted(chosen(scheduler) for _ in range(5)) == [1, 2, 2, 2, 2]
    scheduler.update(without(everyone, 1))
    for _ in range(3):
        scheduler.released(1)
    scheduler.update(everyone)
    assert [chosen(scheduler) for _ in range(4)] == [1, 1, 1, 2]  # of 1 and 4 connections


@each_kind
def test_those_that_were_tried_in_vain_have_had_their_turn(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    scheduler.update(members([100] * 3))
    assert [order(scheduler) for _ in range(2)] == [[1, 2, 3]] * 2
    assert next(scheduler.order("")).number == 1
    assert order(scheduler) == [2, 3, 1]


@each_kind
def test_a_count_that_fell_to_none_is_none_when_it_comes_back_again(kind: type[LeastConnections]) -> None:
    everyone = members([100, 100])
    scheduler = kind()
    scheduler.update(everyone)
    for _ in range(4):
        scheduler.taken(1)
    scheduler.update(without(everyone, 1))
    scheduler.update(everyone)
    for _ in range(4):
        scheduler.released(1)
    scheduler.update(without(everyone, 1))
    scheduler.update(everyone)
    assert sorted(chosen(scheduler) for _ in range(4)) == [1, 1, 2, 2]


@each_kind
def test_what_was_never_taken_is_not_counted_when_it_ends(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    scheduler.update(members([100, 100]))
    for _ in range(5):
        scheduler.released(1)
    assert sorted(chosen(scheduler) for _ in range(4)) == [1, 1, 2, 2]


@each_kind
def test_one_that_left_takes_room_only_until_its_last_connection(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    for number in range(1, 500):
        scheduler.update([member(number)])
        chosen(scheduler)
        scheduler.update([])
        scheduler.taken(number)
        assert len(scheduler._away) == 1
        scheduler.released(number)
        scheduler.released(number)
        assert not scheduler._away


@each_kind
def test_an_order_goes_on_with_the_loads_of_the_moment(kind: type[LeastConnections]) -> None:
    scheduler = kind()
    scheduler.update(members([100] * 4))
    scheduler.taken(4)
    order_begun = scheduler.order("")
    assert next(order_begun).number == 1
    scheduler.taken(2)
    scheduler.taken(2)
    scheduler.released(4)
    scheduler.taken(3)
    assert [each.number for each in order_begun] == [4, 3, 2]


def test_wlc_counts_the_connection_that_is_to_come() -> None:
    scheduler = WeightedLeastConnections()
    scheduler.update(members([1, 100]))
    assert [chosen(scheduler) for _ in range(99)] == [2] * 99
    assert order(scheduler) == [1, 2]
