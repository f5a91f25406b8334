"""How reloads of the file went."""

from __future__ import annotations


class Reloads:
    """Counters, and when the file that is followed was read."""

    def __init__(self, now: float) -> None:
        self.applied = 0
        self.refused = 0
        self.well = True
        """The last one was applied, or there was none."""
        self.read_at = now
        """When what is followed was read, at the start or by a reload: seconds of the wall clock."""

    def apply(self, now: float) -> None:
        """One was applied."""
        self.applied += 1
        self.well = True
        self.read_at = now

    def refuse(self) -> None:
        """One was refused, and nothing has changed."""
        self.refused += 1
        self.well = False
