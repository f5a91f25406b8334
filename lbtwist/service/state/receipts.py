"""The last receipts, a line of JSON each, beside the state file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lbtwist.model.receipt import Receipt
from lbtwist.model.state.receipts import read_receipt_line, receipt_line
from lbtwist.service.draining import KEPT_RECEIPTS
from lbtwist.service.state.disk import append, read_end, write_whole

MAX_LINES = 2 * KEPT_RECEIPTS
"""With more the file is written anew, with the receipts that are kept."""
MAX_BYTES = 32 * 1024 * 1024
"""Of the end of the file are read."""


class Read(NamedTuple):
    """What stands in the file."""

    receipts: tuple[Receipt, ...] = ()
    """The last ones, the oldest first."""
    lines: int = 0
    problem: str = ""
    """What is damaged; empty where nothing is."""


def read_receipts(path: Path) -> Read:
    """The receipts that were kept; a line that is damaged is left out. Blocks on the disk, raises nothing."""
    try:
        content, whole = read_end(path, MAX_BYTES)
    except OSError as error:
        return Read(problem=f"{path}: it can't be read: {error.strerror}")
    lines = content.split(b"\n")
    damaged = [] if not lines[-1] else [len(lines)]
    receipts = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            receipts.append(read_receipt_line(line.decode("ascii")))
        except ValueError:
            damaged.append(number)
    if not whole:
        problem = f"{path}: it is larger than {MAX_BYTES} bytes: only its end was read"
    else:
        words = ", ".join(map(str, sorted(damaged)[:5])) + (", …" if len(damaged) > 5 else "")
        problem = f"{path}: {len(damaged)} lines are damaged and left out: {words}" if damaged else ""
    return Read(tuple(receipts[-KEPT_RECEIPTS:]), len(lines) - 1, problem)


class ReceiptFile:
    """Grows by a line for each receipt, and is written anew before it grows too long."""

    def __init__(self, path: Path, read: Read) -> None:
        self._path = path
        self._lines = read.lines
        self._sound = not read.problem
        """Nothing damaged stands in it, which a further line could be joined to."""

    def keep(self, new: Sequence[Receipt], all_kept: Sequence[Receipt]) -> None:
        """`new` ones, the last of `all_kept`. Blocks on the disk. Raises OSError, and mends it next time."""
        sound, self._sound = self._sound, False
        if not sound or self._lines + len(new) > MAX_LINES:
            write_whole(self._path, _lines(all_kept))
            self._lines = len(all_kept)
        elif new:
            append(self._path, _lines(new))
            self._lines += len(new)
        self._sound = True


def _lines(receipts: Sequence[Receipt]) -> bytes:
    return "".join(map(receipt_line, receipts)).encode("ascii")
