"""A server group: its members, their drains, and who of them the data plane may use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings, Rejoin
from lbtwist.model.difference import servers_of
from lbtwist.model.drain import Because, Cause
from lbtwist.model.hostname import HostName
from lbtwist.model.members import Choice, Members, Wanted
from lbtwist.model.merge import Servers, merge
from lbtwist.model.registration import Admin, Membership, Origin, Registration
from lbtwist.model.server_tls import ServerTLS
from lbtwist.model.state.intent import with_free_names, with_names_of
from lbtwist.service.discovery import Discovery
from lbtwist.service.draining import Drains
from lbtwist.service.following import Following
from lbtwist.service.group_health import GroupHealth
from lbtwist.service.inherited import Inherited, InheritedServer
from lbtwist.service.makers import Makers
from lbtwist.service.member_drains import MemberDrains
from lbtwist.service.named import NamedServers
from lbtwist.service.publication import Publication
from lbtwist.service.recollection import Recollection
from lbtwist.service.returning import Returning
from lbtwist.service.roll import Roll
from lbtwist.service.running_drain import RunningDrain

_CHECKS = Because("health check")
_NOBODY = Because("")
OPERATOR_CAUSES = {Admin.DRAIN: Cause.OPERATOR, Admin.MAINT: Cause.MAINTENANCE}


class Surroundings(NamedTuple):
    """What a group works with."""

    plane: IDataPlane
    drains: Drains
    numbers: Iterator[int]
    clock: IReactorTime
    makers: Makers
    check_network: Callable[[Address], None] = lambda address: None
    """Raises Refused when a server may not be there."""
    changed: Callable[[], None] = lambda: None
    """Hears when what operators want may have changed."""


class ServerGroup(Service):
    """What removes, drains and brings back servers. When a call returns, the data plane obeys it."""

    log = Logger()
    name: str

    def __init__(self, name: str, settings: GroupSettings, around: Surroundings) -> None:
        self.name = name
        self.settings = settings
        self._filed: Servers = servers_of(settings)
        """The servers that the settings name by an address: thousands take a while."""
        self.members = Members(name)
        self._plane = around.plane
        self._events = around.drains.events
        self._publication = Publication(
            settings,
            self.members,
            around.plane,
            around.numbers,
            around.clock,
            around.makers.secret,
            self._events,
        )
        self._tls = around.makers.tls
        self._publication.tls = self._tls(settings)
        self._drains = MemberDrains(settings, around.plane, around.drains, self._drained)
        self.health = GroupHealth(
            settings,
            self.members,
            around.plane,
            self._drains,
            self._publication.publish,
            self._publication.publish_if_open,
            around.makers,
            around.clock,
            self._events,
        )
        self._roll = Roll(self.members, self._drains, around.numbers, self.health.new_record)
        self._following = Following(
            settings,
            self.members,
            self.merge,
            self.resolved,
            around.check_network,
            around.makers,
            self._events,
        )
        self._returning = Returning(around.clock, lambda r: self.ready(r, Because("maint --for")))
        self.recollection = Recollection(name, self._returning, around.clock)
        """What operators wanted before a restart."""
        self._inherited = Inherited(self.members, self._drains, around.numbers)
        self._changed = around.changed
        self._check_network = around.check_network
        self._emptied: Callable[[], None] | None = None
        self._beginning: set[str] = set()
        """Names of servers that begin with the group, those that are not resolved yet."""

    @property
    def choice(self) -> Choice:
        """Who may take new connections, as it was published."""
        return self._publication.choice

    @property
    def discovery(self) -> Discovery | None:
        """Where its members come from, where they are discovered."""
        return self._following.discovery

    @property
    def named(self) -> NamedServers:
        """Its servers that are given by name."""
        return self._following.named

    @property
    def said(self) -> Servers:
        """What the source, or else the file, says of its servers at present, of those with an address."""
        if self.discovery:
            return self.discovery.said
        return self._filed

    @property
    def retired(self) -> bool:
        """It is being removed, with all its servers."""
        return self._emptied is not None

    @property
    def problem(self) -> str:
        """What an operator should know of it; empty when all is well."""
        return (self.discovery.problem if self.discovery else "") or self._publication.problem

    def startService(self) -> None:
        """Register the servers of the settings and publish them, each in the state that it had."""
        super().startService()
        self._beginning.update(self.settings.servers)
        coming = self._coming(self._filed, Origin.FILE)
        self._admit_all(with_free_names(coming, self._filed), Because("file"))
        self._bring_back()
        self._publication.publish()
        self._following.start(self.settings)
        self._settle()

    def stopService(self) -> Deferred[None]:
        """Check and ask no more. Drains go on. Fires when nothing is left of what was asked."""
        super().stopService()
        self._publication.stop()
        self._returning.stop()
        self.health.stop()
        return self._following.stop()

    def reconfigure(
        self, settings: GroupSettings, servers: Servers | None = None, *, publish: bool = True
    ) -> None:
        """Other settings from now on; running drains keep theirs (rules 3, 17 and 23), and the
        membership is not touched (rule 73). A group that was being retired stays. Who has the `servers`
        of the settings saves the time to look for them. Who does not have it published says more in the
        same step, and publishes that."""
        retired, self._emptied = self._emptied is not None, None
        said = {} if retired else self.said
        before, self.settings = self.settings, settings
        self._filed = servers_of(settings) if servers is None else servers
        self._publication.settings = self._drains.settings = settings
        self._publication.tls = self._read_tls()
        self.health.change(settings)
        self._following.change(settings, said, anew=retired or settings.discovery != before.discovery)
        if publish:
            self.publish()

    @property
    def outdated(self) -> bool:
        """The files of its TLS settings hold something else by now."""
        return self._read_tls() != self._publication.tls

    def renew(self) -> bool:
        """Go by what the files of its TLS settings hold now; whether that is something else. Connections
        are not touched; those that are idle are closed."""
        if not self.outdated:
            return False
        self._publication.tls = self._read_tls()
        self.health.renew()
        self.publish()
        return True

    def publish(self) -> None:
        """Tell the data plane who may take new connections now."""
        self._publication.publish()

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
        self.recollection.note(servers, because)
        added = self._admit_all(servers, because, rejoin)
        self._publication.publish()
        self._changed()
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
        self._leave(registrations, origin)
        self._publication.publish()
        self._done_to(registrations, because)
        return [self._drains.drain(each, Cause.REMOVAL, because, timeout) for each in registrations]

    def inherit(self, servers: Collection[InheritedServer]) -> None:
        """Go on with what an older generation has of these servers (rule 75)."""
        self._inherited.take(servers)
        if self.discovery.said if self.discovery else not self.named.unresolved():
            self._inherited.settle()
        self._publication.publish()

    def retire(self, because: Because, emptied: Callable[[], None]) -> None:
        """Remove every server by the rules; `emptied` is called when the last one is gone. Until then
        none is added, and none comes back that a verb had removed before."""
        self._emptied = emptied
        self._following.forget()
        self.recollection.forget()
        for registration in self.members:
            registration.removed_by = Origin.FILE
        self.remove([r for r in self.members if r.registered], because, Origin.FILE)
        self._tell_emptied()

    def drain(
        self,
        registrations: Sequence[Registration],
        because: Because,
        timeout: float | None = None,
        admin: Admin = Admin.DRAIN,
        until: float | None = None,
    ) -> list[RunningDrain]:
        """Take out of rotation and drain; at the end they are drained and registered (rule 60), or with
        `Admin.MAINT` in maintenance and not checked any more; after `until` seconds ready (rule 61)."""
        for registration in registrations:
            if admin is not Admin.MAINT:
                self.health.begin_anew(registration)
            registration.admin = _with_maintenance(registration, admin)
            registration.because = because
            self._returning.forget(registration)
            if until is not None:
                self._returning.schedule(registration, until)
        self._publication.publish()
        self._done_to(registrations, because)
        self.health.begin(registrations)
        return [self._drains.drain(each, OPERATOR_CAUSES[admin], because, timeout) for each in registrations]

    def ready(self, registration: Registration, because: Because) -> None:
        """Undo `drain` and `maint` at any time, and `remove` while its drain runs (rules 60 and 62).

        Connections that are still alive stay. Raises Refused when the removal was not a verb's, is
        being cut, or its name or address was taken since.
        """
        self.check_ready(registration)
        if not registration.registered:
            self.members.stay(registration)
        self._returning.forget(registration)
        self.health.begin_anew(registration)
        registration.admin = Admin.READY
        registration.because = because
        self._drains.withdraw(registration, Cause.REMOVAL, Cause.MAINTENANCE, Cause.OPERATOR)
        self.health.begin([registration])
        self._publication.publish()
        self._done_to([registration], because)
        self._events.add("server", registration.label, "back in rotation", because.who)

    def check_ready(self, registration: Registration) -> None:
        """Raises Refused when `ready` can't bring it back."""
        if registration.registered:
            return
        if registration.removed_by is not Origin.VERB:
            raise Refused(
                f"{registration.label} was removed by the {_word(registration.removed_by)}: add it there"
            )
        if not self._drains.cancellable(registration):
            raise Refused(f"{registration.label} is being cut; its removal can't be undone any more")
        self.members.check_free(registration.name, registration.address)

    def weigh(self, registration: Registration, weight: int, because: Because = _NOBODY) -> None:
        """Another share of the new connections; 0 gets none and starts no drain."""
        before, registration.weight = registration.weight, weight
        self._publication.publish()
        self._done_to([registration], because)
        why = f": {because.why}" if because.why else ""
        self._events.add("server", registration.label, f"weight {weight}, was {before}{why}", because.who)

    def amend(self, servers: Mapping[Address, Wanted]) -> None:
        """Other names, weights and limits for registered servers; no connection is touched."""
        self._roll.amend(servers)
        self._publication.publish()
        self._changed()

    def merge(self, before: Servers, after: Servers, because: Because, origin: Origin) -> list[str]:
        """Follow what a file or a source says anew of servers, in one step: nobody sees who leaves and not
        yet who comes. Returns what was changed, a line each."""
        plan = merge(self.members, before, after, back=origin is Origin.FILE)
        fewer = plan.leaving or any(wanted.weight == 0 for wanted in plan.changed.values())
        could = self.choice.healthy if fewer else 0
        self._leave(plan.leaving, origin)
        self._roll.amend(plan.changed)
        coming = self._coming(plan.new, origin)
        added = self._admit_all(with_names_of(plan.new, coming), because)
        self._publication.publish()
        self._settle(origin)
        self._changed()
        if could:
            self._warn_of_too_few(could)
        for registration in plan.leaving:
            self._drains.drain(registration, Cause.REMOVAL, because)
        return [
            *(f"{registration.label} removed" for registration in plan.leaving),
            *(f"{self.name}/{wanted.name} changed" for wanted in plan.changed.values()),
            *(f"{registration.label} added" for registration in added),
        ]

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

    def _warn_of_too_few(self, before: int) -> None:
        """What a file or a source says is obeyed (rule 66)."""
        left, registered = self.choice.healthy, self.members.registered
        if left < min(self.settings.min_healthy.needed(registered), before):
            self.log.warn(
                "{group} has {left} of {all} servers left that take new connections; min_healthy is {least}",
                group=self.name,
                left=left,
                all=registered,
                least=self.settings.min_healthy,
            )

    def when_taking(self, registration: Registration) -> Deferred[None]:
        """Fires when it takes new connections by the rules. Fails with Refused when it is removed before."""
        return self._publication.when_taking(registration)

    def opened(self, registration: Registration) -> bool:
        """It takes new connections only because none may by the rules (rule 29)."""
        return self._publication.opened(registration)

    def drain_of(self, registration: Registration) -> RunningDrain | None:
        """Its drain, where one runs."""
        return self._drains.of(registration)

    def resolved(self, address: Address, known: bool) -> None:
        """The name of the server at `address` is resolved, or can't be at present."""
        registration = self.members.current_at(address)
        if registration is not None and registration.unresolved is known:
            registration.unresolved = not known
            self._publication.publish()

    def _read_tls(self) -> ServerTLS | None:
        """What was read before holds where a file has gone bad since it was judged."""
        try:
            return self._tls(self.settings)
        except ValueError as error:
            self.log.error("{group}: {problem}", group=self.name, problem=error)
            return self._publication.tls

    def _leave(self, registrations: Sequence[Registration], origin: Origin) -> None:
        for registration in registrations:
            self._returning.forget(registration)
        self._roll.leave(registrations, origin)

    def _admit_all(
        self, servers: Servers, because: Because, rejoin: Rejoin | None = None
    ) -> list[Registration]:
        mode = rejoin or self.settings.connection_draining.rejoin
        added = self._roll.admit(servers, mode)
        for registration in added:
            self.recollection.join(registration)
            self._inherited.join(registration)
        self._begin_together(added)
        self.health.begin(added)
        for registration in added:
            self.log.info("{server} added by {who}", server=registration.label, who=because.who)
            self._events.add("server", registration.label, f"added at {registration.address}", because.who)
        return added

    def _done_to(self, registrations: Sequence[Registration], because: Because) -> None:
        self.recollection.note((registration.address for registration in registrations), because)
        self._changed()

    def _coming(self, servers: Servers, origin: Origin) -> Servers:
        """As they join, by what operators wanted of them before a restart."""
        return self.recollection.coming(servers, self._host, origin)

    def _host(self, name: str) -> str:
        """The host by whose name the file gives that server; empty where it does not."""
        server = self.settings.servers.get(name)
        return str(server.address) if server and isinstance(server.address, HostName) else ""

    def _bring_back(self) -> None:
        """Servers that verbs had added; the file's go before them."""
        for intent in self.recollection.added():
            assert intent.live is not None
            try:
                self._check_network(intent.address)
                self.members.check_free(intent.live.name, intent.address)
            except Refused as refused:
                self.log.warn("{group}: it can't be brought back: {why}", group=self.name, why=refused)
                self.recollection.note([intent.address], intent.because)
                continue
            self._admit_all({intent.address: intent.live}, intent.because)

    def _settle(self, origin: Origin = Origin.FILE) -> None:
        """Whoever has not come by now does not come: every name is resolved, or the source has answered."""
        waiting = origin is not Origin.SOURCE if self.discovery else bool(self.named.unresolved())
        if not waiting:
            self.recollection.settle()
            self._inherited.settle()

    def _begin_together(self, added: Sequence[Registration]) -> None:
        """Those that come when nobody is there, or that the group began with, do not start slowly."""
        nobody = not self.choice.registrations
        self._publication.begin_together(r for r in added if nobody or r.name in self._beginning)
        self._beginning.difference_update(r.name for r in added)

    def _drained(self, registration: Registration) -> None:
        """Its drain has ended. What becomes of it, and of those that waited for it, the facts say."""
        joined = False
        if registration.membership is Membership.GONE:
            joined = self.members.discard(registration)
            # Who has just removed it is still told of it.
            registration.past += self._plane.tally(registration.scope)
            self._plane.forget(registration.scope)
            self._tell_emptied()
        self.health.end(registration)
        if joined or registration.takes_new:
            self._publication.publish()
        else:
            self._publication.publish_if_open()

    def _tell_emptied(self) -> None:
        if self._emptied is not None and not self.members:
            emptied, self._emptied = self._emptied, None
            emptied()


def _with_maintenance(registration: Registration, admin: Admin) -> Admin:
    """A drain that maintenance has begun ends with maintenance, whatever joins it (rule 32)."""
    drain = registration.drain
    return Admin.MAINT if drain is not None and Cause.MAINTENANCE in drain.causes else admin


def _word(origin: Origin | None) -> str:
    return origin.value if origin else "load balancer"
