"""What all drains that have ended come to."""

from __future__ import annotations

from collections import Counter

from lbtwist.model.generations import HandedTotals
from lbtwist.model.receipt import Receipt


class DrainTotals:
    """Counters over the receipts of this process, and of generations before it; they only grow."""

    def __init__(self) -> None:
        self.drains: Counter[tuple[str, str]] = Counter()
        """By cause and outcome."""
        self.connections: Counter[str] = Counter()
        """Those that the drains were about: `finished`, `cut` and `kept`."""

    def add(self, receipt: Receipt) -> None:
        """A drain has ended so."""
        self.drains[receipt.cause, receipt.outcome] += 1
        self.connections["finished"] += receipt.finished
        self.connections["cut"] += receipt.cut
        self.connections["kept"] += receipt.kept

    def handed(self) -> HandedTotals:
        """All of them, for the next generation."""
        drains = tuple((*key, count) for key, count in self.drains.items())
        return HandedTotals(drains, dict(self.connections))

    def inherit(self, totals: HandedTotals) -> None:
        """Go on with those of the generation before."""
        self.drains.update({(cause, outcome): count for cause, outcome, count in totals.drains})
        self.connections.update(totals.connections)
