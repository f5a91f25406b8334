"""Arrays of texts in a file: one is added or taken away, and all else stays byte for byte."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.config.array_text import added, removed

COMMENT = re.compile(r"#[^\n]*")


def values(array: str) -> list[str]:
    found: list[str] = tomllib.loads(f"a = {array}\n")["a"]
    return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[]", '["z"]'),
        ("[ ]", '[ "z"]'),
        ("[\n]", '[\n    "z",\n]'),
        ("[ # none, yet\n  ]", '[ # none, yet\n      "z",\n  ]'),
        ('["a", "b"]', '["a", "b", "z"]'),
        ('["a", "b",]', '["a", "b", "z",]'),
        ('[\n  "a",\n  "b"  # last\n]', '[\n  "a",\n  "b",  # last\n  "z"\n]'),
        ('[\n  "a",  # last\n\n  # end\n]', '[\n  "a",  # last\n  "z",\n\n  # end\n]'),
        ('["a", # one\n "b"]', '["a", # one\n "b",\n "z"]'),
        ('["a", # one\n]', '["a", # one\n    "z",\n]'),
        ('[\n\t"a", "b"\n]', '[\n\t"a", "b",\n\t"z"\n]'),
        ('[\n\t"a", "b" ]', '[\n\t"a", "b", "z" ]'),
        ('[\n  "a"\n  , "b" # c\n]', '[\n  "a"\n  , "b", # c\n  "z"\n]'),
        ('[\'a#,\', """b\n"""\n]', '[\'a#,\', """b\n""",\n    "z"\n]'),
    ],
)
def test_one_is_added(before: str, after: str) -> None:
    assert added(before, '"z"') == after
    assert values(after) == [*values(before), "z"]


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        ('["a"]', 0, "[]"),
        ('["a",]', 0, "[]"),
        ('["a", "b"]', 0, '["b"]'),
        ('["a", "b"]', 1, '["a"]'),
        ('["a", "b", "c"]', 1, '["a", "c"]'),
        ('[\n  "a",  # one\n  "b"  # two\n]', 0, '[\n  "b"  # two\n]'),
        ('[\n  "a",  # one\n  "b"  # two\n]', 1, '[\n  "a",  # one\n]'),
        ('[\n  # of b\n\n  "b",\n  # end\n]', 0, "[\n  # of b\n\n  # end\n]"),
        ('["a", # one\n "b"]', 0, '[# one\n "b"]'),
        ('["a", # one\n "b"]', 1, '["a", # one\n ]'),
        ('[\n "a", "b", # both\n]', 1, '[\n "a", # both\n]'),
        ('[\n  "a"\n  , "b" # c\n]', 0, '[\n   "b" # c\n]'),
        ('[\n  "a"\n  , "b" # c\n]', 1, '[\n  "a"\n  ,  # c\n]'),
    ],
)
def test_one_is_taken_away(before: str, index: int, after: str) -> None:
    assert removed(before, index) == after
    left = values(before)
    del left[index]
    assert values(after) == left


words = st.text("ab#,]['\" ", max_size=4).map(json.dumps)
blank = st.text(" \t", max_size=3)
note = st.text('a"#,][ ', max_size=4).map(lambda text: f"#{text}")
between = st.lists(st.one_of(blank, st.builds("{}\n".format, st.one_of(st.just(""), note))), max_size=3).map(
    "".join
)


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """Texts with anything between them that TOML allows."""
    pieces = [draw(between)]
    items = draw(st.lists(words, max_size=4))
    for at, item in enumerate(items):
        comma = "," if at < len(items) - 1 or draw(st.booleans()) else ""
        pieces += [item, draw(between), comma, draw(between)]
    return f"[{''.join(pieces)}]"


def outside(array: str) -> str:
    """What is no text, no comma and no white space: comments, in their order."""
    return "".join(re.findall(r"\"(?:\\.|[^\"\\])*\"|(#[^\n]*)", array))


@given(arrays())
def test_whatever_stands_there_an_array_has_one_more(array: str) -> None:
    more = added(array, '"z"')
    assert values(more) == [*values(array), "z"]
    assert outside(more) == outside(array)
    kept = iter(more)
    assert all(character in kept for character in array), "nothing is gone, or elsewhere"


@given(arrays().filter(values), st.data())
def test_whatever_stands_there_an_array_has_one_less(array: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(values(array)) - 1))
    less, left = removed(array, index), values(array)
    del left[index]
    assert values(less) == left
    kept = iter(array)
    assert all(character in kept for character in less), "nothing is new, or elsewhere"
    assert outside(array).startswith(outside(less)) or len(array.splitlines()) > len(less.splitlines())


@st.composite
def lists(draw: st.DrawFn) -> list[str]:
    """Lines of an array with one text on each, comments and empty lines among them."""
    some = st.one_of(st.just(""), st.builds("  {}".format, note))
    lines = [draw(st.sampled_from(["[", "[ # all"]))]
    for item in draw(st.lists(words, min_size=1, max_size=4)):
        lines += [
            *draw(st.lists(some, max_size=2)),
            f"  {item},{draw(st.sampled_from(['', '  # one, two']))}",
        ]
    return [*lines, *draw(st.lists(some, max_size=2)), "]"]


@given(lists(), st.data())
def test_with_one_on_each_line_only_that_line_changes(lines: list[str], data: st.DataObject) -> None:
    array = "\n".join(lines)
    texts = [at for at, line in enumerate(lines) if line.startswith('  "')]
    last = texts[-1] + 1
    assert added(array, '"z"') == "\n".join([*lines[:last], '  "z",', *lines[last:]])
    index = data.draw(st.integers(0, len(texts) - 1))
    del lines[texts[index]]
    assert removed(array, index) == "\n".join(lines)
