"""Token buckets by source."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.allowance import Allowances


def test_a_source_has_its_burst_and_then_its_rate() -> None:
    allowances = Allowances(burst=3, rate=0.5)
    assert [allowances.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert allowances.take("b", 0.0)
    assert not allowances.take("a", 1.9)
    assert [allowances.take("a", 2.0), allowances.take("a", 2.0)] == [True, False]
    assert [allowances.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_refused_costs_nothing() -> None:
    allowances = Allowances(burst=1, rate=1.0)
    allowances.take("a", 0.0)
    for tenth in range(10):
        assert not allowances.take("a", tenth / 10)
    assert allowances.take("a", 1.0)


def test_asking_counts_nothing() -> None:
    allowances = Allowances(burst=1, rate=1.0)
    assert allowances.allows("a", 0.0)
    assert len(allowances) == 0
    allowances.take("a", 0.0)
    assert [allowances.allows("a", 0.5), allowances.allows("a", 1.0)] == [False, True]


def test_what_is_given_back_does_not_count_and_adds_nothing_to_the_burst() -> None:
    allowances = Allowances(burst=2, rate=0.0)
    for _ in range(10):
        assert allowances.take("a", 0.0)
        allowances.give_back("a", 0.0)
    allowances.give_back("a", 0.0)
    allowances.give_back("unknown", 0.0)
    assert [allowances.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert len(allowances) == 1


def test_the_table_is_bounded_and_forgets_who_was_quiet_longest() -> None:
    allowances = Allowances(burst=1, rate=0.0, most=2)
    assert [allowances.take(source, 0.0) for source in "abac"] == [True, True, False, True]
    assert len(allowances) == 2
    assert [allowances.allows(source, 0.0) for source in "abc"] == [False, True, False]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 5)), max_size=60))
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[str, float]]) -> None:
    allowances, now = Allowances(burst=3, rate=2.0), 0.0
    allowed: dict[str, list[float]] = {"a": [], "b": []}
    for source, pause in steps:
        now += pause
        if allowances.take(source, now):
            allowed[source].append(now)
    for times in allowed.values():
        for first, begin in enumerate(times):
            for last, end in enumerate(times[first:], first):
                assert last - first + 1 <= 3 + 2.0 * (end - begin) + 1e-6


def test_one_is_given_back_at_a_time_of_what_that_source_has_taken() -> None:
    allowances = Allowances(burst=3, rate=0.0)
    for source in "aaab":
        allowances.take(source, 0.0)
    allowances.give_back("a", 0.0)
    assert [allowances.take("a", 0.0) for _ in range(2)] == [True, False]
