"""The members of one server group: who is registered, who is leaving, who may take new connections."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.drain import Cause
from lbtwist.model.failopen import FailOpen
from lbtwist.model.health import Health
from lbtwist.model.registration import Condition, Membership, Registration


class Choice(NamedTuple):
    """Who may take new connections."""

    registrations: tuple[Registration, ...]
    fail_open: bool = False
    """None may by the rules; these are used so that not every client is refused."""
    healthy: int = 0
    """How many could take new connections that are healthy, with the backups (rule 66)."""


class Members:
    """Every registration of a group that is not gone, by number; the registered ones also by name and
    by address, each of which only one may have."""

    def __init__(self, group: str) -> None:
        self.group = group
        self._by_number: dict[int, Registration] = {}
        self._by_name: dict[str, Registration] = {}
        self._by_address: dict[Address, Registration] = {}
        self._leaving: dict[int, Registration] = {}
        self._waiting: list[Registration] = []

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    @property
    def by_address(self) -> Mapping[Address, Registration]:
        """Those that are registered."""
        return self._by_address

    @property
    def registered(self) -> int:
        """How many are registered, whatever else is said of them."""
        return len(self._by_address)

    def get(self, number: int) -> Registration | None:
        return self._by_number.get(number)

    def seated(self, seat: int) -> Registration | None:
        """The one that the data plane knows by that number."""
        return self._by_number.get(seat) or next((r for r in self if seat in r.seats), None)

    def current(self, name: str) -> Registration | None:
        """The registered one of that name, not one that is leaving."""
        return self._by_name.get(name)

    def current_at(self, address: Address) -> Registration | None:
        return self._by_address.get(address)

    def leaving(self, name: str) -> Registration | None:
        """The one of that name that is leaving; of several the one that left last."""
        return next((r for r in reversed(self._leaving.values()) if r.name == name), None)

    def leaving_from(self, address: Address) -> list[Registration]:
        """Earlier stays of the same server (the same address, whatever its name), oldest first."""
        return [r for r in self._leaving.values() if r.address == address]

    def check_free(self, name: str, address: Address) -> None:
        """Raises Refused when the name or the address is taken by a registered server."""
        if taken := self._by_name.get(name):
            raise Refused(f"{self.group}/{name} is already registered, at {taken.address}")
        if taken := self._by_address.get(address):
            raise Refused(f"{address} is already registered as {self.group}/{taken.name}")

    def register(self, registration: Registration, waits_for: Collection[Registration] = ()) -> None:
        """Take a new registration in. It takes nothing new until the drains of `waits_for` have ended
        (rule 16). Raises Refused when its name or address is taken."""
        self.check_free(registration.name, registration.address)
        registration.waits_for = {earlier.number for earlier in waits_for}
        if registration.waits_for:
            self._waiting.append(registration)
        self._by_number[registration.number] = registration
        self._index(registration)

    def leave(self, registration: Registration) -> None:
        """It is registered no longer, and leaving; its name and address are free."""
        registration.membership = Membership.LEAVING
        self._leaving[registration.number] = registration
        del self._by_name[registration.name], self._by_address[registration.address]

    def inherit(self, registration: Registration) -> None:
        """Take one in that is leaving already."""
        registration.membership = Membership.LEAVING
        self._by_number[registration.number] = self._leaving[registration.number] = registration

    def hold(self, registration: Registration, waits_for: Collection[Registration]) -> None:
        """It takes nothing new until the drains of these have ended (rule 16)."""
        registration.waits_for |= {earlier.number for earlier in waits_for}
        if registration.waits_for and registration not in self._waiting:
            self._waiting.append(registration)

    def stay(self, registration: Registration) -> None:
        """Undo `leave`. Raises Refused when its name or address has been taken since."""
        self.check_free(registration.name, registration.address)
        registration.membership = Membership.REGISTERED
        del self._leaving[registration.number]
        self._index(registration)

    def rename(self, names: Mapping[Address, str]) -> None:
        """Give registered servers other names, all at once so that two may swap theirs."""
        for address in names:
            self._by_name.pop(self._by_address[address].name, None)
        for address, name in names.items():
            registration = self._by_address[address]
            registration.name = name
            self._by_name[name] = registration

    def discard(self, gone: Registration) -> bool:
        """Forget a registration that is gone. True when one that waited for it may join now."""
        del self._by_number[gone.number], self._leaving[gone.number]
        for registration in self._waiting:
            registration.waits_for.discard(gone.number)
        waiting = [r for r in self._waiting if r.waits_for and r.registered]
        joined = len(waiting) < len(self._waiting)
        self._waiting = waiting
        return joined

    def rotation(self, fail_open: FailOpen) -> Choice:
        """Who may take new connections now, of the first kind that there is: healthy ones; healthy
        backups; those not yet checked (rule 30); those that `fail_open` allows (rule 29)."""
        able = [r for r in self if r.takes_new]
        passing = Health.PASSING
        healthy = [r for r in able if r.record is None or r.record.state is passing]
        if chosen := _without_backups(healthy) or _without_backups(able):
            return Choice(tuple(chosen), healthy=len(healthy))
        chosen = _without_backups([r for r in self if _opens(r, fail_open)])
        return Choice(tuple(chosen), fail_open=bool(chosen))

    def conditions(self, registration: Registration, live: int, chosen: Choice) -> Iterator[Condition]:
        """All that "may take new connections" is made of: its own, then the group's and its limit."""
        yield from registration.conditions()
        limit = registration.max_connections
        full = 0 < limit <= live
        yield Condition("limit", f"{live} of {limit or 'any'}", not full, "full" if full else "")
        standby = registration.takes_new and registration not in chosen.registrations
        reason = "initial" if registration.health is Health.UNKNOWN else "standby"
        yield Condition("turn", reason if standby else "yes", not standby, reason if standby else "")

    def left_without(self, leaving: Collection[Registration]) -> int:
        """How many healthy ones could take new connections if `leaving` could not (rule 66)."""
        numbers = {registration.number for registration in leaving}
        passing = Health.PASSING
        return sum(r.takes_new and r.health is passing for r in self if r.number not in numbers)

    def at_host(self, host: str) -> list[Registration]:
        """Registered servers at that IP address or Unix socket path, on any port (rule 65)."""
        return [r for r in self if r.registered and r.address.host == host]

    def _index(self, registration: Registration) -> None:
        self._by_name[registration.name] = registration
        self._by_address[registration.address] = registration


def _without_backups(registrations: list[Registration]) -> list[Registration]:
    """The backups only where there is no other."""
    return [r for r in registrations if not r.backup] or registrations


def _opens(registration: Registration, fail_open: FailOpen) -> bool:
    """Nothing but its health, or a drain that is about nothing else, holds it back, and `fail_open`
    looks past that."""
    if fail_open is FailOpen.NEVER or not registration.takes_new_but_for("health", "drain"):
        return False
    drain = registration.drain
    if drain is not None and drain.causes.keys() != {Cause.HEALTH}:
        return False
    record = registration.record
    passes = record is None or record.state is not Health.FAILING or record.recovering
    return passes or fail_open is FailOpen.ALL


class Wanted(NamedTuple):
    """What a file or a source says of the server at one address."""

    name: str
    weight: int = 100
    max_connections: int = 0
    backup: bool = False
    zone: str = ""
