"""What was kept before the restart: read before anything listens, and believed only where it is sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lbtwist.model.receipt import Receipt
from lbtwist.model.state.document import MAX_BYTES, State, read_state
from lbtwist.service.state.disk import read_whole
from lbtwist.service.state.receipts import Read, read_receipts

RECEIPTS = "receipts.jsonl"


class Recalled(NamedTuple):
    """What the files of state say."""

    state: State = State()
    receipts: Read = Read()
    damage: str = ""
    """Why the state file is not believed; empty where it is."""


def recall(path: Path) -> Recalled:
    """What is kept at `path` and beside it. Blocks on the disk, and raises nothing: without it all begins
    anew."""
    receipts = read_receipts(path.with_name(RECEIPTS))
    try:
        content = read_whole(path, MAX_BYTES)
        state = State() if content is None else read_state(content)
    except OSError as error:
        return Recalled(receipts=receipts, damage=f"can't be read: {error.strerror}")
    except ValueError as error:
        return Recalled(receipts=receipts, damage=f"is damaged: {error}")
    return Recalled(state, receipts)


def interrupted(recalled: Recalled, now: float) -> Iterator[Receipt]:
    """Receipts of the drains that were running when the process ended without a word, `now` on the wall
    clock. One that had ended since the state was written has left its own."""
    told = {(receipt.subject, receipt.start) for receipt in recalled.receipts.receipts}
    for receipt in recalled.state.drains:
        if (receipt.subject, receipt.start) not in told:
            end = max(receipt.start, min(receipt.deadline, now))
            yield replace(receipt, end=end, outcome="interrupted")
