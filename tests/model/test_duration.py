from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.duration import parse_duration, plain_number


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (30, 30),
        (0.5, 0.5),
        (10**12, 1e12),
        ("500ms", 0.5),
        ("0s", 0),
        ("30s", 30),
        ("1.5s", 1.5),
        ("5m", 300),
        ("1h", 3600),
    ],
)
def test_forms(value: object, seconds: float) -> None:
    parsed = parse_duration(value)
    assert parsed == seconds
    assert type(parsed) is float


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        -1,
        -0.1,
        math.nan,
        math.inf,
        10**12 + 1,
        10**400,
        pytest.param(10**5000, id="a number without repr"),
        [],
        "",
        "30",
        "s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s\n",
        "1S",
        "1e3s",
        "1_0s",
        ".5s",
        "1.s",
        "inf",
        "nans",
        "٣s",
        "²s",
        "1d",
        "1h30m",
        "1" * 400 + "s",
    ],
)
def test_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration \(seconds, or"):
        parse_duration(value)


@given(st.integers(0, 999_999), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]))
def test_units(number: int, unit: tuple[str, float]) -> None:
    assert parse_duration(f"{number}{unit[0]}") == pytest.approx(number * unit[1])


@given(
    st.one_of(st.text(), st.floats(), st.integers(), st.from_regex(r"[0-9.]{1,12}[a-z]{0,3}", fullmatch=True))
)
def test_finite_and_not_negative_or_a_value_error(value: object) -> None:
    try:
        seconds = parse_duration(value)
    except ValueError:
        return
    assert 0 <= seconds < math.inf


def test_written_without_a_needless_fraction() -> None:
    assert [repr(plain_number(seconds)) for seconds in (300.0, 0.5, math.inf)] == ["300", "0.5", "inf"]
