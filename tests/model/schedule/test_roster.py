from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.schedule.roster import Roster, others
from tests.model.schedule.making import members, without

LAST = math.nextafter(1.0, 0.0)


@pytest.mark.parametrize(
    ("point", "number"), [(0, 1), (0.124, 1), (0.125, 2), (0.374, 2), (0.375, 3), (LAST, 3)]
)
def test_each_is_as_wide_as_its_share(point: float, number: int) -> None:
    assert Roster(members([1, 2, 5])).at(point).number == number


@given(st.lists(st.integers(1, 100), min_size=1, max_size=50))
def test_the_last_point_is_the_last_member(weights: list[int]) -> None:
    assert Roster(members(weights)).at(LAST).number == len(weights)


@pytest.mark.parametrize(("start", "expected"), [(0.0, [1, 3, 4]), (0.5, [3, 4, 1]), (LAST, [4, 1, 3])])
def test_others_go_round(start: float, expected: list[int]) -> None:
    everyone = members([100] * 4)
    assert [each.number for each in others(lambda: everyone, {2}, start)] == expected


def test_others_are_those_of_the_moment() -> None:
    now = everyone = members([100] * 4)
    going_round = others(lambda: now, set(), 0.0)
    assert next(going_round).number == 1
    now = [*without(everyone, 2), *members([100], first=5)]
    assert [each.number for each in going_round] == [3, 4, 5]
