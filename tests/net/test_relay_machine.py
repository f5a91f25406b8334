"""Whatever happens to connections, in whatever order: at the end everything adds up, and nothing is left.

Clients and servers send, pause, end and reset; connections are cut, servers come, go, fail and refuse,
and time passes. Each byte that the relay has taken arrives, or who did not get it sees a reset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.interfaces import IProtocol

from lbtwist.model.address import Address
from lbtwist.model.plane import EVERYTHING, Ending, Member, Rotation, Scope
from lbtwist.net.dialing import DialFailure, IDial
from lbtwist.net.end import End
from lbtwist.net.relay import Relay
from tests.net.bench import GROUP, Bench, closed, member
from tests.net.fakes import FakeDialer, Wire
from tests.net.recorder import HalfCloseable

SERVERS = (1, 2, 3)
CAPACITY = 100
CHUNK = 40
SIZES = st.sampled_from([1, CHUNK, CAPACITY, CAPACITY + CHUNK + 7, 5 * CAPACITY])
WHICH = st.integers(0, 20)


class Peer(HalfCloseable):
    """A client or server; what it has sent, and whether it went by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.shut = False
        self.gone = False
        """It closed the connection, or reset it: what is sent to it is lost, and that is its own doing."""
        self.hidden = False
        """It reset the connection: of what it has sent, some may be lost with that."""

    def send(self, size: int) -> None:
        if not (self.shut or self.gone):
            data = bytes((len(self.written) + at) % 251 for at in range(size))
            self.written += data
            self.transport.write(data)

    def end(self) -> None:
        self.shut = True
        self.transport.loseWriteConnection()

    def close(self) -> None:
        self.gone = True
        self.transport.loseConnection()

    def reset(self) -> None:
        self.gone = self.hidden = True
        self.transport.abortConnection()


class Dialer(FakeDialer):
    """Knows which relay each connection is of; watches that nobody is dialled who may not be."""

    may_dial: Callable[[Address], object]
    may_join: Callable[[Address], object]
    joined: Callable[[Relay, Wire], object]

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        self.may_dial(address)

        def watched() -> IProtocol:
            self.may_join(address)
            end = cast(End, build())
            self.joined(cast(Relay, end.relay), self.wires[-1])
            return end

        return super().dial(address, watched, timeout, failed, first)


