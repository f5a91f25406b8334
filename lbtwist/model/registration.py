"""A registration: one stay of a server in a group, and whether it may take new connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.health import Health, HealthRecord
from lbtwist.model.plane import Member, Scope, Tally


class Membership(Enum):
    REGISTERED = "registered"
    LEAVING = "leaving"
    GONE = "gone"


class Admin(Enum):
    """What the operator wants."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


class Origin(Enum):
    """Who may undo it: a verb undoes only what a verb did (rule 62)."""

    FILE = "file"
    VERB = "verb"
    SOURCE = "source"


class Condition(NamedTuple):
    """One part of "may take new connections", with its value at this moment."""

    name: str
    value: str
    holds: bool
    reason: str
    """Why it says no, in one word; empty when it holds."""


@dataclass(slots=True, eq=False)
class Registration:
    """Membership, admin and health are three separate facts; the rest is derived from them."""

    number: int
    group: str
    name: str
    address: Address
    weight: int = 100
    max_connections: int = 0
    backup: bool = False
    zone: str = ""
    membership: Membership = Membership.REGISTERED
    admin: Admin = Admin.READY
    record: HealthRecord | None = None
    """What its checks found; without checks it is healthy (rule 30)."""
    unresolved: bool = False
    """Its name can't be resolved at present; its address is the last one that was known."""
    requested: bool = False
    """The server asks to be drained (rule 31)."""
    drain: Drain | None = None
    waits_for: set[int] = field(default_factory=set)
    """Registrations of the same address whose drains must end before this one joins (rule 16)."""
    ramp: int = 100
    """Percent of its weight that it gets now: less while it starts slowly."""
    because: Because = Because("")
    """Who last changed `admin`, and why."""
    until: float | None = None
    """When it comes back from maintenance by itself, on the monotonic clock."""
    removed_by: Origin | None = None
    seats: list[int] = field(default_factory=list)
    """Its numbers in the data plane, the one for new connections last. A further one is taken when it
    gets connections that do not belong to its running drain (rule 29)."""
    past: Tally = Tally()
    """The counters of the seats it had."""
    past_failures: Counter[str] = field(default_factory=Counter)
    """Of those counters, connections that failed by the reason."""
    _member: Member | None = field(default=None, init=False, repr=False)
    _told: tuple[object, ...] = field(default=(), init=False, repr=False)
    """What `_member` was made of."""

    def __post_init__(self) -> None:
        self.seats = self.seats or [self.number]

    @property
    def label(self) -> str:
        """As shown: `app/ecs01#7`."""
        return f"{self.group}/{self.name}#{self.number}"

    @property
    def scope(self) -> Scope:
        """All its live connections."""
        return Scope.registration(*self.seats)

    @property
    def key(self) -> Scope:
        """What its drain is found by, whatever its name and seats."""
        return Scope.registration(self.number)

    @property
    def member(self) -> Member:
        """Itself for the data plane, with the seat that new connections get."""
        return self.tied(b"")

    def tied(self, cookie: bytes) -> Member:
        """The same, where `cookie` says of a client that it is tied to it. It is the same object until
        something of it changes: of thousands of servers few change at once."""
        told = (self.seats[-1], self.name, self.weight, self.ramp, self.max_connections, cookie)
        if self._member is None or told != self._told:
            self._told = told
            self._member = Member(
                self.seats[-1], self.label, self.address, self.weight, self.ramp, self.max_connections, cookie
            )
        return self._member

    @property
    def registered(self) -> bool:
        return self.membership is _REGISTERED

    @property
    def health(self) -> Health:
        """What the health checks say."""
        return self.record.state if self.record else _PASSING

    @property
    def starting(self) -> bool:
        """It starts slowly."""
        return self.ramp < 100

    def conditions(self) -> Iterator[Condition]:
        """What "may take new connections" is made of, in the order in which it is told.

        Its limit and the group's other members have their say besides: `Members.conditions`.
        """
        for test in _TESTS:
            holds = test.holds(self)
            yield Condition(test.name, test.value(self), holds, "" if holds else test.reason(self))

    @property
    def takes_new(self) -> bool:
        """Nothing of its own holds new connections back: every condition holds.

        What `_TESTS` ask, spelled out: each server of a group is asked at each change, and eight calls
        take four times as long.
        """
        record = self.record
        return (
            self.membership is _REGISTERED
            and self.admin is _READY
            and not self.requested
            and not self.unresolved
            and (record is None or record.state is not _FAILING)
            and self.drain is None
            and not self.waits_for
            and self.weight > 0
        )

    def takes_new_but_for(self, *names: str) -> bool:
        """Nothing but the conditions of these names holds new connections back."""
        return all(test.holds(self) for test in _TESTS if test.name not in names)

    @property
    def state(self) -> str:
        """The one word that is shown."""
        if self.membership is Membership.GONE:
            return "gone"
        if self.drain:
            return "unhealthy.draining" if self.drain.cause is Cause.HEALTH else "draining"
        if self.admin is not Admin.READY:
            return "maintenance" if self.admin is Admin.MAINT else "drained"
        if self.requested:
            return "drained"
        if self.waits_for:
            return "initial"
        return "unhealthy" if self.unresolved else _HEALTH_STATES[self.health]

    @property
    def reason(self) -> str:
        """Why it takes nothing new, or what its state rests on; empty when there is nothing to say."""
        for condition in self.conditions():
            if not condition.holds:
                return condition.reason
        if self.starting:
            return "slow_start"
        return "" if self.record else "no_health_check"

    def concluded(self) -> None:
        """Its drain has ended: gone if it was leaving, else what the other facts say (rule 25)."""
        self.drain = None
        if self.membership is Membership.LEAVING:
            self.membership = Membership.GONE


