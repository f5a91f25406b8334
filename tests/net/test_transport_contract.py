"""What every transport guarantees, be it ours, Twisted's or the fake: the same conversations over each.

Where they differ (how much Twisted queues before it pauses a producer, what a Unix socket makes of an
abort) the contract says only what all guarantee.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory
from zope.interface.verify import verifyObject

from lbtwist.model.address import Address
from lbtwist.net.binding import bind_tcp, bind_unix
from lbtwist.net.dialing import IDialer
from lbtwist.net.direct import DirectDialer
from lbtwist.net.listening import ListeningPort
from lbtwist.net.poller import Poller
from lbtwist.net.portable import EndpointDialer
from lbtwist.net.sweep import Sweep
from tests.net.fakes import Wire
from tests.net.recorder import HalfCloseable, Recorder

reactor = cast(Any, installed)
LARGE = 8 * 1024 * 1024


class Server(Factory):
    noisy = False

    def __init__(self, protocol: Recorder) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: object) -> Any:
        return self._protocol


@dataclass
class Ground:
    """How two protocols are connected, and what this kind of transport is able to."""

    name: str
    path: Path
    poller: Poller

    @property
    def tells_resets(self) -> bool:
        """A Unix socket has no RST: an abort with nothing unread is an end like another."""
        return "unix" not in self.name

    async def connect(self, client: Recorder, server: Recorder) -> None:
        """Connect the two, or fail the test."""
        if self.name == "fake":
            Wire(reactor).connect(client, server)
            return
        port, address = self._listen(server)
        failures: list[object] = []
        self._dialer().dial(address, lambda: client, 10.0, failures.append)
        await client.until_heard("made")
        await server.until_heard("made")
        assert failures == []
        await maybeDeferred(port.stopListening)

    def _listen(self, server: Recorder) -> tuple[Any, Address]:
        factory = Server(server)
        path = str(self.path / "socket")
        if self.name == "twisted-tcp":
            port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        elif self.name == "twisted-unix":
            port = reactor.listenUNIX(path, factory)
        else:
            bound = bind_tcp("127.0.0.1", 0) if self.name == "tcp" else bind_unix(path)
            port = ListeningPort(self.poller, bound, factory, reactor)
            port.startListening()
        host = port.getHost()
        return port, Address(path) if "unix" in self.name else Address(host.host, host.port)

    def _dialer(self) -> IDialer:
        if self.name.startswith("twisted"):
            return EndpointDialer(reactor)
        return DirectDialer(self.poller, Sweep(reactor))


@pytest.fixture(params=["tcp", "unix", "twisted-tcp", "twisted-unix", "fake"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    poller = Poller(reactor)
    yield Ground(request.param, tmp_path, poller)
    poller.stop()


@asynccontextmanager
async def conversation(
    ground: Ground, client: Recorder | None = None, server: Recorder | None = None
) -> AsyncIterator[tuple[Any, Any]]:
    """Two connected protocols, half-closeable where none are given; both are gone afterwards."""
    near, far = client or HalfCloseable(), server or HalfCloseable()
    await ground.connect(near, far)
    try:
        yield near, far
    finally:
        for end in (near, far):
            end.transport.abortConnection()
        await near.until_heard("lost")
        await far.until_heard("lost")
    assert near.events.count("lost") == far.events.count("lost") == 1


def random_bytes(count: int) -> bytes:
    return random.Random(count).randbytes(count)


async def round_trips(near: Recorder, far: Recorder, count: int = 3) -> None:
    """Some messages both ways: by then all that was on its way before has arrived."""
    for _ in range(count):
        for sender, receiver in ((near, far), (far, near)):
            expected = receiver.count + 1
            sender.transport.write(b".")
            await receiver.until_received(expected)


@pytest_twisted.ensureDeferred
async def test_provides_the_interfaces(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        for transport in (near.transport, far.transport):
            if "unix" not in ground.name:
                assert verifyObject(ITCPTransport, transport)
            assert verifyObject(IConsumer, transport)
            assert verifyObject(IPushProducer, transport)


@pytest_twisted.ensureDeferred
async def test_bytes_go_both_ways(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        near.transport.write(b"question")
        await far.until_received(8)
        far.transport.writeSequence([b"an", b"", b"swer"])
        await near.until_received(6)
        assert (bytes(far.received), bytes(near.received)) == (b"question", b"answer")


@pytest_twisted.ensureDeferred
async def test_order_is_kept(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        pieces = [b"%d," % number for number in range(1000)]
        for piece in pieces:
            near.transport.write(piece)
        whole = b"".join(pieces)
        await far.until_received(len(whole))
        assert bytes(far.received) == whole


@pytest.mark.parametrize("first", ["near", "far"])
@pytest_twisted.ensureDeferred
async def test_half_close_leaves_the_other_direction(ground: Ground, first: str) -> None:
    """Rule 2: half-closed connections go on."""
    async with conversation(ground) as ends:
        closing, other = ends if first == "near" else reversed(ends)
        closing.transport.write(b"last words")
        with closing.inside():
            closing.transport.loseWriteConnection()
        await other.until_heard("read lost")
        await closing.until_heard("write lost")
        assert bytes(other.received) == b"last words"
        other.transport.write(b"still here")
        await closing.until_received(10)
        assert bytes(closing.received) == b"still here"
        assert "lost" not in closing.events + other.events


@pytest_twisted.ensureDeferred
async def test_both_directions_half_closed_then_closed(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        near.transport.loseWriteConnection()
        await far.until_heard("read lost")
        far.transport.write(b"answer")
        far.transport.loseWriteConnection()
        await near.until_heard("read lost")
        assert bytes(near.received) == b"answer"
        assert "lost" not in near.events
        near.transport.loseConnection()
        far.transport.loseConnection()
        await near.until_heard("lost")
        await far.until_heard("lost")
        assert near.reason.check(ConnectionDone)
        assert far.reason.check(ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_half_close_is_told_after_all_data(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        data = random_bytes(LARGE)
        near.transport.write(data)
        near.transport.loseWriteConnection()
        await far.until_heard("read lost")
        assert far.digest.digest() == hashlib.sha256(data).digest()


@pytest_twisted.ensureDeferred
async def test_write_after_a_half_close_is_ignored(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        near.transport.write(b"all")
        near.transport.loseWriteConnection()
        await near.until_heard("write lost")
        near.transport.write(b"more")
        await far.until_heard("read lost")
        far.transport.write(b"x")
        await near.until_received(1)
        assert bytes(far.received) == b"all"


@pytest_twisted.ensureDeferred
async def test_end_of_input_is_the_end_for_a_plain_protocol(ground: Ground) -> None:
    async with conversation(ground, server=Recorder()) as (near, far):
        near.transport.write(b"all")
        near.transport.loseWriteConnection()
        await far.until_heard("lost")
        assert far.reason.check(ConnectionDone)
        assert bytes(far.received) == b"all"
        assert "read lost" not in far.events


@pytest_twisted.ensureDeferred
async def test_nothing_is_received_while_paused(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        await round_trips(near, far)
        before = far.count
        far.transport.pauseProducing()
        near.transport.write(b"later")
        for count in range(1, 6):  # the paused one still sends, and each message gives the other time
            far.transport.write(b".")
            await near.until_received(3 + count)
        assert far.count == before
        far.transport.resumeProducing()
        await far.until_received(before + 5)
        assert far.received.endswith(b"later")


@pytest_twisted.ensureDeferred
async def test_paused_when_connected(ground: Ground) -> None:
    server = HalfCloseable(made=lambda end: end.transport.pauseProducing())
    async with conversation(ground, server=server) as (near, far):
        near.transport.write(b"early")
        far.transport.write(b"hello")
        await near.until_received(5)
        assert far.count == 0
        far.transport.resumeProducing()
        await far.until_received(5)


@pytest_twisted.ensureDeferred
async def test_pause_within_data_received_is_obeyed(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.on_data = lambda data: far.transport.pauseProducing()
        near.transport.write(b"1")
        await far.until_received(1)
        near.transport.write(b"2")
        for count in range(1, 6):
            far.transport.write(b".")
            await near.until_received(count)
        assert bytes(far.received) == b"1"
        far.transport.resumeProducing()
        await far.until_received(2)


@pytest_twisted.ensureDeferred
async def test_what_was_sent_before_a_close_is_read_after_a_pause(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.transport.pauseProducing()
        near.transport.write(b"last words")
        near.transport.loseWriteConnection()
        await near.until_heard("write lost")
        assert far.count == 0
        far.transport.resumeProducing()
        await far.until_heard("read lost")
        assert bytes(far.received) == b"last words"


@pytest_twisted.ensureDeferred
async def test_paused_with_both_directions_shut(ground: Ground) -> None:
    """A level-triggered poll tells of it for ever; what is unread must not be lost for that."""
    async with conversation(ground) as (near, far):
        far.transport.pauseProducing()
        near.transport.write(b"last words")
        far.transport.loseWriteConnection()
        near.transport.loseWriteConnection()
        await near.until_heard("read lost")
        await far.until_heard("write lost")
        assert far.count == 0
        far.transport.resumeProducing()
        await far.until_heard("read lost")
        assert bytes(far.received) == b"last words"


@pytest_twisted.ensureDeferred
async def test_producer_is_paused_while_the_peer_does_not_read(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.transport.pauseProducing()
        near.transport.registerProducer(near, True)
        sent = 0
        while "paused" not in near.events:  # what the kernel takes is its own affair
            near.transport.write(random_bytes(256 * 1024))
            sent += 256 * 1024
            assert sent < 2**28
        assert "resumed" not in near.events
        far.transport.resumeProducing()
        await near.until_heard("resumed")
        await far.until_received(sent)
        assert near.events.count("paused") == near.events.count("resumed") == 1
        near.transport.unregisterProducer()


@pytest_twisted.ensureDeferred
async def test_pull_producer_is_asked_until_it_unregisters(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        producer = Pulled(near.transport, [b"a" * 100_000, b"b" * 3, b"c" * 100_000])
        near.transport.registerProducer(producer, False)
        await far.until_received(200_003)
        assert bytes(far.received) == b"a" * 100_000 + b"bbb" + b"c" * 100_000
        assert producer.stopped == 0


class Pulled:
    """Writes one piece each time it is asked."""

    def __init__(self, transport: Any, pieces: list[bytes]) -> None:
        self.transport = transport
        self.pieces = pieces
        self.stopped = 0

    def resumeProducing(self) -> None:
        if self.pieces:
            self.transport.write(self.pieces.pop(0))
        else:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.stopped += 1


@pytest_twisted.ensureDeferred
async def test_second_producer_is_an_error(ground: Ground) -> None:
    async with conversation(ground) as (near, _far):
        near.transport.registerProducer(near, True)
        with pytest.raises(RuntimeError):
            near.transport.registerProducer(near, True)
        near.transport.unregisterProducer()


@pytest_twisted.ensureDeferred
async def test_producer_is_stopped_at_the_end(ground: Ground) -> None:
    async with conversation(ground, client=Recorder()) as (near, far):
        near.transport.registerProducer(near, True)
        far.transport.abortConnection()
        await near.until_heard("lost")
        assert "stopped" in near.events
        near.transport.registerProducer(near, True)
        assert near.events.count("stopped") == 2


@pytest_twisted.ensureDeferred
async def test_lose_connection_sends_what_was_written(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        data = random_bytes(LARGE)
        near.transport.write(data)
        with near.inside():
            near.transport.loseConnection()
        await far.until_heard("read lost")
        assert far.digest.digest() == hashlib.sha256(data).digest()
        await near.until_heard("lost")
        assert near.reason.check(ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_nothing_is_received_after_lose_connection(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        near.transport.write(random_bytes(LARGE))
        near.transport.loseConnection()
        far.transport.write(b"too late")
        await near.until_heard("lost")
        await far.until(lambda: {"lost", "read lost"} & set(far.events))  # Twisted resets it for that
        assert near.count == 0


@pytest_twisted.ensureDeferred
async def test_close_within_data_received_is_obeyed(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.on_data = lambda data: far.transport.loseConnection()
        near.transport.write(b"1")
        await far.until_heard("lost")
        near.transport.write(b"2")
        await near.until(lambda: {"lost", "read lost"} & set(near.events))
        assert bytes(far.received) == b"1"


@pytest_twisted.ensureDeferred
async def test_abort_is_a_reset_for_the_peer(ground: Ground) -> None:
    """Rule 5: a side from which something was withheld sees a reset."""
    async with conversation(ground, server=Recorder()) as (near, far):
        await round_trips(near, far)
        with near.inside():
            near.transport.abortConnection()
        await near.until_heard("lost")
        assert near.reason.check(ConnectionAborted)
        await far.until_heard("lost")
        if ground.tells_resets:
            assert far.reason.type is ConnectionLost


@pytest_twisted.ensureDeferred
async def test_abort_drops_what_is_queued(ground: Ground) -> None:
    async with conversation(ground, server=Recorder()) as (near, far):
        far.transport.pauseProducing()
        near.transport.write(random_bytes(LARGE))
        near.transport.abortConnection()
        await near.until_heard("lost")
        far.transport.resumeProducing()
        await far.until_heard("lost")
        assert far.count < LARGE


@pytest_twisted.ensureDeferred
async def test_abort_after_lose_connection(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.transport.pauseProducing()
        near.transport.write(random_bytes(LARGE))
        near.transport.loseConnection()
        near.transport.abortConnection()
        await near.until_heard("lost")
        assert near.reason.check(ConnectionAborted)


@pytest.mark.parametrize("how", ["loseConnection", "abortConnection"])
@pytest_twisted.ensureDeferred
async def test_connection_lost_comes_once_and_not_from_inside(ground: Ground, how: str) -> None:
    async with conversation(ground) as (near, far):
        with near.inside():
            for _ in range(3):
                getattr(near.transport, how)()
        await near.until_heard("lost")
        near.on_data = pytest.fail
        for call in ("loseConnection", "abortConnection", "loseConnection"):
            getattr(near.transport, call)()
        near.transport.write(b"ignored")
        await far.until(lambda: {"lost", "read lost"} & set(far.events))
        assert far.count == 0


@pytest_twisted.ensureDeferred
async def test_calls_from_connection_lost_are_harmless(ground: Ground) -> None:
    async with conversation(ground, client=Recorder()) as (near, far):

        def poke() -> None:
            near.transport.write(b"ignored")
            near.transport.loseConnection()
            near.transport.abortConnection()
            near.transport.unregisterProducer()

        near.on_lost = poke
        far.transport.abortConnection()
        await near.until_heard("lost")


@pytest_twisted.ensureDeferred
async def test_writing_to_a_peer_that_is_gone(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        far.transport.abortConnection()
        await far.until_heard("lost")
        with near.inside():
            for _ in range(3):
                near.transport.write(b"into the void")
        if ground.tells_resets:
            await near.until_heard("lost")
            assert near.reason.check(ConnectionLost)
        else:
            await near.until(lambda: {"lost", "read lost"} & set(near.events))


@pytest_twisted.ensureDeferred
async def test_large_data_both_ways_at_once(ground: Ground) -> None:
    near, far = HalfCloseable(keep=False), HalfCloseable(keep=False)
    async with conversation(ground, near, far):
        there, back = random_bytes(LARGE), random_bytes(LARGE - 1)
        near.transport.write(there)
        far.transport.write(back)
        await far.until_received(LARGE)
        await near.until_received(LARGE - 1)
        assert far.digest.digest() == hashlib.sha256(there).digest()
        assert near.digest.digest() == hashlib.sha256(back).digest()


@pytest_twisted.ensureDeferred
async def test_echo_under_back_pressure(ground: Ground) -> None:
    """What comes is sent back at the pace at which it is taken, as a relay does."""
    near, far = HalfCloseable(keep=False), HalfCloseable(keep=False)
    async with conversation(ground, near, far):
        far.on_data = far.transport.write
        far.transport.registerProducer(far.transport, True)
        data = random_bytes(LARGE)
        near.transport.write(data)
        await near.until_received(LARGE)
        assert near.digest.digest() == hashlib.sha256(data).digest()
        far.transport.unregisterProducer()


@pytest_twisted.ensureDeferred
async def test_addresses(ground: Ground) -> None:
    async with conversation(ground) as (near, far):
        host, peer = near.transport.getHost(), near.transport.getPeer()
        if "unix" in ground.name:
            assert peer == UNIXAddress(os.fsencode(ground.path / "socket"))
            assert isinstance(far.transport.getPeer(), UNIXAddress)
        else:
            assert isinstance(host, IPv4Address)
            assert far.transport.getPeer() == host
            assert far.transport.getHost() == peer


@pytest_twisted.ensureDeferred
async def test_options(ground: Ground) -> None:
    if "unix" in ground.name:
        return
    async with conversation(ground) as (near, _far):
        for enabled in (True, False, True):
            near.transport.setTcpNoDelay(enabled)
            near.transport.setTcpKeepAlive(enabled)
            assert near.transport.getTcpNoDelay() is enabled
            assert near.transport.getTcpKeepAlive() is enabled