class Connections(RuleBasedStateMachine):
    """One listener, one group, three servers."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(capacity=CAPACITY, chunk=CHUNK, make_end=Peer, make_dialer=Dialer)
        dialer: Any = self.bench.dialer
        dialer.may_dial, dialer.may_join = self.may_dial, self.may_join
        dialer.joined = self.joined
        self.rotation = Rotation()
        self.clients: list[Peer] = []
        self.relays: dict[Relay, Peer] = {}
        """Each with its client."""
        self.servers: dict[Relay, list[Peer]] = {}
        """The ends of servers that each was joined to, in order."""
        self.bench.listen(idle_timeout=10.0, connect_timeout=3.0)
        for number in SERVERS:
            self.bench.serve(number)
        self.rotate(dict.fromkeys(SERVERS, 0), "rr", 2, 0.0, 0)

    def may_dial(self, address: Address) -> None:
        """Only who is in rotation at this moment (rules 1 and 9), and has room."""
        chosen = self.member_at(address)
        if chosen.max_connections:
            assert self.group._busy[chosen.number] <= chosen.max_connections

    def may_join(self, address: Address) -> None:
        self.member_at(address)

    def member_at(self, address: Address) -> Member:
        (found,) = [each for each in self.rotation.members if each.address == address]
        return found

    def joined(self, relay: Relay, wire: Wire) -> None:
        end: Any = wire.server.protocol
        self.servers.setdefault(relay, []).append(end)

    @property
    def group(self) -> Any:
        return self.bench.plane._groups[GROUP]

    @property
    def peers(self) -> list[Peer]:
        return self.clients + [end for ends in self.servers.values() for end in ends]

    def peer(self, which: int) -> Peer:
        return self.peers[which % len(self.peers)]

    @rule(times=st.integers(1, 3), host=st.sampled_from(["192.0.2.1", "192.0.2.2"]))
    def connect(self, times: int, host: str) -> None:
        for _ in range(times):
            client = self.bench.client(host)
            relay_end = client.transport.far.protocol
            if relay_end is not None:
                self.clients.append(client)
                self.relays[relay_end.relay] = client

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, size=SIZES)
    def send(self, which: int, size: int) -> None:
        self.peer(which).send(size)

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, how=st.sampled_from(["pauseProducing", "resumeProducing"]))
    def pace(self, which: int, how: str) -> None:
        getattr(self.peer(which).transport, how)()

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, how=st.sampled_from([Peer.end, Peer.end, Peer.close, Peer.reset]))
    def leave(self, which: int, how: Callable[[Peer], None]) -> None:
        how(self.peer(which))

    @rule(seconds=st.sampled_from([0.0, 0.0, 0.0, 0.1, 1.0, 4.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.bench.settle()
        self.bench.pass_time(seconds, 0.1)

    @rule(number=st.sampled_from(SERVERS), count=st.sampled_from([None, 1, 2]))
    def cut_registration(self, number: int, count: int | None) -> None:
        scope = Scope.registration(number)
        live = self.bench.plane.tally(scope).live
        done = self.bench.plane.cut(scope, count)
        assert done <= (live if count is None else min(live, count))

    @rule()
    def cut_all(self) -> None:
        self.bench.plane.cut(EVERYTHING)

    @rule(id=st.integers(1, 12))
    def cut_one(self, id: int) -> None:
        live = id in [view.id for view in self.bench.plane.connections(EVERYTHING)]
        assert self.bench.plane.cut_connection(id) is live

    @rule(
        limits=st.dictionaries(st.sampled_from(SERVERS), st.sampled_from([0, 0, 1, 2])),
        scheduler=st.sampled_from(["rr", "rr", "wrr", "lc", "source_hash"]),
        retries=st.integers(0, 2),
        persistence=st.sampled_from([0.0, 5.0]),
        max_queue=st.integers(0, 2),
    )
    def rotate(
        self, limits: dict[int, int], scheduler: str, retries: int, persistence: float, max_queue: int
    ) -> None:
        members = tuple(member(number, max_connections=limit) for number, limit in limits.items())
        self.rotation = Rotation(
            members, scheduler, retries, persistence, max_queue=max_queue, queue_timeout=2.0
        )
        self.bench.plane.rotate(GROUP, self.rotation)

    @rule(
        number=st.sampled_from(SERVERS),
        after=st.sampled_from([0.0, 0.0, 1.0, 60.0]),
        how=st.sampled_from(["serve", "serve", "refuse", "own"]),
    )
    def change_server(self, number: int, after: float, how: str) -> None:
        if how == "serve":
            self.bench.serve(number, after)
        else:
            self.bench.refuse(number, after=after, own=how == "own")

    @rule(idle=st.sampled_from([5.0, 10.0]), limit=st.sampled_from([0, 0, 2]))
    def change_policy(self, idle: float, limit: int) -> None:
        self.bench.listen(idle_timeout=idle, connect_timeout=3.0, max_connections=limit)

    @rule(taken_out=st.booleans())
    def let_failures_count(self, taken_out: bool) -> None:
        """Whether who fails is taken out of rotation, from inside of the report."""
        self.bench.observer.then = self._take_out if taken_out else lambda number: None

    def _take_out(self, number: int) -> None:
        limits = {
            each.number: each.max_connections for each in self.rotation.members if each.number != number
        }
        before = self.rotation
        self.rotate(limits, before.scheduler, before.retries, before.persistence, before.max_queue)
        self.bench.plane.cut(Scope.registration(number))

    @invariant()
    def at_most_one_read_is_held(self) -> None:
        for peer in self.peers:
            assert len(peer.transport.far.queue) <= CHUNK

    @invariant()
    def nobody_waits_for_a_place_that_is_free(self) -> None:
        for dispatch in self.group.waiting:
            free = [each.number for each in self.rotation.members if self.group._has_room(each)]
            assert set(free) <= set(dispatch.tried)

    @invariant()
    def what_is_established_is_swept(self) -> None:
        for relay in self.relays:
            if relay._lease is not None:
                assert relay.due_bucket is not None

    @invariant()
    def places_are_counted(self) -> None:
        live = [relay._member.number for relay in self.relays if relay._lease is not None and relay._member]
        on_the_way = [dispatch.number for dispatch in self.group.under_way]
        for number in SERVERS:
            assert self.group._busy.get(number, 0) == live.count(number) + on_the_way.count(number)
            assert self.bench.tally(number).live == live.count(number)

    def teardown(self) -> None:
        self.bench.plane.cut(EVERYTHING)
        self.bench.pass_time(1)
        for peer in self.peers:
            peer.transport.resumeProducing()
        self.bench.settle()
        self.nothing_is_left()
        self.counters_add_up()
        for relay, client in self.relays.items():
            self.bytes_arrived(relay, client)

    def nothing_is_left(self) -> None:
        assert self.bench.timers == 0
        assert not self.group.under_way
        assert not self.group.waiting
        assert self.group._busy == {}
        assert list(self.bench.plane.connections(EVERYTHING)) == []

    def counters_add_up(self) -> None:
        total = self.bench.tally()
        assert total.live == 0
        assert total.total == len(self.relays)
        assert total.cut == sum(relay._ending is Ending.CUT for relay in self.relays)
        servers = [self.bench.tally(number) for number in SERVERS]
        assert sum(tally.total for tally in servers) == sum(map(len, self.servers.values()))
        assert sum(tally.failed for tally in servers) == len(self.bench.observer.heard)
        assert sum(tally.received for tally in servers) == total.received
        assert sum(tally.sent for tally in servers) == total.sent
        assert total.received == sum(relay.received for relay in self.relays)
        assert total.sent == sum(relay.sent for relay in self.relays)

    def bytes_arrived(self, relay: Relay, client: Peer) -> None:
        *failed, server = self.servers.get(relay, [Peer()])
        assert all(end.received == b"" for end in failed)
        if relay._server is None:
            assert (relay.received, relay.sent) == (0, 0)
            assert closed(client)
            return
        for sender, taker, taken in ((client, server, relay.received), (server, client, relay.sent)):
            assert sender.written.startswith(taker.received)
            assert len(taker.received) <= taken <= len(sender.written)
            if not taker.gone:
                assert closed(taker)
                if closed(taker) == "fin":
                    assert len(taker.received) == taken
                    assert relay.forced or sender.hidden or taken == len(sender.written)


Connections.TestCase.settings = settings(stateful_step_count=50)
TestConnections = Connections.TestCase
