"""What a data plane has counted, as values."""

from __future__ import annotations

from lbtwist.model.figures import BOUNDS, Distribution, Figures


def test_a_distribution_adds_up() -> None:
    counts = (2, 0, 3, *(0 for _ in BOUNDS[3:]), 1)
    distribution = Distribution(counts, 40.0)
    assert distribution.total == 6
    assert distribution.at_most() == [2, 2, 5, *(5 for _ in BOUNDS[3:]), 6]


def test_an_empty_one_has_every_bucket() -> None:
    assert Distribution().at_most() == [0] * (len(BOUNDS) + 1)
    assert Distribution().total == 0


def test_nothing_counted_is_no_entry() -> None:
    assert (Figures().listeners, Figures().groups, Figures().failures) == ({}, {}, {})


def test_bounds_grow() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
