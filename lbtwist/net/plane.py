"""The data plane of this process: what the control plane says, told to factories and relays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, islice
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver, IDataPlane, IDataPlaneObserver, IScheduler
from lbtwist.model.endpoint import Endpoint
from lbtwist.model.figures import Figures
from lbtwist.model.plane import (
    EVERYTHING,
    ConnectionView,
    CutBy,
    ListenerPolicy,
    Member,
    Rotation,
    Scope,
    ScopeKind,
    Tally,
)
from lbtwist.net.budget import Budget
from lbtwist.net.dialing import IDialer
from lbtwist.net.factory import RelayFactory
from lbtwist.net.frontend import Frontend, Means
from lbtwist.net.http.factory import HttpFactory
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.live import ILive, Ledger
from lbtwist.net.pipes import Pipes
from lbtwist.net.port import IPort, port_of
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.steps import steps_of
from lbtwist.net.sweep import Sweep

_KINDS: Mapping[str, type[Frontend]] = {
    "tcp": Frontend,
    "tls": Frontend,
    "http": HttpFrontend,
    "https": HttpFrontend,
}

PREVIEWED = 100
"""Members that `preview` tells of at the most."""


@implementer(IDataPlane)
class DataPlane:
    """Knows listeners, rotations and live connections; decides nothing about who may have them."""

    def __init__(
        self,
        clock: IReactorTime,
        dialer: IDialer,
        sweep: Sweep,
        open_port: Callable[[Endpoint], IPort],
        make_scheduler: Callable[[str], IScheduler],
        wall: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        budget: Budget | None = None,
        pipes: Pipes | None = None,
    ) -> None:
        self._clock = clock
        self._means = Means(
            dialer,
            sweep,
            clock.seconds,
            count(1),
            self._ledger_of,
            self._server_failed,
            self._group,
            wall,
            random,
            budget or Budget(),
            pipes or Pipes(),
        )
        self._open_port = open_port
        self._make_scheduler = make_scheduler
        self._groups: dict[str, GroupRotation] = {}
        self._ports: dict[int, IPort] = {}
        self._silent: set[int] = set()
        """Listeners whose port is bound and does not accept yet."""
        self._frontends: dict[int, Frontend] = {}
        self._registrations: dict[int, Ledger] = {}
        self._past = Tally()
        """The counters of listeners that are forgotten: they stay in those of all."""
        self._observer: IDataPlaneObserver | None = None
        self._access: IAccessObserver | None = None

    @property
    def ids(self) -> Iterator[int]:
        """What its connections are known by."""
        return self._means.ids

    def observe(self, observer: IDataPlaneObserver) -> None:
        self._observer = observer

    def log_access(self, observer: IAccessObserver | None) -> None:
        self._access = observer
        for frontend in self._frontends.values():
            frontend.access = observer

    def bind(self, number: int, endpoint: Endpoint) -> None:
        self._ports[number] = self._open_port(endpoint)
        self._silent.add(number)

    def serve(self, policy: ListenerPolicy) -> Deferred[None]:
        frontend = self._adopt(policy)
        if policy.number not in self._silent:
            return succeed(None)
        self._silent.remove(policy.number)
        return self._ports[policy.number].accept(_factory(frontend)).addCallback(self._accepts, frontend)

    def stop_accepting(self, number: int) -> Deferred[None]:
        self._silent.discard(number)
        port = self._ports.pop(number, None)
        closed = port.close() if port else succeed(None)
        frontend = self._frontends.get(number)
        if frontend is not None:
            frontend.leave()
        return closed

    def address(self, number: int) -> str:
        port = self._ports.get(number)
        return port.address() if port else ""

    def rotate(self, group: str, rotation: Rotation) -> None:
        self._group(group).update(rotation)

    def tally(self, scope: Scope) -> Tally:
        start = self._past if scope.kind is ScopeKind.ALL else Tally()
        return sum((ledger.tally() for ledger in self._ledgers(scope)), start)

    def totals(self) -> Mapping[int, int]:
        return {number: ledger.total for number, ledger in self._registrations.items()}

    def figures(self) -> Figures:
        return Figures(
            listeners={number: frontend.figures() for number, frontend in self._frontends.items()},
            groups={name: group.counts.figures(len(group.waiting)) for name, group in self._groups.items()},
            failures={n: dict(ledger.failures) for n, ledger in self._registrations.items() if ledger.failed},
        )

    def turned_away(self, number: int) -> Mapping[str, int]:
        frontend = self._frontends.get(number)
        return frontend.refusals.value() if frontend else {}

    def when_empty(self, scope: Scope) -> Deferred[None]:
        return Deferred.fromCoroutine(self._emptiness(scope))

    def cut(self, scope: Scope, count: int | None = None, why: CutBy = CutBy.DEADLINE) -> int:
        live = [connection for connection in self._live(scope) if not connection.forced]
        if count is None:
            for frontend in self._frontends_of(scope):
                frontend.close_idle()
        else:
            idle = (connection for connection in live if not connection.in_flight)
            live = sorted(idle, key=lambda connection: connection.touched)[:count]
        for connection in live:
            connection.cut(why)
        return len(live)

    def cut_connection(self, id: int) -> bool:
        for ledger in self._ledgers(EVERYTHING):
            if connection := ledger.live.get(id):
                connection.cut(CutBy.OPERATOR)
                return True
        return False

    def connections(self, scope: Scope) -> Iterable[ConnectionView]:
        now = self._clock.seconds()
        return [connection.view(now) for connection in self._live(scope)]

    def refreshed(self) -> Deferred[None]:
        return succeed(None)

    def preview(self, group: str, client: str, cookie: bytes = b"") -> Sequence[int]:
        known = self._groups.get(group)
        members = known.preview(client, cookie) if known else ()
        return [member.number for member in islice(members, PREVIEWED)]

    def tied(self, group: str, client: str, cookie: bytes = b"") -> int | None:
        known = self._groups.get(group)
        member = known.tie_of(client, cookie) if known else None
        return member.number if member else None

    def forget(self, scope: Scope) -> None:
        if scope.kind is ScopeKind.LISTENER:
            self._past += self.tally(scope)
        known: dict[int, Any] = (
            self._registrations if scope.kind is ScopeKind.REGISTRATION else self._frontends
        )
        for number in scope.numbers:
            known.pop(number, None)

    def close(self) -> None:
        for number in list(self._ports):
            self.stop_accepting(number)
        self.cut(EVERYTHING, why=CutBy.SHUTDOWN)
        self._means.pipes.allow(0)

    def _group(self, name: str) -> GroupRotation:
        group = self._groups.get(name)
        if group is None:
            lacking = partial(self._no_server, name)
            group = self._groups[name] = GroupRotation(
                self._make_scheduler, self._clock, name, lacking, self._means.budget
            )
        return group

    def _adopt(self, policy: ListenerPolicy) -> Frontend:
        group = self._group(policy.group)
        frontend = self._frontends.get(policy.number)
        if frontend is None:
            make = _KINDS[policy.protocol]
            frontend = self._frontends[policy.number] = make(policy, group, self._means)
            frontend.access = self._access
        else:
            frontend.adopt(policy, group)
        frontend.steps = steps_of(frontend)
        return frontend

    def _ledgers(self, scope: Scope) -> list[Ledger]:
        match scope.kind:
            case ScopeKind.ALL:
                return [frontend.ledger for frontend in self._frontends.values()]
            case ScopeKind.LISTENER:
                return [self._frontends[n].ledger for n in scope.numbers if n in self._frontends]
            case ScopeKind.REGISTRATION:
                return [self._registrations[n] for n in scope.numbers if n in self._registrations]

    def _live(self, scope: Scope) -> list[ILive]:
        return [connection for ledger in self._ledgers(scope) for connection in ledger.live.values()]

    async def _emptiness(self, scope: Scope) -> None:
        while busy := next((each for each in self._occupied(scope)), None):
            await busy

    def _occupied(self, scope: Scope) -> Iterator[Deferred[None]]:
        """What there is to wait for until `scope` is empty."""
        yield from (ledger.when_empty() for ledger in self._ledgers(scope) if ledger.live)
        for frontend in self._frontends_of(scope):
            if frontend.leaving:
                yield from frontend.emptying()

    def _frontends_of(self, scope: Scope) -> list[Frontend]:
        """The listeners of `scope`; a registration has none."""
        if scope.kind is ScopeKind.REGISTRATION:
            return []
        return [
            frontend
            for number, frontend in self._frontends.items()
            if scope == EVERYTHING or number in scope.numbers
        ]

    def _accepts(self, _: None, frontend: Frontend) -> None:
        frontend.leaving = False
        if isinstance(frontend, HttpFrontend):
            frontend.port = port_of(self.address(frontend.policy.number))

    def _ledger_of(self, member: Member) -> Ledger:
        ledger = self._registrations.get(member.number)
        if ledger is None:
            ledger = self._registrations[member.number] = Ledger()
        return ledger

    def _server_failed(self, member: Member, reason: str) -> None:
        if self._observer is not None:
            self._observer.connect_failed(member.number, reason)

    def _no_server(self, group: str, tried: int, reason: str) -> None:
        if self._observer is not None:
            self._observer.no_server(group, tried, reason)


def _factory(frontend: Frontend) -> RelayFactory | HttpFactory:
    return HttpFactory(frontend) if isinstance(frontend, HttpFrontend) else RelayFactory(frontend)