class _Test(NamedTuple):
    """How one condition is read from a registration."""

    name: str
    holds: Callable[[Registration], bool]
    value: Callable[[Registration], str]
    reason: Callable[[Registration], str]


def _drain_word(registration: Registration) -> str:
    return registration.drain.cause.word if registration.drain else "none"


def _drain_reason(registration: Registration) -> str:
    """A running drain alone holds back a server that passes again only when it is latched (rule 24)."""
    word = _drain_word(registration)
    return "latched" if word == Cause.HEALTH.word else word


def _holds(registration: Registration) -> str:
    waiting = ", ".join(f"#{number}" for number in sorted(registration.waits_for))
    return f"the drain of {waiting}" if waiting else "none"


def _admin_reason(registration: Registration) -> str:
    return "maintenance" if registration.admin is Admin.MAINT else Cause.OPERATOR.word


# To look a member of an Enum up takes 0.14 µs, and each server of a group is asked at each change.
_REGISTERED, _READY, _FAILING, _PASSING = Membership.REGISTERED, Admin.READY, Health.FAILING, Health.PASSING

_TESTS = (
    _Test(
        "membership",
        lambda r: r.membership is _REGISTERED,
        lambda r: r.membership.value,
        lambda r: Cause.REMOVAL.word,
    ),
    _Test("admin", lambda r: r.admin is _READY, lambda r: r.admin.value, _admin_reason),
    _Test(
        "request",
        lambda r: not r.requested,
        lambda r: "drain" if r.requested else "none",
        lambda r: Cause.SERVER_REQUEST.word,
    ),
    _Test(
        "name",
        lambda r: not r.unresolved,
        lambda r: "not resolved" if r.unresolved else "resolved",
        lambda r: "name_not_resolved",
    ),
    _Test(
        "health",
        lambda r: r.record is None or r.record.state is not _FAILING,
        lambda r: r.health.value,
        lambda r: Cause.HEALTH.word,
    ),
    _Test("drain", lambda r: r.drain is None, _drain_word, _drain_reason),
    _Test("holds", lambda r: not r.waits_for, _holds, lambda r: "rejoining"),
    _Test("weight", lambda r: r.weight > 0, lambda r: str(r.weight), lambda r: "weight_zero"),
)
"""What `takes_new` asks is what `conditions` tells."""

_HEALTH_STATES = {
    Health.PASSING: "healthy",
    Health.FAILING: "unhealthy",
    Health.UNKNOWN: "initial",
}
