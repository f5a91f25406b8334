"""Data as text that fits, and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum

import pytest

from lbtwist.console.render import Page, as_json, as_text, cell, progress_line, row_line
from lbtwist.console.text import width_of

ROWS = [
    {"server": "app/ecs01", "state": "healthy", "last_check": 1.25},
    {"server": "app/a-long-name-of-a-server", "state": "unhealthy", "last_check": None},
]
COLUMNS = ("server", "state", "last_check")


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    at: float


def test_rows_are_a_table_in_the_order_of_its_columns() -> None:
    assert as_text(ROWS, COLUMNS).splitlines() == [
        "SERVER                       STATE      LAST CHECK",
        "app/ecs01                    healthy    1.25",
        "app/a-long-name-of-a-server  unhealthy  -",
    ]


def test_without_columns_the_rows_have_their_own() -> None:
    assert as_text([{"a": 1}, {"b": 2}]).splitlines() == ["A  B", "1  -", "-  2"]


def test_no_rows_are_a_table_with_a_head_alone() -> None:
    assert as_text([], ("server", "state")) == "SERVER  STATE"


@pytest.mark.parametrize("width", [39, 41, 46, 50])
def test_a_table_fits_the_terminal_and_the_first_column_stays_whole(width: int) -> None:
    lines = as_text(ROWS, COLUMNS, Page(width)).splitlines()
    assert len(lines) == 3
    assert max(map(width_of, lines)) <= width
    assert lines[2].startswith("app/a-long-name-of-a-server ")
    assert ("unhealthy" in lines[2]) == (width > 41)


def test_heads_give_way_before_cells_and_the_gaps_last() -> None:
    rows = [{"server": "app/ecs01", "connections": 5, "reason": "deregistered"}]
    assert [as_text(rows, page=Page(width)).splitlines() for width in (29, 21, 20)] == [
        ["SERVER     CON…  REASON", "app/ecs01  5     deregistered"],
        ["SERVER    CON… REASON", "app/ecs01 5    dereg…"],
        ["app/ecs01", "  connections  5", "  reason       deregistered"],
    ]


def test_what_fits_as_no_table_is_told_row_by_row() -> None:
    lines = as_text(ROWS, COLUMNS, Page(38)).splitlines()
    assert lines == [
        "app/ecs01",
        "  state       healthy",
        "  last_check  1.25",
        "app/a-long-name-of-a-server",
        "  state       unhealthy",
        "  last_check  -",
    ]


def test_a_row_by_itself_is_one_line_whatever_is_in_it() -> None:
    assert row_line({"time": "now", "subject": "", "event": "a\nb\x1b[2J"}) == "now  -  a\\nb\\x1b[2J"


def test_colours_do_not_change_the_layout() -> None:
    plain = as_text(ROWS, COLUMNS, Page(80))
    painted = as_text(ROWS, COLUMNS, Page(80, colors=True))
    assert "\x1b[32mhealthy" in painted
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m"):
        painted = painted.replace(code, "")
    assert [line.rstrip() for line in painted.splitlines()] == [line.rstrip() for line in plain.splitlines()]


def test_nested_data_are_sections() -> None:
    data = {"version": "1", "uptime": 3.0, "servers": ROWS[:1], "drains": [], "last": {"ok": True}}
    assert as_text(data).splitlines() == [
        "version  1",
        "uptime   3",
        "drains   -",
        "",
        "servers",
        "  SERVER     STATE    LAST CHECK",
        "  app/ecs01  healthy  1.25",
        "",
        "last",
        "  ok  yes",
    ]


def test_text_is_left_as_it_is_but_for_controls() -> None:
    assert as_text("-a\n+b\x1b[2J\n") == "-a\n+b\\x1b[2J"
    assert as_text("") == ""
    assert as_text(None) == ""


def test_nothing_from_data_reaches_a_terminal_raw() -> None:
    bad = "\x1b]0;x\x07\r\n\u202e"
    for data in ([{bad: bad}], {bad: bad, "n": {bad: [bad, {bad: bad}]}}, [bad], bad.replace("\n", "")):
        assert as_text(data).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (0, "0"),
        (0.0, "0"),
        (2.5, "2.5"),
        (1e-9, "0"),
        (["a", 1], "a, 1"),
        ({"a": 1}, "a 1"),
    ],
)
def test_a_cell(value: object, text: str) -> None:
    assert cell(value) == text


def test_json_is_one_line_of_what_was_returned() -> None:
    data = {
        "a": [1, 2.5, None, True, "x"],
        "t": (1,),
        "e": Colour.RED,
        "p": Point(1, math.inf),
        "n": math.nan,
    }
    text = as_json(data)
    assert json.loads(text) == {
        "a": [1, 2.5, None, True, "x"],
        "t": [1],
        "e": "red",
        "p": {"x": 1, "at": "never"},
        "n": None,
    }
    assert "\n" not in text


def test_json_has_no_raw_controls() -> None:
    text = as_json({"\x1b": "\x7f\x9b\u2028\ud800"})
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"\x1b": "\x7f\x9b\u2028\ud800"}


def test_progress_is_one_line() -> None:
    progress = {"server": "app/ecs01", "left": 12, "seconds": 30.0, "rate": 0.4}
    assert progress_line(progress) == "app/ecs01: 12 connections left, 30 s left, 0.4/s"


def test_progress_of_another_kind_is_shown_too() -> None:
    assert progress_line({"event": "drain_began", "server": "app/a\x1b"}) == "app/a\\x1b: event drain_began"


def test_progress_says_only_what_is_known() -> None:
    assert progress_line({"left": 1, "seconds": None}) == "1 connection left"
    for never in (math.inf, "never"):
        assert progress_line({"left": 1, "seconds": never}) == "1 connection left, no deadline"
