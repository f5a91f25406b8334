"""A server group: its members, their drains, and who of them the data plane may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from twisted.application.service import Service
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings, Rejoin
from lbtwist.model.drain import Because, Cause, State
from lbtwist.model.members import Members, Wanted
from lbtwist.model.plane import Rotation
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Admin, Membership, Origin, Registration
from lbtwist.service.draining import Drains, RunningDrain


class ServerGroup(Service):
    """What removes, drains and brings back servers. When a call returns, the data plane obeys it."""

    log = Logger()
    name: str

    def __init__(
        self,
        name: str,
        settings: GroupSettings,
        plane: IDataPlane,
        drains: Drains,
        numbers: Iterator[int],
    ) -> None:
        self.name = name
        self.settings = settings
        self.members = Members(name)
        self._plane = plane
        self._drains = drains
        self._numbers = numbers
        self._emptied: Callable[[], None] | None = None

    def startService(self) -> None:
        """Register the servers of the settings and publish them."""
        super().startService()
        self.add(servers_of(self.settings), Because("file"))

    def reconfigure(self, settings: GroupSettings) -> None:
        """Other settings from now on; running drains keep theirs (rules 3, 17 and 23), and the
        membership is not touched (rule 73). A group that was being retired stays."""
        self._emptied = None
        self.settings = settings
        self._publish()

    def add(
        self, servers: Mapping[Address, Wanted], because: Because, rejoin: Rejoin | None = None
    ) -> list[Registration]:
        """Register servers. One whose earlier stay still drains joins as `rejoin` says, the group's
        own setting when None (rule 16). Raises Refused, and adds none, when a name or address is taken,
        or the group is being retired."""
        if self._emptied is not None:
            raise Refused(f"server group {self.name} is being removed")
        for address, wanted in servers.items():
            self.members.check_free(wanted.name, address)
        mode = rejoin or self.settings.connection_draining.rejoin
        added = [self._admit(address, wanted, mode) for address, wanted in servers.items()]
        self._publish()
        for registration in added:
            self.log.debug("{server} added by {who}", server=registration.label, who=because.who)
        return added

    def remove(
        self,
        registrations: Sequence[Registration],
        because: Because,
        origin: Origin,
        timeout: float | None = None,
    ) -> list[RunningDrain]:
        """Deregister: nothing new from now on (rule 1), what they have may finish within `timeout`
        seconds, the group's own when None (rule 3), and then they are gone."""
        for registration in registrations:
            self.members.leave(registration)
            registration.removed_by = origin
        self._publish()
        return [self._drain(each, Cause.REMOVAL, because, timeout) for each in registrations]

    def retire(self, because: Because, emptied: Callable[[], None]) -> None:
        """Remove every server by the rules; `emptied` is called when the last one is gone. Until then
        none is added, and none comes back that a verb had removed before."""
        self._emptied = emptied
        for registration in self.members:
            registration.removed_by = Origin.FILE
        self.remove([r for r in self.members if r.registered], because, Origin.FILE)
        self._tell_emptied()

    def drain(
        self, registrations: Sequence[Registration], because: Because, timeout: float | None = None
    ) -> list[RunningDrain]:
        """Take out of rotation and drain; at the end they are drained and registered (rule 60)."""
        for registration in registrations:
            registration.admin = Admin.DRAIN
            registration.operator = because
        self._publish()
        return [self._drain(each, Cause.OPERATOR, because, timeout) for each in registrations]

    def ready(self, registration: Registration, because: Because) -> None:
        """Undo `drain` at any time, and `remove` while its drain runs (rules 60 and 62).

        Connections that are still alive stay. Raises Refused when the removal was not a verb's, is
        being cut, or its name or address was taken since.
        """
        self.check_ready(registration)
        if not registration.registered:
            self.members.stay(registration)
        registration.admin = Admin.READY
        registration.operator = because
        self._withdraw(registration, Cause.REMOVAL, Cause.OPERATOR)
        self._publish()

    def check_ready(self, registration: Registration) -> None:
        """Raises Refused when `ready` can't bring it back."""
        if registration.registered:
            return
        if registration.removed_by is not Origin.VERB:
            raise Refused(
                f"{registration.label} was removed by the {_word(registration.removed_by)}: add it there"
            )
        if not _cancellable(registration):
            raise Refused(f"{registration.label} is being cut; its removal can't be undone any more")
        self.members.check_free(registration.name, registration.address)

    def weigh(self, registration: Registration, weight: int) -> None:
        """Another share of the new connections; 0 gets none and starts no drain."""
        registration.weight = weight
        self._publish()

    def amend(self, servers: Mapping[Address, Wanted]) -> None:
        """Other names and weights for registered servers; no connection is touched."""
        self.members.rename({address: wanted.name for address, wanted in servers.items()})
        for address, wanted in servers.items():
            registration = self.members.current_at(address)
            assert registration is not None
            registration.weight = wanted.weight
        self._publish()

    def check_min_healthy(self, leaving: Sequence[Registration]) -> None:
        """Raises Refused when too few would be left to take new connections (rule 66)."""
        needed = self.settings.min_healthy.needed(self.members.registered)
        now = self.members.left_without(())
        left = self.members.left_without(leaving)
        if left < min(needed, now):
            raise Refused(
                f"{self.name} would be left with {left} of {self.members.registered} servers that take new"
                f" connections; min_healthy is {self.settings.min_healthy} (--force overrides)"
            )

    def drain_of(self, registration: Registration) -> RunningDrain | None:
        """Its drain, where one runs."""
        return self._drains.get(registration.scope)

    def _admit(self, address: Address, wanted: Wanted, rejoin: Rejoin) -> Registration:
        earlier = self.members.leaving_from(address)
        if rejoin is Rejoin.CANCEL_DRAIN and earlier and _cancellable(earlier[-1]):
            return self._take_back(earlier[-1], wanted)
        registration = Registration(next(self._numbers), self.name, wanted.name, address, wanted.weight)
        self.members.register(registration, earlier if rejoin is not Rejoin.ALONGSIDE else ())
        return registration

    def _take_back(self, registration: Registration, wanted: Wanted) -> Registration:
        registration.name, registration.weight = wanted
        self.members.stay(registration)
        self._withdraw(registration, Cause.REMOVAL)
        return registration

    def _drain(
        self, registration: Registration, cause: Cause, because: Because, timeout: float | None
    ) -> RunningDrain:
        seconds = self.settings.connection_draining.timeout if timeout is None else timeout
        running = self._drains.get(registration.scope)
        if running is not None:
            running.join(cause, because, seconds)
            return running
        ended = partial(self._drained, registration)
        running = self._drains.open(registration.label, registration.scope, cause, because, seconds, ended)
        registration.drain = running.drain
        running.begin()
        return running

    def _drained(self, registration: Registration, receipt: Receipt) -> None:
        """Its drain has ended. What becomes of it, and of those that waited for it, the facts say."""
        registration.concluded()
        joined = False
        if registration.membership is Membership.GONE:
            joined = self.members.discard(registration)
            self._plane.forget(registration.scope)
            self._tell_emptied()
        if joined or registration.takes_new:
            self._publish()

    def _tell_emptied(self) -> None:
        if self._emptied is not None and not self.members:
            emptied, self._emptied = self._emptied, None
            emptied()

    def _withdraw(self, registration: Registration, *causes: Cause) -> None:
        for cause in causes:
            if running := self._drains.get(registration.scope):
                running.withdraw(cause)

    def _publish(self) -> None:
        self._plane.rotate(
            self.name,
            Rotation(self.members.rotation(), self.settings.scheduler, self.settings.retries),
        )


def _word(origin: Origin | None) -> str:
    return origin.value if origin else "load balancer"


def servers_of(settings: GroupSettings) -> dict[Address, Wanted]:
    """The servers that a group's settings name."""
    return {server.address: Wanted(name, server.weight) for name, server in settings.servers.items()}


def _cancellable(registration: Registration) -> bool:
    return registration.drain is not None and registration.drain.state is State.RUNNING
