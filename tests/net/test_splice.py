"""Relays whose bulk goes through pipes: on real sockets, turn by turn, with peers that are plain sockets."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.address import Address, parse_address
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Member, Rotation
from lbtwist.net import end as end_module
from lbtwist.net import transport as transport_module
from lbtwist.net.direct import DirectDialer
from lbtwist.net.pipes import LIMIT, SIZE, Pipes
from lbtwist.net.plane import DataPlane
from lbtwist.net.poller import READABLE, Poller
from lbtwist.net.port import open_port
from lbtwist.net.sending import queued
from lbtwist.net.splice import Splice, splice
from lbtwist.net.sweep import Sweep
from lbtwist.net.transport import LARGE_READ, MEDIUM_READ
from tests.net.bench import GROUP, WEB, make_scheduler
from tests.net.fakes import StillReactor
from tests.net.spliced import from_the_first_byte

RESET = struct.pack("ii", 1, 0)
IDLE = 10.0
BUFFER = 64 * 1024
"""Of each peer's socket, so that a slow one is soon known as slow."""
LARGE = 8 * 1024 * 1024
either = pytest.mark.parametrize("sender", ["client", "server"])


class Peer:
    """A client or a server: it sends as fast as it can, and reads when it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.setblocking(False)
        self.written = bytearray()
        self.received = bytearray()
        self.end = ""
        """How it saw the connection end: `fin` or `reset`."""
        self.finished = False
        self._sent = 0
        self._shut = False

    def send(self, data: bytes) -> None:
        self.written += data
        self.push()

    def push(self) -> None:
        """Go on with what is left to be sent."""
        try:
            while self._sent < len(self.written):
                self._sent += self.socket.send(memoryview(self.written)[self._sent : self._sent + 2**20])
            if self.finished and not self._shut:
                self._shut = True
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self.end = "reset"  # who sends hears of it, and reading tells of it no more

    def finish(self) -> None:
        """FIN, after what is left."""
        self.finished = True
        self.push()

    def read(self, limit: int = 2**20) -> None:
        """Up to `limit` bytes of what has come."""
        if not self.end:
            try:
                data = self.socket.recv(limit)
                self.received += data
                self.end = "" if data else "fin"
            except BlockingIOError:
                pass
            except ConnectionError:
                self.end = "reset"

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()


class Ground:
    """A data plane on a reactor that the test turns, and relays through it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.reactor = StillReactor()
        self.poller = Poller(self.reactor)
        sweep = Sweep(self.reactor)
        self.pipes = Pipes(limit)
        opening = partial(open_port, poller=self.poller, reactor=self.reactor)
        dialer = DirectDialer(self.poller, sweep)
        self.plane = DataPlane(self.reactor, dialer, sweep, opening, make_scheduler, pipes=self.pipes)
        self.port = socket.create_server(("127.0.0.1", 0))
        self.port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        server = Address(*self.port.getsockname())
        self.plane.rotate(GROUP, Rotation((Member(1, f"{GROUP}/s1#1", server, 1),)))
        self.plane.bind(WEB, parse_endpoint("127.0.0.1:0"))
        self.plane.serve(ListenerPolicy(WEB, "web", GROUP, idle_timeout=IDLE))
        self.peers: list[Peer] = []

    def connect(self) -> tuple[Peer, Peer]:
        """A client and its server."""
        address = parse_address(self.plane.address(WEB))
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        client.connect((address.host, address.port))
        self.reactor.turn()
        self.port.settimeout(5)
        server, _ = self.port.accept()
        self.reactor.turn()
        ends = Peer(client), Peer(server)
        self.peers += ends
        return ends

    @property
    def relay(self) -> Any:
        """The only relay."""
        (relay,) = self.plane._frontends[WEB].ledger.live.values()
        return relay

    def sides(self, sender: str) -> tuple[Peer, Peer, Any]:
        """The peer that is to send, the other one, and the relay's end that receives from the first."""
        client, server = self.connect()
        if sender == "client":
            return client, server, self.relay._client
        return server, client, self.relay._server

    def turn(self, *reading: Peer) -> None:
        """All that can go on, does once."""
        for peer in self.peers:
            peer.push()
        self.reactor.turn()
        for peer in reading:
            peer.read()

    def settle(self, *reading: Peer) -> None:
        """The same until nothing more comes."""
        quiet = 0
        while quiet < 5:
            before = self.moved
            self.turn(*reading)
            quiet = quiet + 1 if self.moved == before else 0

    @property
    def moved(self) -> tuple[object, ...]:
        tally = self.plane.tally(EVERYTHING)
        return tally, *((len(peer.received), peer.end) for peer in self.peers)

    def close(self) -> None:
        self.plane.close()
        self.reactor.turn()
        self.poller.stop()
        assert self.plane.tally(EVERYTHING).live == 0
        assert self.pipes.busy == len(self.pipes._spare) == 0
        self.reactor.advance(1)
        for each in (self.port, *(peer.socket for peer in self.peers)):
            each.close()


