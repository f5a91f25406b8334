"""The health of one group's servers: what their checks find, and what follows from it (rules 20 to 31)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.interfaces import IDataPlane
from lbtwist.model.config import GroupSettings, Recovery
from lbtwist.model.drain import Because, Cause
from lbtwist.model.health import CheckResult, Health, HealthRecord
from lbtwist.model.members import Members
from lbtwist.model.registration import Admin, Membership, Registration
from lbtwist.service.checks import Checks
from lbtwist.service.events import Events
from lbtwist.service.failures import Failures
from lbtwist.service.makers import Makers
from lbtwist.service.member_drains import MemberDrains

_CHECKS = Because("health check")


class GroupHealth:
    """Has the servers checked by the settings in force, and acts on the results."""

    log = Logger()

    def __init__(
        self,
        settings: GroupSettings,
        members: Members,
        plane: IDataPlane,
        drains: MemberDrains,
        publish: Callable[[], None],
        publish_if_open: Callable[[], None],
        makers: Makers,
        clock: IReactorTime,
        events: Events,
    ) -> None:
        self._settings = settings
        self._events = events
        self._members = members
        self._plane = plane
        self._drains = drains
        self._publish = publish
        self._publish_if_open = publish_if_open
        self._makers = makers
        self._clock = clock
        self._checks = makers.checks(settings)
        self._failures = Failures(clock.seconds)
        self._waiting: list[Deferred[None]] = []
        """Who waits for the first results."""

    def new_record(self) -> HealthRecord | None:
        """What is known of a new registration; None where nothing is checked (rule 30)."""
        return HealthRecord() if self._checks is not None else None

    def begin(self, registrations: Collection[Registration]) -> None:
        """Check these from now on, but those in maintenance."""
        if self._checks is not None:
            self._checks.begin([r for r in registrations if _is_checked(r)], self.observe)

    def begin_anew(self, registration: Registration) -> None:
        """It leaves maintenance: what was known of its health before says nothing any more (rule 61)."""
        if self._checks is not None and registration.admin is Admin.MAINT and registration.drain is None:
            registration.record = HealthRecord()

    def end(self, registration: Registration) -> None:
        """Its drain has ended: gone or in maintenance it is checked no more (rule 61)."""
        if self._checks is not None and not _is_checked(registration):
            self._checks.end(registration)

    def first_results(self) -> Deferred[None]:
        """Fires when each server has been checked once, after one check's timeout at the latest (rule 30)."""
        settings = self._settings.health_check
        if settings is None or self._all_known:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        return waiter.addTimeout(settings.timeout, self._clock, onTimeoutCancel=lambda *_: None)

    def stop(self) -> None:
        """Check nothing more; nobody waits for results any more."""
        if self._checks is not None:
            self._checks.stop()
        self._tell_waiting()

    def change(self, settings: GroupSettings) -> None:
        """Other settings: with other checks the counts begin anew, and the states stay (rules 26, 30)."""
        before, self._settings = self._settings, settings
        if _ways(settings) == _ways(before):
            return
        ended, self._checks = self._checks, self._makers.checks(settings)
        for registration in self._members:
            self._change_record(registration)
        self._begin_instead(ended)

    def renew(self) -> None:
        """The files of the same settings hold something else: what was found by them counts on."""
        ended, self._checks = self._checks, self._makers.checks(self._settings)
        self._begin_instead(ended)

    def observe(self, registration: Registration, result: CheckResult) -> None:
        """What a check of it found."""
        record, settings = registration.record, self._settings.health_check
        if record is None or settings is None:
            return
        verdict = record.observe(result, settings.thresholds, self._clock.seconds())
        if result.answered:
            self._request(registration, result.drain_requested)
        if not verdict.flipped:
            self._publish_if_open()
            return
        state = registration.health.value
        self.log.info("{server} is {state}: {why}", server=registration.label, state=state, why=result.reason)
        self._events.add("server", registration.label, f"{state}: {result.reason}", _CHECKS.who)
        self._publish()
        if self._waiting and self._all_known:
            self._tell_waiting()
        if registration.health is Health.FAILING:
            if verdict.own:
                self._drain(registration, result.reason)
        elif registration.drain is not None and registration.drain.resumes:
            self._drains.withdraw(registration, Cause.HEALTH)
            self._publish()

    def connect_failed(self, registration: Registration, reason: str) -> None:
        """Live traffic could not connect to it: one failed check, and the next is made at once."""
        self._failures.tell(registration, reason)
        settings = self._settings.health_check
        if self._checks is not None and settings is not None and settings.passive:
            self.observe(registration, CheckResult(False, reason, 0.0))
            self._checks.check_now(registration)

    def fresh(self, registration: Registration) -> Deferred[CheckResult] | None:
        """The result of a check that begins after this call; None for what is not checked."""
        return self._checks.fresh(registration) if self._checks is not None else None

    def next(self, registration: Registration) -> Deferred[CheckResult] | None:
        """The result of the next check of it, in its time; None for what is not checked."""
        return self._checks.next(registration) if self._checks is not None else None

    def probe(self, registration: Registration) -> Deferred[CheckResult]:
        """One check of it now; where it is checked, the result counts."""
        return self.fresh(registration) or self._makers.probe(self._settings).check(registration.address)

    def _begin_instead(self, ended: Checks | None) -> None:
        self.begin(list(self._members))
        if ended is not None:
            ended.stop()  # whoever waits for a result of these asks again, and hears of the new ones

    @property
    def _all_known(self) -> bool:
        return self._checks is None or all(
            r.health is not Health.UNKNOWN for r in self._members if _is_checked(r)
        )

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _drain(self, registration: Registration, reason: str) -> None:
        """Rules 21, 22 and 27; a removal drain is not touched (rule 17)."""
        settings = self._settings.connection_draining
        timeout = settings.unhealthy_timeout
        if timeout is None or not registration.registered or not self._plane.tally(registration.scope).live:
            return
        again = registration.drain is not None and Cause.HEALTH in registration.drain.causes
        self._drains.drain(registration, Cause.HEALTH, _CHECKS._replace(why=reason), timeout)
        if registration.drain is not None and not again:
            registration.drain.resumes = settings.recovery is Recovery.RESUME
        self._publish_if_open()

    def _request(self, registration: Registration, requested: bool) -> None:
        """The server asks to be drained, or answers that it does so no longer (rule 31)."""
        if requested == registration.requested or not registration.registered:
            return
        registration.requested = requested
        if requested:
            self._publish()
            self._drains.drain(registration, Cause.SERVER_REQUEST, _CHECKS)
        else:
            self._drains.withdraw(registration, Cause.SERVER_REQUEST)
            self._publish()

    def _change_record(self, registration: Registration) -> None:
        if self._checks is None:
            registration.record = None
            self._request(registration, False)
        elif registration.record is None:
            registration.record = HealthRecord(Health.PASSING)
        else:
            registration.record.settings_changed()


def _ways(settings: GroupSettings) -> tuple[object, ...]:
    """What a server is asked, and how."""
    tls = (
        settings.tls_verify,
        settings.tls_ca,
        settings.tls_name,
        settings.tls_certificate,
        settings.tls_key,
    )
    return settings.health_check, settings.send_proxy, settings.tls and tls


def _is_checked(registration: Registration) -> bool:
    """Not in maintenance, once its drain has ended (rule 61), and not gone."""
    if registration.membership is Membership.GONE:
        return False
    return registration.admin is not Admin.MAINT or registration.drain is not None
