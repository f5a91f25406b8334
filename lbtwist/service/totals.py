"""What all drains that have ended come to."""

from __future__ import annotations

from collections import Counter

from lbtwist.model.receipt import Receipt


class DrainTotals:
    """Counters over the receipts of this process; they only grow."""

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
