"""What older generations have of one group's servers (rule 75)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from twisted.logger import Logger

from lbtwist.model.address import Address
from lbtwist.model.drain import Because, Cause, Drain
from lbtwist.model.members import Members
from lbtwist.model.plane import Tally
from lbtwist.model.registration import Membership, Origin, Registration
from lbtwist.service.member_drains import MemberDrains

_NOT_NAMED = Because("upgrade", "the configuration of the new generation does not have it")


class InheritedServer(NamedTuple):
    """A registration of an older generation."""

    number: int
    """What it was there."""
    name: str
    address: Address
    seats: tuple[int, ...]
    """What its connections are known by here."""
    past: Tally
    past_failures: Mapping[str, int]
    leaving: bool
    removed_by: Origin | None
    drain: Drain | None
    spread: float
    timeout: float
    """Seconds that its connections get where it is here no more."""
    waits_for: tuple[int, ...] = ()
    """What had to end there before it could join (rule 16)."""


class Inherited:
    """Gives registrations what older generations have of the same server, the same address: seats, and
    the drain that runs."""

    log = Logger()

    def __init__(self, members: Members, drains: MemberDrains, numbers: Iterator[int]) -> None:
        self._members = members
        self._drains = drains
        self._numbers = numbers
        self._awaited: dict[Address, InheritedServer] = {}
        self._left: dict[int, Registration] = {}
        """Those that were leaving, by their older number."""

    def take(self, servers: Collection[InheritedServer]) -> None:
        """Those that are registered here get theirs; those that are not are waited for."""
        for server in servers:
            if server.leaving:
                self._left[server.number] = self._leaving(server, server.removed_by)
        for server in servers:
            current = self._members.current_at(server.address)
            if not server.leaving and current is not None:
                self._give(current, server)
            elif not server.leaving:
                self._awaited[server.address] = server

    def join(self, registration: Registration) -> None:
        """It has joined, and is not published yet."""
        if server := self._awaited.pop(registration.address, None):
            self._give(registration, server)

    def settle(self) -> None:
        """All have come that come: what is left of others is removed by the rules."""
        awaited, self._awaited = self._awaited, {}
        for server in awaited.values():
            registration = self._leaving(server, Origin.FILE)
            self._drains.drain(registration, Cause.REMOVAL, _NOT_NAMED, server.timeout)

    def _leaving(self, server: InheritedServer, removed_by: Origin | None) -> Registration:
        registration = Registration(next(self._numbers), self._members.group, server.name, server.address)
        registration.removed_by = removed_by
        self._members.inherit(registration)
        self._give(registration, server)
        return registration

    def _give(self, registration: Registration, server: InheritedServer) -> None:
        registration.seats[:0] = server.seats
        registration.past += server.past
        registration.past_failures.update(server.past_failures)
        waits_for = [self._left[number] for number in server.waits_for if number in self._left]
        self._members.hold(registration, [r for r in waits_for if r.membership is Membership.LEAVING])
        if server.drain is None:
            return
        if running := self._drains.of(registration):
            running.widen(registration.scope)
        else:
            self._drains.inherit(registration, server.drain, server.spread)
