"""What a source of servers answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lbtwist.model.address import Address


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """All members of an availability group at one moment, or why they are not known."""

    servers: Mapping[Address, int] | None
    """Weight by address, 0–100; None when the source failed."""
    problem: str = ""
    """What went wrong, in words; empty when it answered."""
