"""Whatever comes from elsewhere is shown, and moves no cursor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.console.text import Style, escape, escape_lines, pad, width_of


def test_controls_and_reordering_marks_are_escaped() -> None:
    assert escape("a\x1b[2Jb\x9b\u202e\x7f\r\n") == r"a\x1b[2Jb\x9b\u202e\x7f\r\n"


def test_lines_keep_their_ends_and_tabs() -> None:
    assert escape_lines("a\n\tb\r") == "a\n\tb\\r"


def test_printable_text_is_left() -> None:
    assert escape("größe 日本 ✓") == "größe 日本 ✓"


@given(st.text(st.characters()))
def test_whatever_comes_out_is_printable_and_can_be_encoded(text: str) -> None:
    assert escape(text).isprintable()
    escape_lines(text).encode()


@given(st.text(st.characters(exclude_categories=["C", "M", "Z"])), st.integers(1, 40))
def test_padding_gives_exactly_that_width(text: str, width: int) -> None:
    assert width_of(pad(text, width)) == width


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert pad("abcdef", 4) == "abc…"
    assert pad("日本語", 4) == "日 …"


def test_a_style_is_put_around_text_only() -> None:
    assert Style.RED.on("x") == "\x1b[31mx\x1b[0m"
    assert Style.RED.on("") == ""
    assert Style.PLAIN.on("x") == "x"
