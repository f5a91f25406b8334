"""A server group: its members, their drains, and who of them the data plane may use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings, Recovery, Rejoin
from lbtwist.model.drain import Because, Cause, State
from lbtwist.model.health import CheckResult, Health, HealthRecord, Verdict
from lbtwist.model.members import Choice, Members, Wanted
from lbtwist.model.merge import Servers, merge
from lbtwist.model.plane import Rotation, Scope
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Admin, Membership, Origin, Registration
from lbtwist.service.checks import Checks
from lbtwist.service.discovery import Discovery
from lbtwist.service.draining import Drains, RunningDrain
from lbtwist.service.makers import Makers
from lbtwist.service.named import NamedServers
from lbtwist.service.returning import Returning
from lbtwist.service.slow_start import SlowStart

_CHECKS = Because("health check")
OPERATOR_CAUSES = {Admin.DRAIN: Cause.OPERATOR, Admin.MAINT: Cause.MAINTENANCE}


class Surroundings(NamedTuple):
    """What a group works with."""

    plane: IDataPlane
    drains: Drains
    numbers: Iterator[int]
    clock: IReactorTime
    makers: Makers


class ServerGroup(Service):
    """What removes, drains and brings back servers. When a call returns, the data plane obeys it."""

    log = Logger()
    name: str

    def __init__(self, name: str, settings: GroupSettings, around: Surroundings) -> None:
        self.name = name
        self.settings = settings
        self.members = Members(name)
        self.choice = Choice(())
        """Who may take new connections, as it was published."""
        self._plane = around.plane
        self._drains = around.drains
        self._numbers = around.numbers
        self._clock = around.clock
        self._make_checks = around.makers.checks
        self._make_probe = around.makers.probe
        self._checks = around.makers.checks(settings)
        self._slow_start = SlowStart(around.clock, self._publish)
        self._make_source = around.makers.source
        self.discovery = self._discovery(settings)
        """Where its members come from, where they are discovered."""
        self.named = NamedServers(self, around.makers.resolving)
        """Its servers that are given by name."""
        self._returning = Returning(around.clock, lambda r: self.ready(r, Because("maint --for")))
        self._taking: dict[Registration, list[Deferred[None]]] = {}
        self._emptied: Callable[[], None] | None = None

    def startService(self) -> None:
        """Register the servers of the settings and publish them."""
        super().startService()
        self._slow_start.exempt(self.add(servers_of(self.settings), Because("file")))
        self.named.follow(self.settings)
        if self.discovery is not None:
            self.discovery.start()

    def stopService(self) -> None:
        """Check no more. Drains go on."""
        super().stopService()
        self._slow_start.stop()
        self._returning.stop()
        self.named.stop()
        if self.discovery is not None:
            self.discovery.stop()
        if self._checks is not None:
            self._checks.stop()

    def reconfigure(self, settings: GroupSettings) -> None:
        """Other settings from now on; running drains keep theirs (rules 3, 17 and 23), and the
        membership is not touched (rule 73). A group that was being retired stays."""
        self._emptied = None
        before, self.settings = self.settings, settings
        if settings.health_check != before.health_check:
            self._change_checks(settings)
        if settings.discovery != before.discovery:
            self._change_discovery(settings)
        self.named.follow(settings)
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
        self._check(added)
        self._publish()
        for registration in added:
            self.log.info("{server} added by {who}", server=registration.label, who=because.who)
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
            self._returning.forget(registration)
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
            registration.admin = admin
            registration.because = because
            self._returning.forget(registration)
            if until is not None:
                self._returning.schedule(registration, until)
        self._publish()
        return [self._drain(each, OPERATOR_CAUSES[admin], because, timeout) for each in registrations]

    def ready(self, registration: Registration, because: Because) -> None:
        """Undo `drain` and `maint` at any time, and `remove` while its drain runs (rules 60 and 62).

        Connections that are still alive stay. Raises Refused when the removal was not a verb's, is
        being cut, or its name or address was taken since.
        """
        self.check_ready(registration)
        if not registration.registered:
            self.members.stay(registration)
        self._returning.forget(registration)
        self._begin_anew(registration)
        registration.admin = Admin.READY
        registration.because = because
        self._withdraw(registration, Cause.REMOVAL, Cause.MAINTENANCE, Cause.OPERATOR)
        self._check([registration])
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
        """Other names, weights and limits for registered servers; no connection is touched."""
        self.members.rename({address: wanted.name for address, wanted in servers.items()})
        for address, wanted in servers.items():
            registration = self.members.current_at(address)
            assert registration is not None
            _describe(registration, wanted)
        self._publish()

    def merge(self, before: Servers, after: Servers, because: Because, origin: Origin) -> list[str]:
        """Follow what a file or a source says anew of servers. Returns what was changed, a line each."""
        plan = merge(self.members, before, after)
        self.remove(plan.leaving, because, origin)
        self.amend(plan.changed)
        added = self.add(plan.new, because)
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

    def when_taking(self, registration: Registration) -> Deferred[None]:
        """Fires when it takes new connections by the rules. Fails with Refused when it is removed before."""
        if self._takes(registration):
            return succeed(None)
        waiters = self._taking.setdefault(registration, [])
        waiter: Deferred[None] = Deferred(waiters.remove)
        waiters.append(waiter)
        return waiter

    def drain_of(self, registration: Registration) -> RunningDrain | None:
        """Its drain, where one runs."""
        return self._drains.get(registration.key)

    def observe(self, registration: Registration, result: CheckResult) -> None:
        """What a health check of it found (rules 20 to 31)."""
        record = registration.record
        if record is None or self.settings.health_check is None:
            return
        verdict = record.observe(result, self.settings.health_check.thresholds, self._clock.seconds())
        if not result.own_fault:
            self._request(registration, result.drain_requested)
        if verdict.flipped:
            self._flipped(registration, verdict, result.reason)
        elif self.choice.fail_open or not self.choice.registrations:
            self._publish()

    def resolved(self, address: Address, known: bool) -> None:
        """The name of the server at `address` is resolved, or can't be at present."""
        registration = self.members.current_at(address)
        if registration is not None and registration.unresolved is known:
            registration.unresolved = not known
            self._publish()

    def connect_failed(self, registration: Registration, reason: str) -> None:
        """Live traffic could not connect to it: one failed check, and the next is made at once."""
        if self._checks is not None and self.settings.health_check and self.settings.health_check.passive:
            self.observe(registration, CheckResult(False, reason, 0.0))
            self._checks.check_now(registration)

    @property
    def problem(self) -> str:
        """What an operator should know of it: its source does not answer, or is not followed; no
        server may take new connections."""
        if self.discovery is not None and self.discovery.problem:
            return self.discovery.problem
        if self.choice.fail_open:
            return "fail_open: no server may take new connections by the rules"
        return (
            "" if self.choice.registrations or not len(self.members) else "no server may take new connections"
        )

    def probe(self, registration: Registration) -> Deferred[CheckResult]:
        """One check of it now; where it is checked, the result counts."""
        fresh = self._checks.fresh(registration) if self._checks is not None else None
        return fresh or self._make_probe(self.settings).check(registration.address)

    @property
    def checks(self) -> Checks | None:
        """The checks of its servers, where there are any."""
        return self._checks

    def _flipped(self, registration: Registration, verdict: Verdict, reason: str) -> None:
        self.log.info(
            "{server} is {state}: {reason}",
            server=registration.label,
            state=registration.health.value,
            reason=reason,
        )
        self._publish()
        if registration.health is Health.FAILING:
            if verdict.own:
                self._drain_unhealthy(registration, reason)
        elif self.settings.connection_draining.recovery is Recovery.RESUME:
            self._withdraw(registration, Cause.HEALTH)
            self._publish()

    def _drain_unhealthy(self, registration: Registration, reason: str) -> None:
        """Rules 21, 22 and 27; a removal drain is not touched (rule 17)."""
        timeout = self.settings.connection_draining.unhealthy_timeout
        if timeout is None or not registration.registered:
            return
        if self._plane.tally(registration.scope).live:
            self._drain(registration, Cause.HEALTH, _CHECKS._replace(why=reason), timeout)

    def _request(self, registration: Registration, requested: bool) -> None:
        """The server asks to be drained, or does so no longer (rule 31)."""
        if requested == registration.requested or not registration.registered:
            return
        registration.requested = requested
        if requested:
            self._publish()
            self._drain(registration, Cause.SERVER_REQUEST, _CHECKS, None)
        else:
            self._withdraw(registration, Cause.SERVER_REQUEST)
            self._publish()

    def _change_checks(self, settings: GroupSettings) -> None:
        """Other checks: the counts begin anew, the states stay (rules 26 and 30)."""
        if self._checks is not None:
            self._checks.stop()
        self._checks = self._make_checks(settings)
        for registration in self.members:
            if self._checks is None:
                registration.record = None
                self._request(registration, False)
            elif registration.record is None:
                registration.record = HealthRecord(Health.PASSING)
            else:
                registration.record.settings_changed()
        self._check(list(self.members))

    def _discovery(self, settings: GroupSettings) -> Discovery | None:
        source = self._make_source(settings)
        if source is None or settings.discovery is None:
            return None
        return Discovery(self, settings.discovery, source)

    def _change_discovery(self, settings: GroupSettings) -> None:
        before, self.discovery = self.discovery, self._discovery(settings)
        if before is not None:
            before.stop()
        if self.discovery is not None and self.running:
            self.discovery.start(before)

    def _begin_anew(self, registration: Registration) -> None:
        """What was known of its health before maintenance says nothing of it after (rule 61)."""
        if self._checks is not None and registration.admin is Admin.MAINT and registration.drain is None:
            registration.record = HealthRecord()

    def _check(self, registrations: Collection[Registration]) -> None:
        if self._checks is not None and self.running:
            checked = [r for r in registrations if _is_checked(r)]
            self._checks.begin(checked, self.observe)

    def _admit(self, address: Address, wanted: Wanted, rejoin: Rejoin) -> Registration:
        earlier = self.members.leaving_from(address)
        if rejoin is Rejoin.CANCEL_DRAIN and earlier and _cancellable(earlier[-1]):
            return self._take_back(earlier[-1], wanted)
        registration = Registration(next(self._numbers), self.name, wanted.name, address)
        _describe(registration, wanted)
        if self._checks is not None:
            registration.record = HealthRecord()
        self.members.register(registration, earlier if rejoin is not Rejoin.ALONGSIDE else ())
        return registration

    def _take_back(self, registration: Registration, wanted: Wanted) -> Registration:
        registration.name = wanted.name
        _describe(registration, wanted)
        self.members.stay(registration)
        self._withdraw(registration, Cause.REMOVAL)
        return registration

    def _drain(
        self, registration: Registration, cause: Cause, because: Because, timeout: float | None
    ) -> RunningDrain:
        draining = self.settings.connection_draining
        seconds = draining.timeout if timeout is None else timeout
        running = self._drains.get(registration.key)
        if running is not None:
            if cause is not Cause.HEALTH:
                running.widen(registration.scope)
            running.join(cause, because, seconds)
            return running
        running = self._drains.open(
            registration.label,
            registration.scope,
            cause,
            because,
            seconds,
            partial(self._drained, registration),
            key=registration.key,
            spread=draining.spread,
        )
        registration.drain = running.drain
        running.begin()
        return running

    def _drained(self, registration: Registration, receipt: Receipt) -> None:
        """Its drain has ended. What becomes of it, and of those that waited for it, the facts say."""
        drain = registration.drain
        assert drain is not None
        registration.concluded()
        joined = False
        if registration.membership is Membership.GONE:
            joined = self.members.discard(registration)
            self._plane.forget(registration.scope)
            if self._checks is not None:
                self._checks.end(registration)
            self._tell_emptied()
        else:
            self._leave_seats(registration, drain.scope)
            if self._checks is not None and not _is_checked(registration):
                self._checks.end(registration)
        if joined or registration.takes_new or self.choice.fail_open or not self.choice.registrations:
            self._publish()

    def _leave_seats(self, registration: Registration, drained: Scope) -> None:
        """Seats whose connections have ended are given up, where it has got a further one (rule 29)."""
        rest = [seat for seat in registration.seats if seat not in drained.numbers]
        if rest and not self._plane.tally(drained).live:
            registration.past += self._plane.tally(drained)
            self._plane.forget(drained)
            registration.seats = rest

    def _tell_emptied(self) -> None:
        if self._emptied is not None and not self.members:
            emptied, self._emptied = self._emptied, None
            emptied()

    def _withdraw(self, registration: Registration, *causes: Cause) -> None:
        for cause in causes:
            if running := self._drains.get(registration.key):
                running.withdraw(cause)

    def _publish(self) -> None:
        """Tell the data plane who may take new connections."""
        before, choice = self.choice, self.members.rotation(self.settings.fail_open)
        self.choice = choice
        if choice.fail_open != before.fail_open:
            self._tell_fail_open(choice)
        if choice.fail_open:
            self._take_seats(choice)
        self._slow_start.follow(before, choice, self.settings.slow_start)
        settings = self.settings
        self._plane.rotate(
            self.name,
            Rotation(
                members=tuple(registration.member for registration in choice.registrations),
                scheduler=settings.scheduler,
                retries=settings.retries,
                persistence=settings.session_persistence.seconds,
                max_queue=settings.max_queue,
                queue_timeout=settings.queue_timeout,
            ),
        )
        if self._taking:
            self._tell_taking()

    def _takes(self, registration: Registration) -> bool:
        return registration in self.choice.registrations and not self.choice.fail_open

    def _tell_taking(self) -> None:
        for registration in list(self._taking):
            if self._takes(registration):
                for waiter in self._taking.pop(registration):
                    waiter.callback(None)
            elif not registration.registered:
                for waiter in self._taking.pop(registration):
                    waiter.errback(Refused(f"{registration.label} was removed"))

    def _take_seats(self, choice: Choice) -> None:
        """What is accepted while none may does not belong to a running drain (rule 29)."""
        for registration in choice.registrations:
            drain = registration.drain
            if drain is not None and registration.seats[-1] in drain.scope.numbers:
                registration.seats.append(next(self._numbers))

    def _tell_fail_open(self, choice: Choice) -> None:
        if choice.fail_open:
            servers = ", ".join(registration.label for registration in choice.registrations)
            self.log.warn(
                "{group}: no server may take new connections, so {servers} are used (fail_open)",
                group=self.name,
                servers=servers,
            )
        else:
            self.log.info("{group}: fail_open is over", group=self.name)


def servers_of(settings: GroupSettings) -> dict[Address, Wanted]:
    """The servers that a group's settings name by an address."""
    return {
        server.address: Wanted(name, server.weight, server.max_connections, server.backup, server.zone)
        for name, server in settings.servers.items()
        if isinstance(server.address, Address)
    }


def _describe(registration: Registration, wanted: Wanted) -> None:
    registration.weight = wanted.weight
    registration.max_connections = wanted.max_connections
    registration.backup = wanted.backup
    registration.zone = wanted.zone


def _is_checked(registration: Registration) -> bool:
    """Not in maintenance, once its drain has ended (rule 61), and not gone."""
    if registration.membership is Membership.GONE:
        return False
    return registration.admin is not Admin.MAINT or registration.drain is not None


def _word(origin: Origin | None) -> str:
    return origin.value if origin else "load balancer"


def _cancellable(registration: Registration) -> bool:
    return registration.drain is not None and registration.drain.state is State.RUNNING
