"""What operators do to the servers of one group, and undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lbtwist.errors import Refused
from lbtwist.model.drain import Because, Cause
from lbtwist.model.members import Members
from lbtwist.model.registration import Admin, Origin, Registration
from lbtwist.service.events import Events
from lbtwist.service.group_health import GroupHealth
from lbtwist.service.member_drains import MemberDrains
from lbtwist.service.publication import Publication
from lbtwist.service.recollection import Recollection
from lbtwist.service.returning import Returning
from lbtwist.service.running_drain import RunningDrain

CAUSES = {Admin.DRAIN: Cause.OPERATOR, Admin.MAINT: Cause.MAINTENANCE}


class Interventions:
    """Drains, maintenance and weights, each in force when the call returns."""

    def __init__(
        self,
        members: Members,
        drains: MemberDrains,
        health: GroupHealth,
        publication: Publication,
        returning: Returning,
        recollection: Recollection,
        events: Events,
        changed: Callable[[], None],
    ) -> None:
        """`changed` hears when what operators want may have changed."""
        self._members = members
        self._drains = drains
        self._health = health
        self._publication = publication
        self._returning = returning
        self._recollection = recollection
        self._events = events
        self._changed = changed

    def drain(
        self,
        registrations: Sequence[Registration],
        because: Because,
        timeout: float | None,
        admin: Admin,
        until: float | None,
    ) -> list[RunningDrain]:
        """As `ServerGroup.drain`."""
        for registration in registrations:
            if admin is not Admin.MAINT:
                self._health.begin_anew(registration)
            registration.admin = _with_maintenance(registration, admin)
            registration.because = because
            self._returning.forget(registration)
            if until is not None:
                self._returning.schedule(registration, until)
        self._publication.publish()
        self.note(registrations, because)
        self._health.begin(registrations)
        return [self._drains.drain(each, CAUSES[admin], because, timeout) for each in registrations]

    def ready(self, registration: Registration, because: Because) -> None:
        """As `ServerGroup.ready`."""
        self.check_ready(registration)
        if not registration.registered:
            self._members.stay(registration)
        self._returning.forget(registration)
        self._health.begin_anew(registration)
        registration.admin = Admin.READY
        registration.because = because
        self._drains.withdraw(registration, Cause.REMOVAL, Cause.MAINTENANCE, Cause.OPERATOR)
        self._health.begin([registration])
        self._publication.publish()
        self.note([registration], because)
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
        self._members.check_free(registration.name, registration.address)

    def weigh(self, registration: Registration, weight: int, because: Because) -> None:
        """As `ServerGroup.weigh`."""
        before, registration.weight = registration.weight, weight
        self._publication.publish()
        self.note([registration], because)
        why = f": {because.why}" if because.why else ""
        self._events.add("server", registration.label, f"weight {weight}, was {before}{why}", because.who)

    def note(self, registrations: Sequence[Registration], because: Because) -> None:
        """An operator has done something to these."""
        self._recollection.note((registration.address for registration in registrations), because)
        self._changed()


def _with_maintenance(registration: Registration, admin: Admin) -> Admin:
    """A drain that maintenance has begun ends with maintenance, whatever joins it (rule 32)."""
    drain = registration.drain
    return Admin.MAINT if drain is not None and Cause.MAINTENANCE in drain.causes else admin


def _word(origin: Origin | None) -> str:
    return origin.value if origin else "load balancer"
