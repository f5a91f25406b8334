"""A server group: its members, their drains, and who of them the data plane may use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings, Rejoin
from lbtwist.model.difference import servers_of
from lbtwist.model.drain import Because, Cause
from lbtwist.model.members import Choice, Members, Wanted
from lbtwist.model.merge import Servers, merge
from lbtwist.model.registration import Admin, Membership, Origin, Registration
from lbtwist.model.server_tls import ServerTLS
from lbtwist.model.state.intent import with_names_of
from lbtwist.service.arrivals import Arrivals
from lbtwist.service.discovery import Discovery
from lbtwist.service.following import Following
from lbtwist.service.group_health import GroupHealth
from lbtwist.service.inherited import Inherited, InheritedServer
from lbtwist.service.interventions import Interventions
from lbtwist.service.member_drains import MemberDrains
from lbtwist.service.min_healthy import check_min_healthy, warn_of_too_few
from lbtwist.service.named import NamedServers
from lbtwist.service.publication import Publication
from lbtwist.service.recollection import Recollection
from lbtwist.service.returning import Returning
from lbtwist.service.roll import Roll
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.surroundings import Surroundings

_NOBODY = Because("")


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
        self._arrivals = Arrivals(
            settings,
            self.members,
            self._roll,
            self.health,
            self._publication,
            self.recollection,
            self._inherited,
            around.check_network,
            self._events,
        )
        self._interventions = Interventions(
            self.members,
            self._drains,
            self.health,
            self._publication,
            self._returning,
            self.recollection,
            self._events,
            around.changed,
        )
        self._changed = around.changed
        self._emptied: Callable[[], None] | None = None

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
        self._arrivals.begin(self._filed)
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
        self._publication.settings = self._drains.settings = self._arrivals.settings = settings
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
        added = self._arrivals.admit(servers, because, rejoin)
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
        self._interventions.note(registrations, because)
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
        return self._interventions.drain(registrations, because, timeout, admin, until)

    def ready(self, registration: Registration, because: Because) -> None:
        """Undo `drain` and `maint` at any time, and `remove` while its drain runs (rules 60 and 62).

        Connections that are still alive stay. Raises Refused when the removal was not a verb's, is
        being cut, or its name or address was taken since.
        """
        self._interventions.ready(registration, because)

    def check_ready(self, registration: Registration) -> None:
        """Raises Refused when `ready` can't bring it back."""
        self._interventions.check_ready(registration)

    def weigh(self, registration: Registration, weight: int, because: Because = _NOBODY) -> None:
        """Another share of the new connections; 0 gets none and starts no drain."""
        self._interventions.weigh(registration, weight, because)

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
        coming = self._arrivals.coming(plan.new, origin)
        added = self._arrivals.admit(with_names_of(plan.new, coming), because)
        self._publication.publish()
        self._settle(origin)
        self._changed()
        if could:
            warn_of_too_few(self.members, self.settings.min_healthy, could, self.choice.healthy)
        for registration in plan.leaving:
            self._drains.drain(registration, Cause.REMOVAL, because)
        return [
            *(f"{registration.label} removed" for registration in plan.leaving),
            *(f"{self.name}/{wanted.name} changed" for wanted in plan.changed.values()),
            *(f"{registration.label} added" for registration in added),
        ]

    def check_min_healthy(self, leaving: Sequence[Registration]) -> None:
        """Raises Refused when too few would be left to take new connections (rule 66)."""
        check_min_healthy(self.members, self.settings.min_healthy, leaving)

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

    def _settle(self, origin: Origin = Origin.FILE) -> None:
        """Whoever has not come by now does not come: every name is resolved, or the source has answered."""
        waiting = origin is not Origin.SOURCE if self.discovery else bool(self.named.unresolved())
        if not waiting:
            self.recollection.settle()
            self._inherited.settle()

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
