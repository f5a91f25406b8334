"""What a verb returns, as text for people or as JSON. Nothing is left out and nothing added.

Tables are laid out here: at 0.5 ms a row, rich's tables would hold up every connection for a second
at 2,000 rows. The widths of characters are rich's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from typing import Any, NamedTuple

from lbtwist.console.text import Style, escape, escape_lines, pad, width_of

GAP = "  "
NARROW_GAP = " "
NARROWEST = 6
"""Columns that a cell keeps when a table is made to fit."""
NARROWEST_HEAD = 4
"""Columns that a head keeps over narrower cells."""
NONE = "-"
INDENT = "  "

_STATES = {
    "healthy": Style.GREEN,
    "unhealthy": Style.RED,
    "unhealthy.draining": Style.RED,
    "draining": Style.YELLOW,
    "drained": Style.YELLOW,
    "maintenance": Style.YELLOW,
}


@dataclass(frozen=True, slots=True)
class Page:
    """What text is laid out for."""

    width: int | None = None
    """Columns of the terminal; None where lines may be as long as they are."""
    colors: bool = False

    def paint(self, style: Style, text: str) -> str:
        return style.on(text) if self.colors else text

    def narrower(self, by: int) -> Page:
        return Page(None if self.width is None else max(self.width - by, NARROWEST), self.colors)


def as_json(data: object) -> str:
    """`data` as one line of JSON in ASCII; an infinite number is `"never"`, a NaN null."""
    return json.dumps(_plain(data), allow_nan=False).replace("\x7f", "\\u007f")


def _plain(data: object) -> object:
    match data:
        case float() if not math.isfinite(data):
            return None if math.isnan(data) else "never"
        case Enum():
            return _plain(data.value)
        case None | bool() | int() | float() | str():
            return data
        case Mapping():
            return {str(key): _plain(value) for key, value in data.items()}
        case _ if is_dataclass(data) and not isinstance(data, type):
            return _plain(asdict(data))
        case Iterable() if not isinstance(data, bytes):
            return [_plain(item) for item in data]
        case _:
            return str(data)


def as_text(data: object, columns: Sequence[str] = (), page: Page = Page()) -> str:
    """`data` as lines that fit the page: text as it is, rows as a table, a mapping as sections."""
    return "\n".join(_lines(_plain(data), columns, page))


def _lines(data: object, columns: Sequence[str], page: Page) -> list[str]:
    match data:
        case None:
            return []
        case str():
            return escape_lines(data).removesuffix("\n").split("\n") if data else []
        case dict():
            return _sections(data, page)
        case list() if columns or (data and all(isinstance(row, dict) for row in data)):
            return _table([row if isinstance(row, dict) else {"": row} for row in data], columns, page)
        case list():
            return [cell(item) for item in data]
        case _:
            return [cell(data)]


def cell(value: object) -> str:
    """`value` on one line."""
    match value:
        case None | "":
            return NONE
        case dict() | list() if not value:
            return NONE
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case dict():
            return ", ".join(f"{escape(key)} {cell(item)}" for key, item in value.items())
        case list():
            return ", ".join(cell(item) for item in value)
        case _:
            return escape(str(value))


def _sections(data: Mapping[str, Any], page: Page) -> list[str]:
    """The single values one below the other, then a headed section for each that has parts."""
    nested = {key: value for key, value in data.items() if value and _has_parts(value)}
    facts = [(escape(key), value) for key, value in data.items() if key not in nested]
    width = max((width_of(key) for key, _ in facts), default=0)
    lines = [f"{page.paint(Style.DIM, pad(key, width))}{GAP}{_painted(value, page)}" for key, value in facts]
    for key, value in nested.items():
        lines += [""] if lines else []
        lines.append(page.paint(Style.BOLD, escape(key)))
        lines += [INDENT + line for line in _lines(value, (), page.narrower(len(INDENT)))]
    return lines


def _has_parts(value: object) -> bool:
    match value:
        case dict():
            return True
        case list():
            return any(isinstance(item, dict) for item in value)
        case str():
            return "\n" in value
        case _:
            return False


def _painted(value: object, page: Page) -> str:
    return page.paint(_STATES.get(str(value), Style.PLAIN), cell(value))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], page: Page) -> list[str]:
    keys = list(columns) or list(dict.fromkeys(key for row in rows for key in row))
    heads = [escape(key).upper().replace("_", " ") for key in keys]
    cells = [[cell(row.get(key)) for key in keys] for row in rows]
    fit = _Fit.of(heads, cells, page.width)
    if fit is None:
        return _cards(rows, keys, page)
    lines = [_row(heads, fit, lambda text, padded: page.paint(Style.BOLD, padded))]
    lines += [_row(row, fit, lambda text, padded: _state_painted(text, padded, page)) for row in cells]
    return lines


def _cards(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], page: Page) -> list[str]:
    """Each row by itself, a line for each cell: what is done where the terminal is too narrow for a table."""
    lines: list[str] = []
    for row in rows:
        first, *others = keys
        lines.append(page.paint(Style.BOLD, cell(row.get(first))))
        facts = _sections({key: cell(row.get(key)) for key in others}, page.narrower(len(INDENT)))
        lines += [INDENT + line for line in facts]
    return lines


def _state_painted(text: str, padded: str, page: Page) -> str:
    return page.paint(_STATES.get(text, Style.PLAIN), padded)


def _row(cells: Sequence[str], fit: _Fit, paint: Callable[[str, str], str]) -> str:
    padded = [pad(text, width) for text, width in zip(cells, fit.widths, strict=True)]
    padded[-1] = padded[-1].rstrip()
    return fit.gap.join(paint(text, shown) for text, shown in zip(cells, padded, strict=True))


class _Fit(NamedTuple):
    """How wide the columns of a table are, and what stands between them."""

    widths: list[int]
    gap: str = GAP

    @classmethod
    def of(cls, heads: Sequence[str], cells: Sequence[Sequence[str]], width: int | None) -> _Fit | None:
        """What fits on `width` columns; None where nothing does.

        Heads that are wider than what is under them give way first, then the widest cells but those of
        the first column, which says what a row is about, then the space between.
        """
        filled = [max((width_of(row[index]) for row in cells), default=0) for index in range(len(heads))]
        widths = [max(width_of(head), most) for head, most in zip(heads, filled, strict=True)]
        if width is None:
            return cls(widths)
        least = [max(min(NARROWEST_HEAD, wide), most) for wide, most in zip(widths, filled, strict=True)]
        cut = [least[0], *(min(each, NARROWEST) for each in least[1:])]
        room = width - len(GAP) * (len(heads) - 1)
        _narrow(widths, least, room)
        _narrow(widths, cut, room)
        if sum(widths) <= room:
            return cls(widths)
        room = width - len(NARROW_GAP) * (len(heads) - 1)
        return cls(widths, NARROW_GAP) if sum(widths) <= room else None


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Make the widest columns narrower, none below its `least`, until they take `room`."""
    for _ in range(sum(widths) - room):
        spare, index = max(
            (min(wide - low, 1) * wide, at) for at, (wide, low) in enumerate(zip(widths, least, strict=True))
        )
        if spare <= 0:
            return
        widths[index] -= 1


def row_line(row: Mapping[str, Any]) -> str:
    """The cells of a row on one line, as it comes."""
    return GAP.join(cell(_plain(value)) for value in row.values())


def progress_line(progress: Mapping[str, Any]) -> str:
    """How far a verb that waits has come: connections left, seconds left, and their rate."""
    known = {key: value for key, value in progress.items() if value is not None}
    parts = [form(known.pop(key)) for key, form in _PROGRESS.items() if key in known]
    server = known.pop("server", None)
    parts += [f"{escape(key)} {cell(_plain(value))}" for key, value in known.items()]
    return (f"{cell(server)}: " if server else "") + ", ".join(parts)


def _left(count: object) -> str:
    return f"{cell(count)} connection{'' if count == 1 else 's'} left"


def _seconds(seconds: object) -> str:
    return "no deadline" if seconds in (math.inf, "never") else f"{cell(seconds)} s left"


def _rate(rate: object) -> str:
    return f"{cell(rate)}/s"


_PROGRESS: dict[str, Callable[[object], str]] = {"left": _left, "seconds": _seconds, "rate": _rate}
