"""What a health check found, and what the results of one registration add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Health(Enum):
    """What the health checks say."""

    PASSING = "passing"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a check, as `probe` tells it: `connect`, `tls`, `response`."""

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

    @property
    def answered(self) -> bool:
        """The server has said something, be it that it is not well."""
        return self.well or any(step.name == "response" for step in self.steps)

    @property
    def well(self) -> bool:
        """It counts as a pass: a server that asks to be drained is well enough to ask (rule 31)."""
        return self.passed or self.drain_requested


class Thresholds(NamedTuple):
    """So many results of one kind in a row change the state; each is 1–10."""

    healthy: int = 3
    unhealthy: int = 3


class Verdict(NamedTuple):
    """What one result meant."""

    flipped: bool = False
    """The state is another than before."""
    own: bool = False
    """It is a failure of the server's own: it has passed under the settings in force (rule 26)."""


@dataclass(slots=True)
class HealthRecord:
    """The health of one registration: its state, and what it rests on."""

    state: Health = Health.UNKNOWN
    last: CheckResult | None = None
    """The latest result, one that did not count included; None before the first."""
    at: float | None = None
    """When that was, on the clock of `observe`'s callers."""
    passes: int = 0
    """Results in a row, up to the latest that counted; 0 if that was a failure."""
    failures: int = 0
    """The same for failures."""
    has_passed: bool = False
    """At least once under the settings in force: only then is a failure the server's own (rule 26)."""
    passes_now: bool = False
    """The latest result that counted was a pass."""

    @property
    def recovering(self) -> bool:
        """Its checks pass at present, and only the threshold holds it back (rule 29)."""
        return self.state is Health.FAILING and self.passes_now

    def observe(self, result: CheckResult, thresholds: Thresholds, now: float) -> Verdict:
        """Take in the result of a check.

        The first one of an unknown state decides at once; from then on the thresholds count (rule 30).
        One that says nothing about the server is kept to be shown, and does not count.
        """
        self.last, self.at = result, now
        if result.own_fault:
            return Verdict()
        return self._pass(thresholds.healthy) if result.well else self._fail(thresholds.unhealthy)

    def connect_failed(self, reason: str, thresholds: Thresholds, now: float) -> Verdict:
        """Live traffic could not connect: that counts as one failed check."""
        return self.observe(CheckResult(False, reason, 0.0), thresholds, now)

    def settings_changed(self) -> None:
        """Other settings are in force: the counts begin anew, and the state stays (rules 26 and 30)."""
        self.passes = self.failures = 0
        self.has_passed = False

    def _pass(self, threshold: int) -> Verdict:
        self.passes, self.failures = self.passes + 1, 0
        self.has_passed = self.passes_now = True
        return Verdict(flipped=self._becomes(Health.PASSING, self.passes >= threshold))

    def _fail(self, threshold: int) -> Verdict:
        self.passes, self.failures = 0, self.failures + 1
        self.passes_now = False
        return Verdict(self._becomes(Health.FAILING, self.failures >= threshold), self.has_passed)

    def _becomes(self, state: Health, enough: bool) -> bool:
        """Whether the state changes to `state`: at once from unknown, else when it was `enough`."""
        flips = self.state is Health.UNKNOWN or (enough and self.state is not state)
        if flips:
            self.state = state
        return flips
