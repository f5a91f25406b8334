"""What two generations of the load balancer say to each other during an upgrade (rules 74 and 75).

The older one is what it was told to be: a data plane, whose numbers are its own. Numbers of servers and
listeners are the speaker's, but in what the newer one asks for: there they are the older one's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lbtwist.model.figures import Figures
from lbtwist.model.plane import ConnectionView, CutBy, Tally

MAJOR, MINOR = 1, 0
"""The version of what is said. Another MINOR adds messages and fields, which whoever does not know them
passes over; another MAJOR can't be understood."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first word of each."""

    kind: Literal["hello"] = "hello"
    major: int = MAJOR
    minor: int = MINOR
    pid: int = 0
    capabilities: tuple[str, ...] = ()
    """What it can do besides, such as to take over descriptors of connections; none is known yet."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The newer one could accept now."""

    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class HandedServer:
    """A registration with what it has."""

    number: int
    group: str
    name: str
    address: str
    seats: tuple[int, ...]
    """Its numbers in the data planes."""
    leaving: bool = False
    removed_by: str = ""
    waits_for: tuple[int, ...] = ()
    """Registrations whose drains must end before it joins (rule 16)."""
    past: Tally = Tally()
    """The counters of seats that it had."""
    past_failures: dict[str, int] = field(default_factory=dict)
    """Of those, connections that failed by the reason."""
    timeout: float | None = None
    """Seconds that its connections would get were it removed now; None is never."""


@dataclass(frozen=True, slots=True)
class HandedListener:
    """A listener that accepts, one that is disabled, or one that was retired and drains: that has no name."""

    number: int
    name: str
    endpoint: str = ""
    """As the configuration has it."""
    protocol: str = ""
    disabled: bool = False
    timeout: float | None = None
    """Seconds that its connections would get were it removed now; None is never."""


@dataclass(frozen=True, slots=True)
class HandedCause:
    """Why something drains."""

    cause: int
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class HandedDrain:
    """A drain that runs. Times are seconds before and after this moment."""

    subject: str
    scope: Literal["registration", "listener"]
    numbers: tuple[int, ...]
    """Seats of the registration, or the number of the listener."""
    server: int | None
    """The registration."""
    causes: tuple[HandedCause, ...]
    started: float
    started_at: float
    """On the wall clock."""
    left: float | None
    """Until the deadline; None where there is none."""
    before: Tally
    """The counters at the start."""
    cutting: bool = False
    resumes: bool = False
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Counters of an older generation; those that are left out are as they were."""

    kind: Literal["report"] = "report"
    registrations: dict[int, Tally] = field(default_factory=dict)
    listeners: dict[int, Tally] = field(default_factory=dict)
    everything: Tally | None = None
    figures: Figures | None = None
    """Of them too, those that are left out are as they were."""


@dataclass(frozen=True, slots=True)
class HandedGeneration:
    """One that is older than the speaker, whose channel is handed on with it."""

    name: str
    """What the descriptor of its channel is called."""
    pid: int
    numbers: dict[int, int]
    """The speaker's numbers for seats and listeners, and its own."""
    listeners: dict[int, str]
    """Names of those listeners, by its own number."""
    report: Report
    """By its own numbers."""
    unread: str = ""
    """What came over its channel and is not a whole message yet, in base64."""


@dataclass(frozen=True, slots=True)
class HandedTotals:
    """What all drains that have ended come to."""

    drains: tuple[tuple[str, str, int], ...] = ()
    """Cause, outcome, and how many."""
    connections: dict[str, int] = field(default_factory=dict)
    """Those that the drains were about: `finished`, `cut` and `kept`."""


@dataclass(frozen=True, slots=True)
class Handover:
    """All that the newer one has to know to count, drain and cut what the older one has."""

    kind: Literal["handover"] = "handover"
    servers: tuple[HandedServer, ...] = ()
    listeners: tuple[HandedListener, ...] = ()
    drains: tuple[HandedDrain, ...] = ()
    older: tuple[HandedGeneration, ...] = ()
    report: Report = Report()
    past: Report = Report()
    """The counters of generations that are gone, by the speaker's numbers."""
    totals: HandedTotals = HandedTotals()
    receipts: tuple[str, ...] = ()
    """Of drains that have ended, a line of JSON each."""


@dataclass(frozen=True, slots=True)
class Accepting:
    """The newer one accepts: the older one does not need to any more."""

    kind: Literal["accepting"] = "accepting"
    left: tuple[str, ...] = ()
    """Names of listening sockets that it was given and does not want."""


@dataclass(frozen=True, slots=True)
class Cut:
    """As IDataPlane has it."""

    kind: Literal["cut"] = "cut"
    scope: Literal["registration", "listener", "all"] = "all"
    numbers: tuple[int, ...] = ()
    count: int | None = None
    why: Literal["deadline", "operator", "shutdown"] = CutBy.DEADLINE.value


@dataclass(frozen=True, slots=True)
class CutConnection:
    """As IDataPlane has it."""

    id: int
    kind: Literal["cut_connection"] = "cut_connection"


@dataclass(frozen=True, slots=True)
class InRotation:
    """Requests that still come over connections that clients of the older one have go to these alone."""

    group: str
    addresses: tuple[str, ...]
    kind: Literal["in_rotation"] = "in_rotation"


@dataclass(frozen=True, slots=True)
class Look:
    """Which connections are there?"""

    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True)
class Views:
    """The connections of an older generation."""

    kind: Literal["views"] = "views"
    registrations: dict[int, tuple[ConnectionView, ...]] = field(default_factory=dict)
    """By the number of the registration's seat."""
    others: tuple[ConnectionView, ...] = ()
    """Those without a server."""


Message = Hello | Ready | Handover | Accepting | Report | Cut | CutConnection | InRotation | Look | Views
