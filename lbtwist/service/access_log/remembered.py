"""Parts of lines that come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVarTuple

REMEMBERED = 4096
"""Parts of one kind that are kept at most."""

_Of = TypeVarTuple("_Of")


class Remembered(dict[tuple[*_Of], str]):
    """What `make` makes of something, kept for the next time. A subscript takes half of what lru_cache
    takes."""

    def __init__(self, make: Callable[[*_Of], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, of: tuple[*_Of]) -> str:
        if len(self) >= REMEMBERED:
            self.clear()
        made = self[of] = self._make(*of)
        return made
