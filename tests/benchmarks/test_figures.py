"""The arithmetic of the benchmark."""

from __future__ import annotations

import pytest

from benchmarks.figures import BEST, Round, Sample, Usage, median, percentile, ratio, ratios


def costing(microseconds: float) -> Sample:
    return Sample(1000, 1.0, Usage(microseconds / 1e3 * 0.25, microseconds / 1e3 * 0.75))


def rounds(**costs: list[float]) -> list[Round]:
    """What each proxy costs in each round; 0 where it has no sample."""
    return [
        {name: costing(each) for name, each in zip(costs, values, strict=True) if each}
        for values in zip(*costs.values(), strict=True)
    ]


def test_a_sample_tells_the_cost_of_an_operation() -> None:
    sample = Sample(20_000, 0.5, Usage(0.1, 0.3))
    assert sample.rate == 40_000
    assert (sample.user, sample.system, sample.cost) == pytest.approx((5.0, 15.0, 20.0))
    assert sample.busy == pytest.approx(0.8)


def test_usage_is_added_and_subtracted_by_kind() -> None:
    used = Usage(3, 5) - Usage(1, 2) + Usage(0.5, 0.25)
    assert (used, used.total) == (Usage(2.5, 3.25), 5.75)


def test_ratios_are_paired_within_a_round() -> None:
    found = rounds(lbtwist=[10, 40, 30], haproxy=[10, 20, 10])
    assert ratios(found, "haproxy") == pytest.approx([1, 2, 3])
    assert ratio(found, "haproxy") == pytest.approx(2)


def test_the_best_is_the_cheaper_one_of_each_round() -> None:
    found = rounds(lbtwist=[12, 12], haproxy=[3, 6], nginx=[4, 2])
    assert ratios(found, BEST) == pytest.approx([4, 6])


def test_a_round_that_lacks_one_of_both_has_no_ratio() -> None:
    found = rounds(lbtwist=[10, 0, 30], haproxy=[0, 10, 10])
    assert ratios(found, "haproxy") == pytest.approx([3])
    assert ratio(found, "nginx") is None
    assert ratio([], BEST) is None


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (50, 500), (50.05, 501), (99, 990), (99.9, 999), (100, 1000)]
)
def test_a_percentile_is_the_value_at_its_rank(percent: float, value: float) -> None:
    assert percentile(range(1000, 0, -1), percent) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert [percentile([7.0], percent) for percent in (0, 50, 99.9, 100)] == [7.0] * 4


def test_a_median_passes_over_what_is_not_there() -> None:
    assert median([None, 1.0, 9.0, 2.0]) == 2.0
    assert median([None]) is None
