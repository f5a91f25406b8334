"""So many of a group's servers: how many must stay, or how many may go at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lbtwist.model.shown import shown

ALLOWED = '0 or more, or "0%"–"100%"'
PATTERN = r"(0|[1-9][0-9]?|100)%"

_PERCENTAGE = re.compile(rf"(?P<percentage>{PATTERN[:-1]})%")


@dataclass(frozen=True, slots=True)
class Quorum:
    """A number of servers, or a percentage of a group's servers (rule 66)."""

    amount: int
    percentage: bool = False

    def needed(self, total: int) -> int:
        """How many of `total` servers that is; a percentage rounds up."""
        return -(-total * self.amount // 100) if self.percentage else self.amount

    def __str__(self) -> str:
        return f"{self.amount}%" if self.percentage else str(self.amount)


def parse_quorum(value: object) -> Quorum:
    """Read `2` or `"50%"`; raises ValueError with what is allowed."""
    if isinstance(value, str) and (match := _PERCENTAGE.fullmatch(value)):
        return Quorum(int(match["percentage"]), percentage=True)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Quorum(value)
    raise ValueError(f"{shown(value)} is not {ALLOWED}")
