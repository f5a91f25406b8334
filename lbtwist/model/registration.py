"""A registration: one stay of a server in a group, and whether it may take new connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.plane import Member, Scope


class Membership(Enum):
    REGISTERED = "registered"
    LEAVING = "leaving"
    GONE = "gone"


class Admin(Enum):
    """What the operator wants."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


class Health(Enum):
    """What the health checks say."""

    PASSING = "passing"
    FAILING = "failing"
    UNKNOWN = "unknown"


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


@dataclass(slots=True)
class Registration:
    """Membership, admin and health are three separate facts; the rest is derived from them."""

    number: int
    group: str
    name: str
    address: Address
    weight: int = 100
    membership: Membership = Membership.REGISTERED
    admin: Admin = Admin.READY
    health: Health = Health.PASSING
    checked: bool = False
    """There are health checks; without them a server is healthy (rule 30)."""
    drain: Drain | None = None
    waits_for: set[int] = field(default_factory=set)
    """Registrations of the same address whose drains must end before this one joins (rule 16)."""
    operator: Because = Because("")
    """Who last changed `admin`, and why."""
    removed_by: Origin | None = None

    @property
    def label(self) -> str:
        """As shown: `app/ecs01#7`."""
        return f"{self.group}/{self.name}#{self.number}"

    @property
    def scope(self) -> Scope:
        return Scope.registration(self.number)

    @property
    def member(self) -> Member:
        return Member(self.number, self.label, self.address, self.weight)

    @property
    def registered(self) -> bool:
        return self.membership is Membership.REGISTERED

    def conditions(self) -> Iterator[Condition]:
        """All that "may take new connections" is made of, in the order in which they are told."""
        for test in _TESTS:
            holds = test.holds(self)
            yield Condition(test.name, test.value(self), holds, "" if holds else test.reason(self))

    @property
    def takes_new(self) -> bool:
        """It may take new connections: every condition holds."""
        return all(test.holds(self) for test in _TESTS)

    @property
    def state(self) -> str:
        """The one word that is shown."""
        if self.membership is Membership.GONE:
            return "gone"
        if self.drain:
            return "unhealthy.draining" if self.drain.cause is Cause.HEALTH else "draining"
        if self.admin is not Admin.READY:
            return "maintenance" if self.admin is Admin.MAINT else "drained"
        if self.waits_for:
            return "initial"
        return _HEALTH_STATES[self.health]

    @property
    def reason(self) -> str:
        """Why it takes nothing new, or what its state rests on; empty when there is nothing to say."""
        for condition in self.conditions():
            if not condition.holds:
                return condition.reason
        return "" if self.checked else "no_health_check"

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


_TESTS = (
    _Test(
        "membership",
        lambda r: r.membership is Membership.REGISTERED,
        lambda r: r.membership.value,
        lambda r: Cause.REMOVAL.word,
    ),
    _Test("admin", lambda r: r.admin is Admin.READY, lambda r: r.admin.value, lambda r: Cause.OPERATOR.word),
    _Test(
        "health",
        lambda r: r.health is not Health.FAILING,
        lambda r: r.health.value,
        lambda r: Cause.HEALTH.word,
    ),
    _Test("drain", lambda r: r.drain is None, _drain_word, _drain_reason),
    _Test("holds", lambda r: not r.waits_for, _holds, lambda r: "rejoining"),
    _Test("weight", lambda r: r.weight > 0, lambda r: str(r.weight), lambda r: "weight_zero"),
)
"""Written once: what `takes_new` asks is what `conditions` tells."""

_HEALTH_STATES = {
    Health.PASSING: "healthy",
    Health.FAILING: "unhealthy",
    Health.UNKNOWN: "initial",
}
