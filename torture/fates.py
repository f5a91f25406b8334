"""What became of each request, and which of those that were lost the rules name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

AFTER_KILL = 2.0
"""Seconds in which requests may still be on their way to a server that was killed: those who may not be sent
twice are given server connections that were used within the last one, and a busy machine takes its time."""

AFTER_UPGRADE = 3.0
"""Seconds in which a kept connection to the older generation may still be: rule 71 gives it two of them."""

SESSIONS = ("tcp", "TLS", "WebSocket")
"""Methods of what is said on a connection that belongs to one server."""


class Fate(StrEnum):
    """How a request ended for its client."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """No connection could be made."""
    CLOSED_FRESH = "closed when fresh"
    CLOSED_REUSED = "closed on reuse"
    """The connection had carried a request before, and ended without a byte of an answer."""
    TRUNCATED = "truncated"
    TIMED_OUT = "timed out"
    WRONG = "not its own answer"


_CLOSED = (Fate.CLOSED_FRESH, Fate.CLOSED_REUSED)


@dataclass(slots=True)
class Asked:
    """One request of one client; times are of its monotonic clock."""

    number: int
    method: str
    begun: float
    fresh: bool = True
    """It was the first on its connection."""
    ended: float = 0.0
    fate: Fate = Fate.TIMED_OUT
    status: int = 0
    server: str = ""
    """Who has answered, where that was told."""
    clean: bool = True
    """The connection's end, where it ended, was no reset."""

    @property
    def well(self) -> bool:
        return self.fate is Fate.ANSWERED and self.status == 200

    def __str__(self) -> str:
        how = str(self.status) if self.fate is Fate.ANSWERED else str(self.fate)
        return f"{self.method} {self.number} {how} {self.server}".rstrip()


@dataclass
class Deeds:
    """What was done that a rule lets cost a request."""

    kills: list[tuple[str, float]] = field(default_factory=list)
    """Servers, and when they were killed."""
    terminated: float | None = None
    """When the load balancer was told to end."""
    upgrades: list[tuple[float, float]] = field(default_factory=list)
    """From when it was told to, until the next generation had taken over."""
    without_server: tuple[float, float] | None = None
    """From when to when no server was in rotation."""
    raised: int = 0
    """Errors that were raised inside of it."""

    def naming(self, asked: Asked) -> str:
        """The deed that is answerable for what became of `asked`; empty where none is."""
        for server, at in self.kills:
            if _killed(asked, server, at):
                return f"{server} was killed"
        if self.terminated is not None and _crossed(asked, self.terminated):
            return "it was told to end"
        if any(_left(asked, since, until) for since, until in self.upgrades):
            return "it was upgraded"
        if self.without_server is not None and asked.status == 503:
            since, until = self.without_server
            if since <= asked.ended and asked.begun <= until:
                return "there was no server"
        return ""


def _killed(asked: Asked, server: str, at: float) -> bool:
    """It was in flight on a killed server, and may not be sent again: it has a body, or its answer began."""
    if asked.method in SESSIONS:
        # It may have noticed with the next thing that it said, and where nobody has answered, who knows.
        return asked.server in (server, "") and asked.ended >= at and asked.begun <= at + AFTER_KILL
    if asked.fate is Fate.TRUNCATED:
        return asked.server == server and asked.begun <= at <= asked.ended
    within = asked.begun <= at + AFTER_KILL and asked.ended >= at
    return asked.status == 502 and asked.method != "GET" and within


def _crossed(asked: Asked, at: float) -> bool:
    """Rules 70 and 71: new ones are refused, and a kept connection ends cleanly before an answer begins."""
    if asked.ended < at:
        return False
    return asked.fate is Fate.REFUSED or (asked.fate is Fate.CLOSED_REUSED and asked.clean)


def _left(asked: Asked, since: float, until: float) -> bool:
    """Rules 71 and 74: the older generation ends kept connections so, and refuses nothing."""
    crossed = asked.ended >= since and asked.begun <= until + AFTER_UPGRADE
    return crossed and asked.fate is Fate.CLOSED_REUSED and asked.clean and asked.method not in SESSIONS


@dataclass
class Tally:
    """The requests of a scenario, judged."""

    count: int
    lost: list[Asked]
    named: list[tuple[Asked, str]]
    worst: float
    """Milliseconds that the slowest answer took, but for a hundredth of them."""

    @property
    def causes(self) -> str:
        """How many of the lost ended how."""
        found = Counter(str(each.status) if each.status else str(each.fate) for each in self.lost)
        return ", ".join(f"{count} {how}" for how, count in found.most_common())


def tallied(asked: Sequence[Asked], deeds: Deeds) -> Tally:
    """All of `asked`, which have ended."""
    failed = [each for each in asked if not each.well]
    named = [(each, why) for each in failed if (why := deeds.naming(each))]
    # An error is raised in whichever request is the next; it must harm no other.
    harmed = [each for each in failed if each.fate in _CLOSED or each.status == 500][: deeds.raised]
    named += [(each, "an error was raised in it") for each in harmed]
    innocent = {id(each) for each, _ in named}
    lost = [each for each in failed if id(each) not in innocent]
    took = sorted(each.ended - each.begun for each in asked if each.well)
    worst = took[int(len(took) * 0.99)] * 1e3 if took else 0.0
    return Tally(len(asked), lost, named, worst)


def twice(delivered: Iterable[int]) -> list[int]:
    """The numbers that are there more than once."""
    return [number for number, times in Counter(delivered).items() if times > 1]
