"""A data plane over fakes and a clock that the test moves: clients and servers are in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from lbtwist.interfaces import IDataPlaneObserver, IScheduler
from lbtwist.model.address import Address
from lbtwist.model.endpoint import Endpoint, parse_endpoint
from lbtwist.model.plane import ConnectionView, ListenerPolicy, Member, Rotation, Scope, Tally
from lbtwist.model.schedule import BUILT_IN
from lbtwist.net.dialing import DialFailure
from lbtwist.net.plane import DataPlane
from lbtwist.net.sweep import Sweep
from tests.net.fakes import CAPACITY, FakeDialer, Wire
from tests.net.recorder import HalfCloseable

WEB = 1
"""The number of the listener that a Bench has from the start."""
GROUP = "app"
ENDPOINT = parse_endpoint("127.0.0.1:0")
CHUNK = 64 * 1024


def make_scheduler(name: str) -> IScheduler:
    return BUILT_IN[name].make(lambda: 0.0)


def address_of(number: int) -> Address:
    return Address(f"10.0.0.{number}", 80)


def member(number: int, **keys: Any) -> Member:
    """Registration `number`, at 10.0.0.`number`."""
    return Member(number, f"{GROUP}/s{number}#{number}", address_of(number), **{"weight": 1, **keys})


def closed(end: HalfCloseable) -> str:
    """How `end` saw the connection end: `fin`, `reset`, or `` when not at all."""
    if end.reason is not None and not end.reason.check(ConnectionDone):
        return "reset"
    return "fin" if "read lost" in end.events or end.reason is not None else ""


class FakePort:
    """A listening endpoint that only the test connects to."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.factory: IProtocolFactory | None = None
        self.closed = False

    def accept(self, factory: IProtocolFactory) -> Deferred[None]:
        self.factory = factory
        return succeed(None)

    def address(self) -> str:
        return str(self.endpoint)

    def close(self) -> Deferred[None]:
        self.closed = True
        return succeed(None)


@implementer(IDataPlaneObserver)
class Observer:
    """Writes down what it is told, and does what the test wants then."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []
        self.lacked: list[tuple[str, int, str]] = []
        self.then: Callable[[int], object] = lambda number: None

    def connect_failed(self, number: int, reason: str) -> None:
        self.heard.append((number, reason))
        self.then(number)

    def no_server(self, group: str, tried: int, reason: str) -> None:
        self.lacked.append((group, tried, reason))


class Bench:
    """A DataPlane with one listener, whose servers `s1`, `s2` … answer as the test says.

    `capacity` is what each end of a connection takes in unread, `chunk` the most of one read, and
    `make_end` makes the ends of clients and servers.
    """

    def __init__(
        self,
        clock: IReactorTime | None = None,
        capacity: int = CAPACITY,
        chunk: int = CHUNK,
        make_end: Callable[[], HalfCloseable] = HalfCloseable,
        make_dialer: Callable[[Any, int, int], FakeDialer] = FakeDialer,
    ) -> None:
        self.clock: Any = clock or Clock()
        self.capacity = capacity
        self.chunk = chunk
        self.sweep = Sweep(self.clock)
        self.make_end = make_end
        self.dialer = make_dialer(self.clock, chunk, capacity)
        self.ports: list[FakePort] = []
        self.by_listener: dict[int, FakePort] = {}
        self.plane = DataPlane(self.clock, self.dialer, self.sweep, self._open, make_scheduler)
        self.observer = Observer()
        self.plane.observe(self.observer)
        self.accepted: dict[int, list[HalfCloseable]] = {}
        """By server, the ends that it has got, in their order."""
        self._clients = count(50_000)

    def listen(self, number: int = WEB, group: str = GROUP, **keys: Any) -> None:
        """A listener, or a new policy for one."""
        policy = ListenerPolicy(number, f"l{number}", group, **keys)
        if not self.plane.address(number):
            self.plane.bind(number, ENDPOINT)
            self.by_listener[number] = self.ports[-1]
        self.plane.serve(policy)

    def serve(self, number: int, after: float = 0.0) -> None:
        """Server `number` takes connections from now on, each `after` so many seconds."""
        ends = self.accepted.setdefault(number, [])

        def accept() -> HalfCloseable:
            ends.append(self.make_end())
            return ends[-1]

        self.dialer.answer(address_of(number), accept, after)

    def refuse(self, number: int, failure: str = "refused", after: float = 0.0, own: bool = False) -> None:
        """Server `number` can't be connected."""
        self.dialer.answer(address_of(number), DialFailure(failure, own), after)

    def rotate(self, *members: Member, group: str = GROUP, **keys: Any) -> None:
        self.plane.rotate(group, Rotation(members, **keys))

    def servers(self, *numbers: int, **keys: Any) -> None:
        """Servers that answer, all of them in rotation and no others."""
        for number in numbers:
            self.serve(number)
        self.rotate(*map(member, numbers), **keys)

    def client(self, host: str = "192.0.2.1", listener: int = WEB) -> Any:
        """A client's end of a connection to the listener; nothing has happened yet but the accept."""
        wire = Wire(self.clock, self.chunk, self.capacity)
        wire.server._peer = IPv4Address("TCP", host, next(self._clients))
        end = self.make_end()
        factory = self.by_listener[listener].factory
        assert factory is not None
        wire.accept(factory, end)
        return end

    def connected(self, server: int = 1, host: str = "192.0.2.1", listener: int = WEB) -> tuple[Any, Any]:
        """A client, and the end of `server` that it is connected to now."""
        before = len(self.accepted[server])
        client = self.client(host, listener)
        self.settle()
        (end,) = self.accepted[server][before:]
        return client, end

    def settle(self) -> None:
        """All that can happen without time passing."""
        self.clock.advance(0)

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """Time passes in steps, so that what follows from a timer has its own time."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def tally(self, number: int | None = None) -> Tally:
        """Of registration `number`, or of the listener."""
        return self.plane.tally(Scope.listener(WEB) if number is None else Scope.registration(number))

    def view(self) -> ConnectionView:
        """The one connection there is."""
        (view,) = self.plane.connections(Scope.listener(WEB))
        return view

    @property
    def timers(self) -> int:
        """Calls that are pending; the sweep has one while anything is entered in it."""
        return len(self.clock.getDelayedCalls())

    def _open(self, endpoint: Endpoint) -> FakePort:
        self.ports.append(FakePort(endpoint))
        return self.ports[-1]
