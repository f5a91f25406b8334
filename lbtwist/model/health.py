"""What a health check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a check, as `probe` tells it: `connect`, `tls`, `request`, `response`."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of one health check."""

    passed: bool
    reason: str
    """What happened in words: `status 200`, `refused`, `timed out`, `status 503 not in 200-399`."""
    seconds: float
    """How long it took."""
    drain_requested: bool = False
    """The server asked to be drained: no failure (rule 31)."""
    own_fault: bool = False
    """It says nothing about the server: no descriptor or no local port was left here."""
    steps: tuple[Step, ...] = ()