@pytest.fixture
def ground() -> Iterator[Ground]:
    ground = Ground()
    yield ground
    ground.close()


def random_bytes(count: int) -> bytes:
    return random.Random(count).randbytes(count)


def held_up(ground: Ground, sender: Peer, end: Any) -> Splice:
    """`sender` sends until the other side's socket takes no more: what is there is held in a pipe."""
    sender.send(random_bytes(4 * LARGE))
    ground.settle()
    held = end.peer.transport._queue
    assert isinstance(held, Splice)
    assert end.peer.held
    return held


@either
def test_bulk_goes_through_a_pipe_and_small_talk_does_not(ground: Ground, sender: str) -> None:
    first, second, end = ground.sides(sender)
    for size in (5, 2 * MEDIUM_READ):
        first.send(random_bytes(size))
        ground.settle(second)
        assert ground.pipes.busy == len(ground.pipes._spare) == 0
    first.send(random_bytes(LARGE))
    most = 0
    while len(second.received) < len(first.written):
        ground.turn(second)
        most = max(most, ground.pipes.busy)
    assert most == 1
    for _ in range(10):
        first.send(b"small talk")
        ground.settle(second)
    assert ground.pipes.busy == 0
    assert end.transport._inflow is None
    assert second.received == first.written
    assert end.received == ground.plane.tally(EVERYTHING).moved == len(first.written)


@either
def test_a_slow_peer_costs_at_most_a_pipe(ground: Ground, sender: str) -> None:
    first, second, end = ground.sides(sender)
    held = held_up(ground, first, end)
    assert 0 < len(held) == queued(end.peer.transport) <= SIZE
    assert not end.transport.bulk, "nothing is read, and nobody else should have a pipe for that"
    taken = end.received
    ground.settle()
    assert end.received == taken
    while len(second.received) < len(first.written):
        ground.turn(second)
    assert second.received == first.written
    assert not end.peer.held


@either
def test_a_half_close_comes_after_what_is_in_the_pipe(ground: Ground, sender: str) -> None:
    """Rule 2: half-closed connections go on."""
    first, second, end = ground.sides(sender)
    held_up(ground, first, end)
    first.finish()
    while not second.end:
        ground.turn(second)
    assert second.received == first.written
    assert ground.pipes.busy == 0
    second.send(b"still here")
    ground.settle(first)
    assert first.received == b"still here"
    second.finish()
    ground.settle(first)
    assert (first.end, second.end) == ("fin", "fin")
    assert ground.plane.tally(EVERYTHING).live == 0


@either
def test_a_reset_comes_after_what_is_in_the_pipe(ground: Ground, sender: str) -> None:
    first, second, end = ground.sides(sender)
    held_up(ground, first, end)
    first.reset()
    while not second.end:
        ground.turn(second)
    assert second.end == "reset"
    assert first.written.startswith(second.received)  # what the kernel had taken may be lost with it
    assert (ground.pipes.busy, len(ground.pipes._spare)) == (0, 1)


@either
def test_what_is_held_for_who_resets_is_dropped(ground: Ground, sender: str) -> None:
    first, second, end = ground.sides(sender)
    held_up(ground, first, end)
    second.reset()
    ground.settle(first)
    assert first.end
    assert ground.pipes.busy == len(ground.pipes._spare) == 0


@pytest.mark.parametrize("heard", [False, True])
@either
def test_what_is_on_its_way_to_who_has_reset_is_dropped(ground: Ground, sender: str, heard: bool) -> None:
    """In one batch of events, whether the reset is heard there before or not."""
    first, second, end = ground.sides(sender)
    with from_the_first_byte():
        end.transport._read_size = LARGE_READ
        splice(end, ground.pipes)
        first.send(b"hello")
        ground.settle(second)
        second.reset()
        if heard:
            end.peer.transport.ready(READABLE)
        for _ in range(2):
            first.send(b"to nobody")
            end.transport.ready(READABLE)
    assert ground.pipes.busy == 0
    ground.settle(first)
    assert first.end
    assert ground.plane.tally(EVERYTHING).live == 0


@either
def test_rule_5_a_cut_drops_what_is_in_the_pipe_and_resets(ground: Ground, sender: str) -> None:
    first, second, end = ground.sides(sender)
    held_up(ground, first, end)
    assert ground.plane.cut(EVERYTHING) == 1
    ground.settle(second, first)
    assert second.end == "reset"
    assert len(second.received) < end.received
    assert ground.plane.tally(EVERYTHING).live == ground.pipes.busy == len(ground.pipes._spare) == 0


