"""The difference of two texts as `patch` takes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

NO_NEWLINE = "\\ No newline at end of file"


class Rewritten(NamedTuple):
    """One file, as it stands and as it is to be."""

    source: str
    """Its path."""
    name: str
    """Its path from the directory of the main file."""
    before: str
    after: str


def unified(files: Sequence[Rewritten]) -> list[str]:
    """The lines of the unified diff, without their ends; empty where nothing differs."""
    return [line for file in files if file.before != file.after for line in _of_one(file)]


def _of_one(file: Rewritten) -> Iterator[str]:
    before, after = (_by_newline(text) for text in (file.before, file.after))
    for line in difflib.unified_diff(before, after, file.name, file.name):
        if line.endswith("\n"):
            yield line[:-1]
        else:
            yield line
            yield NO_NEWLINE


def _by_newline(text: str) -> list[str]:
    """`patch` knows of no other ends of lines, as str.splitlines does."""
    lines = text.split("\n")
    return [*(line + "\n" for line in lines[:-1]), *filter(None, lines[-1:])]
