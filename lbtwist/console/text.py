"""Text for a terminal: what came from elsewhere never moves a cursor or sets a colour."""

from __future__ import annotations

from enum import Enum

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"


class Style(Enum):
    """An ECMA-48 rendition (SGR) around a piece of text."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"

    def on(self, text: str) -> str:
        return f"\x1b[{self.value}m{text}\x1b[0m" if self.value and text else text


def escape(text: str, keep: str = "") -> str:
    r"""`text` with each character that isn't printable, but those in `keep`, as `\x1b` or `\u202e`.

    What Unicode calls unprintable has the C0 and C1 controls, the marks that reorder text, and lone
    surrogates, so the result can always be encoded.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def escape_lines(text: str) -> str:
    """`escape` that leaves line ends and tabs."""
    return escape(text, keep="\n\t")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def width_of(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def pad(text: str, width: int) -> str:
    """`text` on exactly `width` columns, cut with an ellipsis where it is longer."""
    if width_of(text) > width:
        return set_cell_size(text, width - 1) + ELLIPSIS
    return text + " " * (width - width_of(text))
