"""The state file and the receipts beside it, as they are written. Everything here blocks on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lbtwist.model.receipt import Receipt
from lbtwist.model.state.document import State, write_state
from lbtwist.service.state.disk import set_aside, write_whole
from lbtwist.service.state.recall import RECEIPTS, Recalled
from lbtwist.service.state.receipts import ReceiptFile


class StateFiles:
    """Written one after the other: never by two threads at once."""

    def __init__(self, path: Path, recalled: Recalled, now: float) -> None:
        """`now` on the wall clock names what is set aside."""
        self.path = path
        self._receipts = ReceiptFile(path.with_name(RECEIPTS), recalled.receipts)
        self._before: bytes | None = None
        """What was last written."""
        self._aside: Path | None = None
        """Where a damaged file goes before it is written over."""
        problems = []
        if recalled.damage:
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
            self._aside = path.with_name(f"{path.name}.damaged-{stamp}")
            problems.append(f"state file {path}: {recalled.damage}; it is set aside as {self._aside.name}")
        if recalled.receipts.problem:
            problems.append(recalled.receipts.problem)
        self.problems = tuple(problems)
        """What was wrong with them, in words."""

    def write(self, state: State, receipts: Sequence[Receipt], new: int) -> None:
        """The last `new` of `receipts` were not written yet. Raises OSError, or ValueError or TypeError for
        a value that JSON does not have."""
        # Before the state, in which their drains do not run any more: none is lost in between.
        self._receipts.keep(receipts[len(receipts) - min(new, len(receipts)) :], receipts)
        if self._aside is not None:
            set_aside(self.path, self._aside)
            self._aside = None
        content = write_state(state)
        if content != self._before:
            self._before = None
            write_whole(self.path, content)
            self._before = content
