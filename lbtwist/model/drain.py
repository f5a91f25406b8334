"""The drain: what begins it, what ends it, and the one table of its states.

A drain is the time between "no new connections" and "gone". It is about the live connections of a
scope: those of a registration, of a listener, or all. Nothing but `TRANSITIONS` changes its state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import NamedTuple

from lbtwist.errors import Refused
from lbtwist.model.plane import Scope, Tally
from lbtwist.model.receipt import Receipt

NEVER = math.inf
"""The timeout, and the deadline, of a drain that only its last connection ends."""


class Cause(IntEnum):
    """Why something drains, the strongest last: that one says how the drain ends (rule 32)."""

    HEALTH = 1
    SERVER_REQUEST = 2
    OPERATOR = 3
    MAINTENANCE = 4
    REMOVAL = 5
    SHUTDOWN = 6

    @property
    def word(self) -> str:
        """The reason as shown."""
        return _WORDS[self]


_WORDS = {
    Cause.HEALTH: "failed_health_checks",
    Cause.SERVER_REQUEST: "server_requested",
    Cause.OPERATOR: "operator",
    Cause.MAINTENANCE: "maintenance",
    Cause.REMOVAL: "deregistered",
    Cause.SHUTDOWN: "shutdown",
}


class Because(NamedTuple):
    """Who asked for something, and the reason they gave."""

    who: str
    why: str = ""


class State(Enum):
    RUNNING = "running"
    CUTTING = "cutting"
    COMPLETED = "completed"
    CUT = "cut"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Event(Enum):
    JOINED = "a further cause joined"
    EXTENDED = "the operator moved the deadline"
    EXPIRED = "the deadline came, or the operator said cut"
    FINISHED = "the last connection ended, all by themselves"
    CLOSED = "the last connection ended, some of them cut"
    WITHDRAWN = "the last cause was taken away"
    STOPPED = "the process ends"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.RUNNING, Event.JOINED): State.RUNNING,
        (State.RUNNING, Event.EXTENDED): State.RUNNING,
        (State.RUNNING, Event.EXPIRED): State.CUTTING,
        (State.RUNNING, Event.FINISHED): State.COMPLETED,
        (State.RUNNING, Event.CLOSED): State.CUT,
        (State.RUNNING, Event.WITHDRAWN): State.CANCELLED,
        (State.RUNNING, Event.STOPPED): State.INTERRUPTED,
        (State.CUTTING, Event.JOINED): State.CUTTING,
        (State.CUTTING, Event.EXPIRED): State.CUTTING,
        (State.CUTTING, Event.WITHDRAWN): State.CUTTING,
        (State.CUTTING, Event.FINISHED): State.COMPLETED,
        (State.CUTTING, Event.CLOSED): State.CUT,
        (State.CUTTING, Event.STOPPED): State.INTERRUPTED,
    }
)
"""Every state a drain may go to; a pair that is not here is refused."""


@dataclass(slots=True)
class Drain:
    """One drain of one scope. Times are seconds: `started` and `deadline` on the monotonic clock."""

    subject: str
    """What drains, as shown: `app/ecs01#7`, `listener web`, `load balancer lbtwist`."""
    scope: Scope
    started: float
    started_at: float
    """The start on the wall clock, for people; no deadline depends on it."""
    deadline: float
    before: Tally
    """The counters at the start."""
    causes: dict[Cause, Because] = field(default_factory=dict)
    state: State = State.RUNNING
    resumes: bool = False
    """Health checks that pass take the cause of health away, by the setting when it came (rules 23, 24)."""

    @property
    def ended(self) -> bool:
        return self.state not in (State.RUNNING, State.CUTTING)

    @property
    def cause(self) -> Cause:
        """The strongest of its causes (rule 32)."""
        return max(self.causes)

    def on(self, event: Event) -> None:
        """Go where the table says. Raises Refused when it names no way."""
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            raise Refused(f"{self.subject}: {event.value}, but its drain is {self.state.value}") from None

    def join(self, cause: Cause, because: Because, deadline: float) -> None:
        """Another cause for the same drain: the earlier deadline holds (rules 28 and 32)."""
        self.on(Event.JOINED)
        self.causes[cause] = because
        self.deadline = min(self.deadline, deadline)

    def widen(self, scope: Scope, before: Tally) -> None:
        """Be about `scope` from now on, whose counters were `before` when what is new in it joined."""
        self.scope = scope
        self.before = before

    def narrow(self, number: int, counted: Tally) -> None:
        """Be about `number` no more, whose counters are `counted` at last: the receipt goes on telling them.

        What was live there at the start stays among the connections that this drain is about.
        """
        self.scope = Scope(self.scope.kind, tuple(n for n in self.scope.numbers if n != number))
        self.before = replace(self.before - counted, live=self.before.live)

    def extend(self, deadline: float) -> None:
        """The deadline is now `deadline`, later or earlier than it was (rule 62)."""
        self.on(Event.EXTENDED)
        self.deadline = deadline

    def withdraw(self, cause: Cause) -> None:
        """Take one cause away; with the last one the drain is cancelled and nothing is cut."""
        if cause in self.causes and len(self.causes) == 1:
            self.on(Event.WITHDRAWN)
        else:
            self.causes.pop(cause, None)

    def left(self, now: float) -> float:
        """Seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - now)

    def receipt(self, after: Tally, now: float) -> Receipt:
        """What happened, from the counters of its scope at the end (rule 64).

        A listener that leaves still gets requests over connections that clients had: they count with
        those that were live at the start.
        """
        cut = after.cut - self.before.cut
        connections = self.before.live + after.total - self.before.total
        because = self.causes[self.cause]
        return Receipt(
            subject=self.subject,
            cause=self.cause.word,
            who=because.who,
            why=because.why,
            start=self.started_at,
            deadline=self.started_at + (self.deadline - self.started),
            end=self.started_at + (now - self.started),
            outcome=self.state.value,
            connections=connections,
            finished=connections - after.live - cut,
            cut=cut,
            kept=after.live,
            bytes_moved=after.moved - self.before.moved,
            responses_5xx=after.answered - self.before.answered,
            responses_cut=after.truncated - self.before.truncated,
            tunnels_closed=after.closed - self.before.closed,
            tunnels_aborted=after.aborted - self.before.aborted,
        )
