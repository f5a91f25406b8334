"""A data plane in memory, whose connections are opened and ended by the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from lbtwist.errors import BindError
from lbtwist.interfaces import IAccessObserver, IDataPlane, IDataPlaneObserver
from lbtwist.model.endpoint import Endpoint
from lbtwist.model.figures import Figures, GroupFigures, ListenerFigures
from lbtwist.model.plane import (
    EVERYTHING,
    ConnectionView,
    CutBy,
    Ending,
    ListenerPolicy,
    Member,
    Rotation,
    Scope,
    ScopeKind,
    Tally,
)
from lbtwist.net.plane import PREVIEWED


class FakeConnection:
    """An established connection. The test ends it, and says what it moves."""

    def __init__(self, plane: FakeDataPlane, id: int, member: Member, listener: int) -> None:
        self.id = id
        self.member = member
        self.listener = listener
        self.received = 0
        self.sent = 0
        self.closing = False
        self.cut_as = Ending.CUT
        """How it ends when it is cut."""
        self.request = ("", "", "")
        """Method, host and path of a request."""
        self.opened = self.touched = plane.clock.seconds()
        self._plane = plane

    @property
    def live(self) -> bool:
        return self.id in self._plane.live

    @property
    def scopes(self) -> tuple[Scope, Scope, Scope]:
        """Those of one number, and all, that it is counted in."""
        return Scope.registration(self.member.number), Scope.listener(self.listener), EVERYTHING

    def move(self, received: int = 0, sent: int = 0) -> None:
        """So many bytes more from the client, and to it."""
        self.received += received
        self.sent += sent
        self.touched = self._plane.clock.seconds()

    def end(self) -> None:
        """It ends by itself; one that is being cut has been closed now."""
        self._plane.ended(self)

    def view(self, now: float, listener: str) -> ConnectionView:
        method, host, path = self.request
        return ConnectionView(
            id=self.id,
            client=f"192.0.2.1:{self.id}",
            listener=listener,
            server=self.member.label,
            protocol="tcp",
            age=now - self.opened,
            idle=now - self.touched,
            received=self.received,
            sent=self.sent,
            activity="closing" if self.closing else "relaying",
            method=method,
            host=host,
            path=path,
        )


@implementer(IDataPlane)
class FakeDataPlane:
    """Provides IDataPlane. What it was told stands in public attributes."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.linger = False
        """Connections that are cut count as live until the test ends them."""
        self.slow = False
        """`serve` and `stop_accepting` fire only when the test calls `catch_up`."""
        self.taken: list[Endpoint] = []
        """Endpoints that somebody else has."""
        self.observer: IDataPlaneObserver | None = None
        self.access: IAccessObserver | None = None
        self.cuts: list[CutBy] = []
        """Why connections were cut, in the order of the cuts."""
        self.rotations: dict[str, Rotation] = {}
        self.policies: dict[int, ListenerPolicy] = {}
        self.bound: dict[int, Endpoint] = {}
        self.live: dict[int, FakeConnection] = {}
        self.forgotten: list[int] = []
        """Numbers of registrations and listeners that are gone."""
        self.told: list[tuple[str, int]] = []
        """`bind`, `serve` and `stop_accepting`, with the listener's number, in their order."""
        self.ties: dict[str, int] = {}
        """Clients that are tied to a member by their address."""
        self.full: set[int] = set()
        """Members without room."""
        self.closed = False
        self.groups: dict[str, GroupFigures] = {}
        """What was counted of groups, as the test says."""
        self.listeners: dict[int, ListenerFigures] = {}
        """The same of listeners."""
        self._failures: dict[int, Counter[str]] = {}
        self._ids = count(1)
        self._clients = count()
        self._counted: Counter[tuple[Scope, str]] = Counter()
        self._by_scope: dict[Scope, dict[int, FakeConnection]] = {}
        self._waiters: dict[Scope, list[Deferred[None]]] = {}
        self._late: list[Deferred[None]] = []

    def open(self, member: Member, listener: int = 0) -> FakeConnection:
        """A connection to `member` is established, wherever it comes from."""
        connection = FakeConnection(self, next(self._ids), member, listener)
        self.live[connection.id] = connection
        for scope in connection.scopes:
            self._by_scope.setdefault(scope, {})[connection.id] = connection
            self._counted[scope, "total"] += 1
        return connection

    def fail(self, member: Member, reason: str = "connection refused") -> None:
        """A client could not be connected to `member`."""
        self._counted[Scope.registration(member.number), "failed"] += 1
        self._failures.setdefault(member.number, Counter())[reason] += 1
        assert self.observer is not None
        self.observer.connect_failed(member.number, reason)

    def connect(self, group: str, listener: int = 0) -> FakeConnection | None:
        """A client comes: a connection to a member in rotation, in turn; None where there is none."""
        members = self._members(group)
        return self.open(members[next(self._clients) % len(members)], listener) if members else None

    def on(self, number: int) -> list[FakeConnection]:
        """The live connections of registration `number`."""
        return self._live(Scope.registration(number))

    def ended(self, connection: FakeConnection) -> None:
        """`connection` is live no more, in none of its scopes."""
        del self.live[connection.id]
        for scope in connection.scopes:
            for counter in {"cut", connection.cut_as.value} if connection.closing else ():
                self._counted[scope, counter] += 1
            self._counted[scope, "received"] += connection.received
            self._counted[scope, "sent"] += connection.sent
            del self._by_scope[scope][connection.id]
        for scope in [each for each in self._waiters if not self._live(each)]:
            waiting = self._waiters.pop(scope, [])
            while waiting:
                waiting.pop(0).callback(None)

    def catch_up(self) -> None:
        """What was slow is done."""
        late, self._late = self._late, []
        for each in late:
            each.callback(None)

    def observe(self, observer: IDataPlaneObserver) -> None:
        self.observer = observer

    def log_access(self, observer: IAccessObserver | None) -> None:
        self.access = observer

    def bind(self, number: int, endpoint: Endpoint) -> None:
        if any(endpoint.overlaps(other) for other in [*self.taken, *self.bound.values()]):
            raise BindError(f"{endpoint}: address already in use")
        self.told.append(("bind", number))
        self.bound[number] = endpoint

    def serve(self, policy: ListenerPolicy) -> Deferred[None]:
        self.told.append(("serve", policy.number))
        self.policies[policy.number] = policy
        return self._soon()

    def stop_accepting(self, number: int) -> Deferred[None]:
        self.told.append(("stop_accepting", number))
        self.bound.pop(number, None)
        return self._soon()

    def address(self, number: int) -> str:
        return str(self.bound[number]) if number in self.bound else ""

    def rotate(self, group: str, rotation: Rotation) -> None:
        self.rotations[group] = rotation

    def tally(self, scope: Scope) -> Tally:
        return sum((self._tally(part) for part in _parts(scope)), Tally())

    def totals(self) -> Mapping[int, int]:
        return {
            scope.numbers[0]: count
            for (scope, counter), count in self._counted.items()
            if scope.kind is ScopeKind.REGISTRATION and counter == "total"
        }

    def figures(self) -> Figures:
        served = {
            number: ListenerFigures(len(self._live(Scope.listener(number)))) for number in self.policies
        }
        known = dict.fromkeys([*self.rotations, *(p.group for p in self.policies.values())], GroupFigures())
        return Figures(
            {**served, **self.listeners},
            {**known, **self.groups},
            {number: dict(reasons) for number, reasons in self._failures.items()},
        )

    def turned_away(self, number: int) -> Mapping[str, int]:
        return self.listeners.get(number, ListenerFigures()).refused

    def when_empty(self, scope: Scope) -> Deferred[None]:
        if not self._live(scope):
            return succeed(None)
        waiting = self._waiters.setdefault(scope, [])
        waiter: Deferred[None] = Deferred(waiting.remove)
        waiting.append(waiter)
        return waiter

    def cut(self, scope: Scope, count: int | None = None, why: CutBy = CutBy.DEADLINE) -> int:
        self.cuts.append(why)
        live = [connection for connection in self._live(scope) if not connection.closing]
        longest_idle = sorted(live, key=lambda connection: connection.touched)
        chosen = longest_idle if count is None else longest_idle[:count]
        for connection in chosen:
            self._cut(connection)
        return len(chosen)

    def cut_connection(self, id: int) -> bool:
        if id not in self.live:
            return False
        self._cut(self.live[id])
        return True

    def connections(self, scope: Scope) -> Iterable[ConnectionView]:
        now = self.clock.seconds()
        return [connection.view(now, self._name(connection)) for connection in self._live(scope)]

    def refreshed(self) -> Deferred[None]:
        return succeed(None)

    def preview(self, group: str, client: str, cookie: bytes = b"") -> Sequence[int]:
        """In the order of the rotation, but the one that the client is tied to comes first."""
        tied = self.tied(group, client, cookie)
        having_room = [m.number for m in self._members(group) if m.number not in self.full]
        return sorted(having_room, key=lambda number: number != tied)[:PREVIEWED]

    def tied(self, group: str, client: str, cookie: bytes = b"") -> int | None:
        return next(
            (
                member.number
                for member in self._members(group)
                if (cookie and member.cookie == cookie) or self.ties.get(client) == member.number
            ),
            None,
        )

    def forget(self, scope: Scope) -> None:
        assert not self._live(scope), f"{scope} is not empty"
        self.forgotten += scope.numbers
        known: dict[int, Any] = self._failures if scope.kind is ScopeKind.REGISTRATION else self.policies
        for number in scope.numbers:
            known.pop(number, None)
        for counter in [each for each in self._counted if each[0] in _parts(scope)]:
            del self._counted[counter]

    def close(self) -> None:
        self.closed = True
        self.cut(EVERYTHING)

    def _members(self, group: str) -> Sequence[Member]:
        return self.rotations[group].members if group in self.rotations else ()

    def _live(self, scope: Scope) -> list[FakeConnection]:
        return [each for part in _parts(scope) for each in self._by_scope.get(part, {}).values()]

    def _tally(self, part: Scope) -> Tally:
        live = self._live(part)
        return Tally(
            live=len(live),
            total=self._counted[part, "total"],
            cut=self._counted[part, "cut"],
            received=self._counted[part, "received"] + sum(c.received for c in live),
            sent=self._counted[part, "sent"] + sum(c.sent for c in live),
            failed=self._counted[part, "failed"],
            answered=self._counted[part, "answered"],
            truncated=self._counted[part, "truncated"],
            closed=self._counted[part, "closed"],
            aborted=self._counted[part, "aborted"],
        )

    def _cut(self, connection: FakeConnection) -> None:
        connection.closing = True
        if not self.linger:
            self.ended(connection)

    def _name(self, connection: FakeConnection) -> str:
        policy = self.policies.get(connection.listener)
        return policy.name if policy else ""

    def _soon(self) -> Deferred[None]:
        if not self.slow:
            return succeed(None)
        late: Deferred[None] = Deferred()
        self._late.append(late)
        return late


def _parts(scope: Scope) -> list[Scope]:
    """The scopes of one number each that it is made of."""
    return [Scope(scope.kind, (number,)) for number in scope.numbers] or [scope]
