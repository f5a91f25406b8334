"""The text of a TOML array of texts, with one more or one less: all else in it stays byte for byte."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<text>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')"
    r"|(?P<comment>#[^\n]*)|(?P<comma>,)",
    re.DOTALL,
)
_REST = re.compile(r"[ \t]*(#[^\n]*)?\r?\n")
_BLANK = " \t"
_INDENT = "    "
"""Of a line that has no other to follow."""


class _Entry(NamedTuple):
    begin: int
    end: int
    comma: int | None
    """Where the one after it is."""


def added(array: str, text: str) -> str:
    """`array` with `text`, a text of TOML, as its last. Which one was that gets a comma where it has none."""
    entries = _entries(array)
    if not entries:
        return _first(array, text)
    last = entries[-1]
    if last.comma is None:
        array, comma, end = _put(array, last.end, ","), "", last.end + 1
    else:
        comma, end = ",", last.comma + 1
    indent = _indent(array, last.begin)
    next_line = _next_line(array, end)
    if next_line is not None:
        return _put(array, next_line, f"{indent}{text}{comma}\n")
    between = f"\n{indent}" if _is_first(array, last.begin) else " "
    return _put(array, end, f"{between}{text}{comma}")


def removed(array: str, index: int) -> str:
    """`array` without one text: its line, with the comment on it, goes where nothing else stands there."""
    entries = _entries(array)
    begin, end, comma = entries[index]
    with_comma = end if comma is None or "\n" in array[end:comma] else comma + 1
    next_line = _next_line(array, with_comma)
    if next_line is not None and _is_first(array, begin):
        if comma is not None and comma >= next_line:
            array = array[:comma] + array[comma + 1 :]
        return array[: _line(array, begin)] + array[next_line:]
    if comma is not None:
        return array[:begin] + array[end:comma] + array[comma + 1 :].lstrip(_BLANK)
    if index and not array[entries[index - 1].end : begin].strip(_BLANK + ","):
        begin = entries[index - 1].end
    return array[:begin] + array[end:]


def _first(array: str, text: str) -> str:
    """Nothing but comments is in it yet."""
    last_line = _line(array, len(array))
    if not last_line:
        return _put(array, len(array) - 1, text)
    return _put(array, last_line, f"{array[last_line:-1]}{_INDENT}{text},\n")


def _entries(array: str) -> list[_Entry]:
    found: list[_Entry] = []
    for token in _TOKEN.finditer(array):
        if token["text"]:
            found.append(_Entry(token.start(), token.end(), None))
        elif token["comma"]:
            found[-1] = found[-1]._replace(comma=token.start())
    return found


def _put(array: str, at: int, text: str) -> str:
    return array[:at] + text + array[at:]


def _line(array: str, at: int) -> int:
    """Where its line begins."""
    return array.rfind("\n", 0, at) + 1


def _is_first(array: str, at: int) -> bool:
    """Nothing stands before it on its line."""
    line = _line(array, at)
    return line > 0 and not array[line:at].strip(_BLANK)


def _indent(array: str, at: int) -> str:
    """What its line begins with; that which the array begins on has none in it."""
    line = _line(array, at)
    if not line:
        return _INDENT
    return array[line : len(array) - len(array[line:].lstrip(_BLANK))]


def _next_line(array: str, at: int) -> int | None:
    """Where the next line begins, if nothing but a comment stands on this one from there on."""
    rest = _REST.match(array, at)
    return rest.end() if rest else None
