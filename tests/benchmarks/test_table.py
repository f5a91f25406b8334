"""Results as text and as data."""

from __future__ import annotations

import json

import pytest

from benchmarks.figures import BEST, US, Sample, Usage
from benchmarks.results import Compared, Figure, Limit, Measured, Results
from benchmarks.table import number, shown, summary


def sample(microseconds: float, p99: float | None = 30.0, errors: int = 0) -> Sample:
    return Sample(1000, 0.5, Usage(microseconds / 2e3, microseconds / 2e3), 10.0, p99, errors)


KEPT = Compared(
    "tcp-kept",
    "requests",
    "request",
    [{US: sample(12), "haproxy": sample(8)}, {US: sample(40, errors=2), "haproxy": sample(16)}],
    [Limit(2.5, BEST), Limit(1.5, "haproxy"), Limit(9.0, "nginx")],
)
TIMES = Measured(
    "tail",
    "p99.9",
    [
        Figure("at rest", "ms", {US: 3.0, "haproxy": 2.0}, Limit(1.5, "haproxy")),
        Figure("in a drain", "ms", {US: 8.0, "haproxy": 2.0}, Limit(1.5, "haproxy")),
        Figure("reload", "ms", {US: 51.0}, Limit(50.0)),
        Figure("without haproxy", "ms", {US: 3.0}, Limit(1.5, "haproxy")),
        Figure("rate", "per second", {US: 12345.6}),
    ],
)


def test_a_comparison_is_a_line_for_each_proxy_and_its_limits() -> None:
    lines = shown(KEPT).splitlines()
    assert lines[0] == "tcp-kept: requests"
    assert lines[2].split() == ["lbtwist", "2,000", "26.0", "13.0", "13.0", "5%", "10.0", "30.0"]
    assert lines[3].split() == ["haproxy", "2,000", "12.0", "6.00", "6.00", "2%", "10.0", "30.0", "2.00"]
    assert lines[4:6] == [
        "  2.00 times the better, at most 2.5: met",
        "  2.00 times haproxy, at most 1.5: not met",
    ]
    assert lines[6:] == ["  lbtwist: 2 errors"]


def test_what_has_no_single_operations_has_no_percentiles() -> None:
    bulk = Compared("bulk", "megabytes", "megabyte", [{US: Sample(1000, 1.0, Usage(0.1, 0.2))}])
    assert shown(bulk).splitlines()[2].split() == ["lbtwist", "1,000", "300", "100", "200", "30%"]


def test_figures_are_a_line_each_with_a_column_for_each_proxy() -> None:
    lines = [" ".join(line.split()) for line in shown(TIMES).splitlines()]
    assert lines[1:] == [
        "lbtwist haproxy",
        "at rest 3.00 2.00 ms 1.50 times haproxy, at most 1.5: met",
        "in a drain 8.00 2.00 ms 4.00 times haproxy, at most 1.5: not met",
        "reload 51.0 ms 51.0, at most 50: not met",
        "without haproxy 3.00 ms",
        "rate 12,346 per second",
    ]


def test_the_summary_has_the_worst_of_each_limit_and_what_was_left_out() -> None:
    text = summary(Results({}, [KEPT, TIMES], {"costs": "there is no access log"}))
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "What is wanted",
        "tcp-kept 2.00 times the better, at most 2.5: met",
        "tcp-kept 2.00 times haproxy, at most 1.5: not met",
        "tail 4.00 times haproxy, at most 1.5: not met",
        "tail 51.0, at most 50: not met",
        "costs: left out: there is no access log",
    ]
    assert summary(Results()) == ""


def test_results_can_be_written_as_json_with_each_round() -> None:
    data = json.loads(json.dumps(Results({"cores": 2}, [KEPT, TIMES]).as_data()))
    kept = data["cases"]["tcp-kept"]
    assert data["cores"] == 2
    assert kept["ratios"] == pytest.approx({"haproxy": 2.0, BEST: 2.0})
    assert kept["ratios_by_round"]["haproxy"] == pytest.approx([1.5, 2.5])
    assert kept["medians"][US]["cpu_us"] == pytest.approx(26.0)
    assert kept["rounds"][1][US]["usage"] == {"user": 0.02, "system": 0.02}
    assert [limit["met"] for limit in kept["limits"]] == [True, False]
    assert data["cases"]["tail"]["figures"][2]["limits"] == [
        {"value": 50.0, "peer": "", "ours": 51.0, "met": False}
    ]


def test_numbers_have_as_many_digits_as_mean_something() -> None:
    assert [number(value) for value in (0.456, 9.994, 12.34, 99.94, 123.4, 12345.6)] == [
        "0.46", "9.99", "12.3", "99.9", "123", "12,346",
    ]  # fmt: skip
