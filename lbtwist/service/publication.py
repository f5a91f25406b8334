"""Who of a server group may take new connections, as the data plane was last told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane
from lbtwist.model.config import GroupSettings
from lbtwist.model.members import Choice, Members
from lbtwist.model.persistence import cookie_value
from lbtwist.model.plane import Member, Rotation
from lbtwist.model.registration import Registration
from lbtwist.model.server_tls import ServerTLS
from lbtwist.service.events import Events
from lbtwist.service.slow_start import SlowStart


class Publication:
    """When `publish` returns, the data plane obeys: whoever changes a fact calls it."""

    log = Logger()

    def __init__(
        self,
        settings: GroupSettings,
        members: Members,
        plane: IDataPlane,
        numbers: Iterator[int],
        clock: IReactorTime,
        secret: Callable[[GroupSettings], bytes],
        events: Events,
    ) -> None:
        """`secret` is what the cookies of a group are made with."""
        self.settings = settings
        self.tls: ServerTLS | None = None
        """How members are spoken to over TLS."""
        self._secret = secret
        self._events = events
        self.choice = Choice(())
        """Who may, as it was published."""
        self._members = members
        self._plane = plane
        self._numbers = numbers
        self._slow_start = SlowStart(clock, self.publish)
        self._waiting: dict[Registration, list[Deferred[None]]] = {}

    @property
    def problem(self) -> str:
        """What an operator should know: none may, or only by `fail_open`; empty when all is well."""
        if self.choice.fail_open:
            return "fail_open: no server may take new connections by the rules"
        nobody = bool(self._members) and not self.choice.registrations
        return "no server may take new connections" if nobody else ""

    def takes(self, registration: Registration) -> bool:
        """It takes new connections by the rules."""
        return registration in self.choice.registrations and not self.choice.fail_open

    def opened(self, registration: Registration) -> bool:
        """It takes new connections only because none may by the rules (rule 29)."""
        return registration in self.choice.registrations and self.choice.fail_open

    def publish(self) -> None:
        """Tell the data plane who may take new connections now."""
        before, choice = self.choice, self._members.rotation(self.settings.fail_open)
        self.choice = choice
        if choice.fail_open != before.fail_open:
            self._tell_fail_open(choice)
        if choice.fail_open:
            self._take_seats(choice)
        self._slow_start.follow(before, choice, self.settings.slow_start)
        self._plane.rotate(self._members.group, self._rotation(choice))
        if self._waiting:
            self._tell_waiting()

    def publish_if_open(self) -> None:
        """The same, where none may by the rules: then more counts than whether a state has flipped."""
        if self.choice.fail_open or not self.choice.registrations:
            self.publish()

    def begin_together(self, registrations: Iterable[Registration]) -> None:
        """These begin together: none of them is late, and starts slowly, for its first check."""
        self._slow_start.exempt(registrations)

    def when_taking(self, registration: Registration) -> Deferred[None]:
        """Fires when it takes new connections by the rules. Fails with Refused when it is removed.
        Cancelling it ends the waiting."""
        if self.takes(registration):
            return succeed(None)
        if not registration.registered:
            return fail(Refused(f"{registration.label} was removed"))
        waiters = self._waiting.setdefault(registration, [])
        waiter: Deferred[None] = Deferred(waiters.remove)
        waiters.append(waiter)
        return waiter

    def stop(self) -> None:
        """No timer is left. What was published holds."""
        self._slow_start.stop()

    def _rotation(self, choice: Choice) -> Rotation:
        settings = self.settings
        persistence, draining = settings.session_persistence, settings.connection_draining
        return Rotation(
            members=tuple(self._rotated(choice)),
            scheduler=settings.scheduler,
            retries=settings.retries,
            persistence=persistence.seconds,
            cookie=persistence.cookie.encode() if persistence.by_cookie else b"",
            max_queue=settings.max_queue,
            queue_timeout=settings.queue_timeout,
            keepalive=settings.keepalive,
            keepalive_timeout=settings.keepalive_timeout,
            send_proxy=settings.send_proxy,
            error_status=draining.error_status,
            websocket_close=draining.websocket_close,
            tls=self.tls,
        )

    def _rotated(self, choice: Choice) -> Iterator[Member]:
        if not self.settings.session_persistence.by_cookie:
            return (registration.member for registration in choice.registrations)
        secret = self._secret(self.settings)
        return (
            registration.tied(cookie_value(secret, registration.group, registration.name))
            for registration in choice.registrations
        )

    def _take_seats(self, choice: Choice) -> None:
        """What is accepted while none may does not belong to a running drain (rule 29)."""
        for registration in choice.registrations:
            drain = registration.drain
            if drain is not None and registration.seats[-1] in drain.scope.numbers:
                registration.seats.append(next(self._numbers))

    def _tell_waiting(self) -> None:
        for registration in list(self._waiting):
            if self.takes(registration):
                for waiter in self._waiting.pop(registration):
                    waiter.callback(None)
            elif not registration.registered:
                for waiter in self._waiting.pop(registration):
                    waiter.errback(Refused(f"{registration.label} was removed"))

    def _tell_fail_open(self, choice: Choice) -> None:
        if choice.fail_open:
            self.log.warn(
                "{group}: no server may take new connections, so {servers} are used (fail_open)",
                group=self._members.group,
                servers=", ".join(registration.label for registration in choice.registrations),
            )
            self._events.add("fail_open", self._members.group, "on: no server may take new connections")
        else:
            self.log.info("{group}: fail_open is over", group=self._members.group)
            self._events.add("fail_open", self._members.group, "over")