@either
def test_rule_14_what_goes_through_a_pipe_is_no_idleness(sender: str) -> None:
    with from_the_first_byte():
        ground = Ground()
        first, second, _ = ground.sides(sender)
        for count in range(1, 5):
            ground.reactor.advance(IDLE - 1)
            first.send(b".")
            ground.settle(second)
            assert len(second.received) == count
        assert ground.pipes.busy == 2
        ground.reactor.advance(IDLE + 1)
        ground.settle(second)
        assert second.end == "fin"
        ground.close()


def test_where_no_pipe_can_be_made_bytes_are_copied(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(flags: int) -> tuple[int, int]:
        raise OSError("Too many open files")

    monkeypatch.setattr("lbtwist.net.pipes.os.pipe2", failing)
    first, second, _ = ground.sides("client")
    first.send(random_bytes(LARGE))
    ground.settle(second)
    assert second.received == first.written


def test_without_pipes_bytes_are_copied() -> None:
    ground = Ground(0)
    first, second, end = ground.sides("client")
    first.send(random_bytes(LARGE))
    ground.settle()
    assert end.peer.held
    assert not isinstance(end.peer.transport._queue, Splice)
    ground.settle(second)
    assert second.received == first.written
    ground.close()


def test_a_pipe_is_used_by_one_after_the_other(ground: Ground) -> None:
    ground.pipes.allow(1)
    for _ in range(3):
        first, second = ground.connect()
        first.send(random_bytes(LARGE))
        ground.settle(second)
        first.finish()
        ground.settle(second)
        assert second.received == first.written
        assert (ground.pipes.busy, len(ground.pipes._spare)) == (0, 1)


def test_when_it_stops_no_pipe_is_left(ground: Ground) -> None:
    first, _, end = ground.sides("client")
    held_up(ground, first, end)
    ground.poller.close_all()
    ground.turn()
    assert ground.pipes.busy == 0


SIZES = st.sampled_from([1, 4_000, 70_000, 300_000, 2_000_000])
SEND = st.tuples(st.just("send"), st.integers(0, 1), SIZES)
READ = st.tuples(st.just("read"), st.integers(0, 1), SIZES)
TURN = st.tuples(st.just("turn"), st.integers(1, 3), st.just(0))
FINISH = st.tuples(st.just("finish"), st.integers(0, 1), st.just(0))
STEPS = st.lists(st.one_of(SEND, SEND, SEND, TURN, TURN, TURN, READ, READ, FINISH), min_size=5, max_size=40)


@contextlib.contextmanager
def soon_bulk() -> Iterator[None]:
    """A few reads of some kilobytes are bulk, so that both ways are gone again and again."""
    with (
        patch.object(transport_module, "SMALL_READ", 2_000),
        patch.object(transport_module, "MEDIUM_READ", 4_000),
        patch.object(transport_module, "FULL_READS", 2),
        patch.object(end_module, "BULK", 4_000),
    ):
        yield


@pytest.mark.parametrize("made_to_splice", [soon_bulk, from_the_first_byte])
@given(steps=STEPS, ending=st.sampled_from(["finish", "finish", "cut", "stop"]))
def test_whatever_happens_bytes_are_those_that_were_sent(
    made_to_splice: Any, steps: list[tuple[str, int, int]], ending: str
) -> None:
    with made_to_splice():
        ground = Ground()
        client, server = ends = ground.connect()
        client.send(b"?")  # a server that ends before that is exchanged
        ground.turn()
        for what, which, size in steps:
            step(ground, ends, what, which, size)
        if ending == "finish":
            for each in ends:
                each.finish()
        else:
            (ground.plane.close if ending == "stop" else partial(ground.plane.cut, EVERYTHING))()
        ground.settle(*ends)
        tally = ground.plane.tally(EVERYTHING)
        for sender, taker, taken in ((client, server, tally.received), (server, client, tally.sent)):
            assert len(taker.received) <= taken <= len(sender.written)
            assert sender.written.startswith(taker.received)
            if ending == "finish":
                assert (taker.received, taker.end) == (sender.written, "fin")
            elif taker.end == "fin":
                assert len(taker.received) == taken
        assert tally.live == 0
        ground.close()


def step(ground: Ground, ends: tuple[Peer, Peer], what: str, which: int, size: int) -> None:
    if what == "turn":
        for _ in range(which):
            ground.turn()
    elif what == "send":
        if not ends[which].finished:
            ends[which].send(random_bytes(size))
    elif what == "read":
        ends[which].read(size)
    else:
        ends[which].finish()
