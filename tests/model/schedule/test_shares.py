"""Rule 11: how many of 16,000 choices each gets, of members of weights 1, 2 and 5.

Where chance or a hash decides, a count may be off by 4 standard deviations of that many tosses; of
the tables and counters it is exact to what is said there.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from math import sqrt

import pytest

from lbtwist.model.plane import Member
from lbtwist.model.schedule import BUILT_IN
from tests.model.schedule.making import CLIENTS, chosen, member, members, rebuilt

TIMES = 16_000
WEIGHTS = [1, 2, 5]
BY_WEIGHT = {1: TIMES // 8, 2: TIMES // 4, 3: TIMES * 5 // 8}


def counted(name: str, group: list[Member], *, kept: bool = True) -> Counter[int]:
    """Choices by member; the connections stay, or end at once."""
    scheduler = BUILT_IN[name].make(random.Random(11).random)
    scheduler.update(group)
    rebuilt(scheduler)
    counts: Counter[int] = Counter()
    for client in CLIENTS[:TIMES]:
        number = chosen(scheduler, client)
        counts[number] += 1
        if scheduler.counting and not kept:
            scheduler.released(number)
    return counts


def assert_within_chance(counts: Mapping[int, int], expected: Mapping[int, int]) -> None:
    for number, mean in expected.items():
        assert abs(counts[number] - mean) <= 4 * sqrt(mean * (1 - mean / TIMES))


def test_wrr_is_exact() -> None:
    assert counted("wrr", members(WEIGHTS)) == BY_WEIGHT


def test_wlc_is_exact_while_connections_stay() -> None:
    assert counted("wlc", members(WEIGHTS)) == BY_WEIGHT


@pytest.mark.parametrize("name", ["source_hash", "maglev", "random"])
def test_by_weight_within_chance(name: str) -> None:
    assert_within_chance(counted(name, members(WEIGHTS)), BY_WEIGHT)


def test_random_goes_by_weight_when_nobody_has_connections() -> None:
    assert_within_chance(counted("random", members(WEIGHTS), kept=False), BY_WEIGHT)


def test_two_choices_are_more_even_than_one() -> None:
    counts = counted("random", members([1] * 16))
    assert max(counts.values()) - min(counts.values()) <= 10


@pytest.mark.parametrize("name", ["rr", "lc"])
@pytest.mark.parametrize("kept", [True, False])
def test_weights_count_for_nothing(name: str, kept: bool) -> None:
    counts = counted(name, members([1, 2, 5, 100]), kept=kept)
    assert counts == dict.fromkeys(range(1, 5), TIMES // 4)


@pytest.mark.parametrize("name", ["wrr", "wlc", "source_hash", "maglev", "random"])
def test_slow_start_counts_into_the_weight(name: str) -> None:
    counts = counted(name, [member(1, 100, ramp=10), member(2, 20, ramp=100), member(3, 50)])
    assert_within_chance(counts, BY_WEIGHT)
