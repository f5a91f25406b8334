"""The heap that is put right lazily, against sorting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.schedule.ranking import SLACK, Ranked, Ranking
from tests.model.schedule.making import member

RANKS = st.lists(st.integers(0, 9), min_size=1, max_size=20)


def filled(ranks: list[int]) -> tuple[Ranking[Ranked], list[Ranked]]:
    ranked = [Ranked(member(place), rank, place) for place, rank in enumerate(ranks)]
    ranking: Ranking[Ranked] = Ranking()
    ranking.fill(ranked)
    return ranking, ranked


def by_rank(ranked: list[Ranked]) -> list[int]:
    return [each.member.number for each in sorted(ranked, key=lambda each: (each.major, each.minor))]


def in_order(ranking: Ranking[Ranked]) -> list[int]:
    first = ranking.first()
    assert first is not None
    return [first.member.number, *(each.member.number for each in ranking.after(first))]


@given(RANKS, st.lists(st.tuples(st.integers(0, 19), st.integers(-4, 4), st.booleans()), max_size=40))
def test_in_order_whatever_rose_and_fell(ranks: list[int], changes: list[tuple[int, int, bool]]) -> None:
    ranking, ranked = filled(ranks)
    for which, by, looked_at in changes:
        each = ranked[which % len(ranked)]
        each.major += by
        if by < 0:
            ranking.fell(each)
        if looked_at:
            assert ranking.first() is min(ranked, key=lambda each: (each.major, each.minor))
    assert in_order(ranking) == by_rank(ranked)


@given(RANKS, st.lists(st.tuples(st.integers(0, 19), st.integers(-4, 4)), max_size=20))
def test_each_once_while_ranks_change(ranks: list[int], changes: list[tuple[int, int]]) -> None:
    ranking, ranked = filled(ranks)
    first = ranking.first()
    assert first is not None
    seen = [first]
    changing = iter(changes)
    for each in ranking.after(first):
        left = [other for other in ranked if other not in seen]
        assert each is min(left, key=lambda other: (other.major, other.minor))
        seen.append(each)
        which, by = next(changing, (0, 0))
        other = ranked[which % len(ranked)]
        other.major += by
        if by < 0:
            ranking.fell(other)
        ranking.first()
    assert len(seen) == len(ranked)


def test_none_is_missed_when_the_heap_is_put_right_meanwhile() -> None:
    ranking, _ = filled(list(range(63)))
    first = ranking.first()
    assert first is not None
    order = []
    for each in ranking.after(first):
        order.append(each.member.number)
        each.major += 100
        first.major += 1000
        ranking.first()
    assert order == list(range(1, 63))


def test_a_minor_that_falls_counts_too() -> None:
    ranking, ranked = filled([0, 0, 0])
    ranked[2].minor = -1
    ranking.fell(ranked[2])
    assert in_order(ranking) == [2, 0, 1]


def test_what_was_replaced_takes_no_room_for_ever() -> None:
    ranking, ranked = filled([1000, 1000, 0])
    for rank in range(999, 0, -1):
        ranked[0].major = rank
        ranking.fell(ranked[0])
        assert len(ranking.heap) <= 2 * 3 + SLACK
    assert in_order(ranking) == [2, 0, 1]


def test_only_the_last_that_were_filled_in_are_ranked() -> None:
    ranking, ranked = filled([1, 2])
    first = ranking.first()
    assert first is not None
    after = ranking.after(first)
    ranking.fill(ranked[:1])
    assert list(after) == []
    ranking.fill([])
    assert ranking.first() is None
    assert Ranking[Ranked]().first() is None


def test_others_that_are_filled_in_meanwhile_are_all_that_follow() -> None:
    ranking, ranked = filled([1, 2, 3, 4])
    after = ranking.after(ranked[0])
    assert next(after) is ranked[1]
    ranking.fill(ranked[2:3])
    assert list(after) == ranked[2:3]


def test_one_that_falls_meanwhile_is_not_missed() -> None:
    """Also where its rank is below what came already, and however often one has fallen before."""
    ranking, ranked = filled(list(range(10, 25)))
    after = ranking.after(ranked[0])
    got = [next(after) for _ in range(3)]
    for each in (ranked[14], ranked[13], ranked[12]):
        each.major = 0
        ranking.fell(each)
        got.append(next(after))
    expected = [1, 2, 3, 14, 13, 12, *range(4, 12)]
    assert [each.member.number for each in (*got, *after)] == expected


def test_one_that_rises_and_falls_meanwhile_is_where_it_then_belongs() -> None:
    """Its entry in the heap was lower all the time."""
    ranking, ranked = filled([4, 6, 8, 9, 1])
    after = ranking.after(ranked[4])
    assert next(after) is ranked[0]
    ranked[1].major = 10
    assert next(after) is ranked[2]
    ranked[1].major = 7
    ranking.fell(ranked[1])
    assert list(after) == [ranked[1], ranked[3]]


@pytest.mark.parametrize("count", range(8))
def test_all_are_in_order_however_many_have_risen_or_fallen(count: int) -> None:
    for by in (20, -20):
        ranking, ranked = filled(list(range(8)))
        for each in ranked[:count]:
            each.major += by
            if by < 0:
                ranking.fell(each)
        assert in_order(ranking) == by_rank(ranked)


def test_one_that_falls_below_the_first_is_the_first() -> None:
    """Its place among equals is of another size than its rank."""
    ranking, ranked = filled([5, 5, 9])
    ranked[2].major = 4
    ranking.fell(ranked[2])
    assert in_order(ranking) == [2, 0, 1]


def test_what_has_not_fallen_takes_no_room() -> None:
    ranking, ranked = filled([1, 2])
    for _ in range(3):
        ranking.fell(ranked[1])
    ranked[1].major = 3
    ranking.fell(ranked[1])
    ranked[1].minor = 0
    ranking.fell(ranked[1])
    assert len(ranking.heap) == 2
