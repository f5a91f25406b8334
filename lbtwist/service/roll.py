"""Who comes to a server group and who leaves it. Whoever calls publishes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lbtwist.model.address import Address
from lbtwist.model.config import Rejoin
from lbtwist.model.drain import Cause
from lbtwist.model.health import HealthRecord
from lbtwist.model.members import Members, Wanted
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.member_drains import MemberDrains


class Roll:
    """Changes the members by what is wanted of servers."""

    def __init__(
        self,
        members: Members,
        drains: MemberDrains,
        numbers: Iterator[int],
        new_record: Callable[[], HealthRecord | None],
    ) -> None:
        """`new_record` is what is known of the health of one that comes."""
        self._members = members
        self._drains = drains
        self._numbers = numbers
        self._new_record = new_record

    def admit(self, servers: Servers, rejoin: Rejoin) -> list[Registration]:
        """Register servers, each by `rejoin` where an earlier stay of it still drains (rule 16). Their
        names and addresses are free."""
        return [self._admit(address, wanted, rejoin) for address, wanted in servers.items()]

    def leave(self, registrations: Sequence[Registration], origin: Origin) -> None:
        """They are registered no longer; they are not drained yet."""
        for registration in registrations:
            self._members.leave(registration)
            registration.removed_by = origin

    def amend(self, servers: Servers) -> None:
        """Other names, weights and limits for registered servers."""
        at = self._members.by_address
        self._members.rename({a: wanted.name for a, wanted in servers.items() if wanted.name != at[a].name})
        for address, wanted in servers.items():
            _describe(at[address], wanted)

    def _admit(self, address: Address, wanted: Wanted, rejoin: Rejoin) -> Registration:
        earlier = self._members.leaving_from(address)
        if rejoin is Rejoin.CANCEL_DRAIN and earlier and self._drains.cancellable(earlier[-1]):
            return self._take_back(earlier[-1], wanted)
        registration = Registration(next(self._numbers), self._members.group, wanted.name, address)
        _describe(registration, wanted)
        registration.record = self._new_record()
        self._members.register(registration, earlier if rejoin is not Rejoin.ALONGSIDE else ())
        return registration

    def _take_back(self, registration: Registration, wanted: Wanted) -> Registration:
        registration.name = wanted.name
        _describe(registration, wanted)
        self._members.stay(registration)
        self._drains.withdraw(registration, Cause.REMOVAL)
        return registration


def _describe(registration: Registration, wanted: Wanted) -> None:
    registration.weight = wanted.weight
    registration.max_connections = wanted.max_connections
    registration.backup = wanted.backup
    registration.zone = wanted.zone
