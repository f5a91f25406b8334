"""The kinds of value: each reads what it allows and no more, says so, and writes what it has read."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import pytest

from lbtwist.model.config.kind import (
    Kind,
    boolean,
    member_of,
    one_of,
    one_of_or_plugin,
    seconds,
    seconds_or,
    seconds_or_zero,
    some_of,
    text,
    whole,
    whole_in,
)
from lbtwist.model.duration import PATTERN

LENGTH = 'is not a duration (seconds, or "500ms", "30s", "5m", "1h")'
TEXT = {"type": "string", "pattern": f"^{PATTERN}$"}


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def ports() -> Kind:
    return whole_in((22, 22), (80, 90))


def colours() -> Kind:
    return one_of("red", "blue")


def waits() -> Kind:
    return seconds_or(1, 10, {"never": math.inf, "same": None})


@pytest.mark.parametrize(
    ("make", "value", "read"),
    [
        (boolean, True, True),
        (boolean, False, False),
        (lambda: whole(2, 9), 2, 2),
        (lambda: whole(2, 9), 9, 9),
        (lambda: whole(2), 10**9, 10**9),
        (ports, 22, 22),
        (ports, 80, 80),
        (ports, 90, 90),
        (lambda: seconds(1, 10), 1, 1.0),
        (lambda: seconds(1, 10), "10s", 10.0),
        (lambda: seconds_or_zero(1, 10), 0, 0.0),
        (lambda: seconds_or_zero(1, 10), "0ms", 0.0),
        (lambda: seconds_or_zero(1, 10), "1s", 1.0),
        (waits, "never", math.inf),
        (waits, "same", None),
        (waits, "5s", 5.0),
        (colours, "red", "red"),
        (lambda: one_of_or_plugin("red"), "mine", "mine"),
        (lambda: some_of("red", "blue"), ["blue", "red", "blue"], ("blue", "red")),
        (lambda: some_of("red", "blue"), ("red",), ("red",)),
        (lambda: member_of(Colour), "blue", Colour.BLUE),
        (lambda: text("a+", "some a"), "aaa", "aaa"),
    ],
)
def test_what_is_allowed_is_read(make: Any, value: object, read: object) -> None:
    found = make().read(value)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (boolean, 1, "1 is not one of true, false"),
        (lambda: whole(2, 9), 1, "1 is not in 2–9"),
        (lambda: whole(2, 9), 10, "10 is not in 2–9"),
        (lambda: whole(2, 9), 2.0, "2.0 is not a whole number (2–9)"),
        (lambda: whole(0, 9), True, "True is not a whole number (0–9)"),
        (lambda: whole(2), 1, "1 is not 2 or more"),
        (ports, 23, "23 is not one of 22, 80–90"),
        (ports, 91, "91 is not one of 22, 80–90"),
        (ports, 79, "79 is not one of 22, 80–90"),
        (ports, "80", "'80' is not a whole number (22, 80–90)"),
        (lambda: whole_in((0, 1)), True, "True is not a whole number (0–1)"),
        (lambda: seconds(1, 10), 0.9, "0.9 is not in 1–10 s"),
        (lambda: seconds(1, 10), "11s", "'11s' is not in 1–10 s"),
        (lambda: seconds(1, 10), "x", f"'x' {LENGTH} in 1–10 s"),
        (lambda: seconds_or_zero(1, 10), "500ms", "'500ms' is not in 1–10 s, nor 0"),
        (lambda: seconds_or_zero(1, 10), "x", f"'x' {LENGTH} in 1–10 s, nor 0"),
        (waits, 11, '11 is not in 1–10 s, nor "never", nor "same"'),
        (waits, "ever", f'\'ever\' {LENGTH} in 1–10 s, nor "never", nor "same"'),
        (colours, "green", '\'green\' is not one of "red", "blue"'),
        (colours, ["red"], '[\'red\'] is not one of "red", "blue"'),
        (lambda: one_of("red"), "green", "'green' is not \"red\""),
        (lambda: one_of_or_plugin("red"), 1, '1 is not text ("red", or a plugin\'s name)'),
        (lambda: some_of("red", "blue"), [], '[] is not a list of some of "red", "blue"'),
        (lambda: some_of("red", "blue"), (), '[] is not a list of some of "red", "blue"'),
        (lambda: some_of("red", "blue"), "red", '\'red\' is not a list of some of "red", "blue"'),
        (lambda: some_of("red", "blue"), ["x"], '\'x\' is not one of "red", "blue"'),
        (lambda: member_of(Colour), "RED", '\'RED\' is not one of "red", "blue"'),
        (lambda: text("a+", "some a"), "aab", "'aab' is not some a"),
        (lambda: text("a+", "some a"), 1, "1 is not text (some a)"),
    ],
)
def test_what_is_not_is_refused_with_what_is(make: Any, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        make().read(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "allowed", "schema"),
    [
        (boolean, "true, false", {"type": "boolean"}),
        (lambda: whole(2, 9), "2–9", {"type": "integer", "minimum": 2, "maximum": 9}),
        (lambda: whole(2), "2 or more", {"type": "integer", "minimum": 2}),
        (
            ports,
            "22, 80–90",
            {
                "anyOf": [
                    {"type": "integer", "minimum": 22, "maximum": 22},
                    {"type": "integer", "minimum": 80, "maximum": 90},
                ]
            },
        ),
        (
            lambda: seconds(1, 10),
            "1–10 s",
            {"anyOf": [{"type": "number", "minimum": 1, "maximum": 10}, TEXT]},
        ),
        (
            lambda: seconds_or_zero(1, 10),
            "0, or 1–10 s",
            {"anyOf": [{"const": 0}, {"type": "number", "minimum": 1, "maximum": 10}, TEXT]},
        ),
        (
            waits,
            '1–10 s, or "never", or "same"',
            {
                "anyOf": [
                    {"type": "number", "minimum": 1, "maximum": 10},
                    TEXT,
                    {"enum": ["never", "same"]},
                ]
            },
        ),
        (colours, '"red", "blue"', {"enum": ["red", "blue"]}),
        (
            lambda: one_of_or_plugin("red"),
            '"red", or a plugin\'s name',
            {"anyOf": [{"enum": ["red"]}, {"type": "string"}]},
        ),
        (
            lambda: some_of("red", "blue"),
            'a list of some of "red", "blue"',
            {"type": "array", "items": {"enum": ["red", "blue"]}, "minItems": 1},
        ),
        (lambda: member_of(Colour), '"red", "blue"', {"enum": ["red", "blue"]}),
        (lambda: text("a+", "some a"), "some a", {"type": "string", "pattern": "^a+$"}),
    ],
)
def test_each_says_what_it_allows(kind: Any, allowed: str, schema: dict[str, Any]) -> None:
    made = kind()
    assert (made.allowed, made.schema) == (allowed, schema)
    assert made.__get_pydantic_json_schema__(None, None) == schema


@pytest.mark.parametrize(
    ("make", "value", "written"),
    [
        (boolean, True, "True"),
        (lambda: whole(2), 3, "3"),
        (ports, 22, "22"),
        (lambda: seconds(1, 10), 5.0, "5"),
        (lambda: seconds_or_zero(1, 10), 1.5, "1.5"),
        (lambda: seconds_or_zero(1, 10), 2.0, "2"),
        (waits, 5.0, "5"),
        (waits, math.inf, "'never'"),
        (waits, None, "'same'"),
        (lambda: some_of("red", "blue"), ("red",), "['red']"),
        (lambda: member_of(Colour), Colour.RED, "'red'"),
        (lambda: text("a+", "some a"), "a", "'a'"),
    ],
)
def test_what_was_read_is_written_as_it_stands_in_a_file(make: Any, value: object, written: str) -> None:
    assert repr(make().write(value)) == written


def test_pydantic_reads_and_writes_by_it() -> None:
    core = waits().__get_pydantic_core_schema__(None, None)  # type: ignore[arg-type]  # not asked for
    assert core["type"] == "function-plain"
    assert core["function"]["function"]("never") == math.inf
    assert core["serialization"]["function"](math.inf) == "never"
