from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.net.poller import BATCH, BETWEEN, CALLS, EVENTS, READABLE, ROUNDS, Poller
from tests.net.fakes import StillReactor

Flush = Callable[..., list[Failure]]


class Reader:
    """Owns one end of a socket pair, and does with each event what the test says."""

    def __init__(self, poller: Poller, then: Callable[[Reader], object] | None = None) -> None:
        self.poller = poller
        self.events: list[int] = []
        self.failures: list[Failure] = []
        self.near, self.far = socket.socketpair()
        self.fd = self.near.detach()
        os.set_blocking(self.fd, False)
        self._then = then
        poller.register(self.fd, READABLE, self)

    def ready(self, events: int) -> None:
        self.events.append(events)
        if self._then is not None:
            self._then(self)
        else:
            os.read(self.fd, 100)

    def fail(self, reason: Failure) -> None:
        self.failures.append(reason)
        self.close()

    def close(self) -> None:
        self.poller.close(self.fd)
        self.far.close()


@pytest.fixture
def reactor() -> StillReactor:
    return StillReactor()


@pytest.fixture
def poller(reactor: StillReactor) -> Iterator[Poller]:
    poller = Poller(reactor)
    yield poller
    poller.stop()
    assert reactor.readers == []
    assert reactor.getDelayedCalls() == []


def test_is_a_read_descriptor(poller: Poller) -> None:
    assert verifyObject(IReadDescriptor, poller)


def test_is_a_reader_only_while_it_watches(reactor: StillReactor, poller: Poller) -> None:
    assert reactor.readers == []
    first, second = Reader(poller), Reader(poller)
    assert reactor.readers == [poller]
    first.close()
    assert reactor.readers == [poller]
    poller.unregister(second.fd)
    assert reactor.readers == []
    second.close()


def test_tells_each_that_is_ready(reactor: StillReactor, poller: Poller) -> None:
    busy, idle = Reader(poller), Reader(poller)
    busy.far.send(b"x")
    reactor.turn()
    assert busy.events == [READABLE]
    assert idle.events == []


def test_events_go_to_whom_the_descriptor_was_handed(reactor: StillReactor, poller: Poller) -> None:
    first, second = Reader(poller), Reader(poller, lambda reader: os.read(first.fd, 100))
    poller.hand_over(first.fd, second)
    first.far.send(b"x")
    poller.doRead()
    assert first.events == []
    assert second.events == [READABLE]
    first.close()


def test_serves_until_nothing_is_left(reactor: StillReactor, poller: Poller) -> None:
    def answer_and_ask_again(reader: Reader) -> None:
        os.read(reader.fd, 1)

    reader = Reader(poller, answer_and_ask_again)
    reader.far.send(b"12345")
    reactor.turn()
    assert len(reader.events) == 5
    assert reactor.ready() == []


def test_lets_the_reactor_have_its_turn(reactor: StillReactor, poller: Poller) -> None:
    """Timers and consoles do not starve, however much there is to do."""
    reader = Reader(poller, lambda reader: None)
    reader.far.send(b"never read")
    poller.doRead()
    assert len(reader.events) == ROUNDS
    reader.close()


def test_lets_the_reactor_have_its_turn_after_so_many_events(reactor: StillReactor, poller: Poller) -> None:
    readers = [Reader(poller, lambda reader: None) for _ in range(BATCH + 1)]
    for reader in readers:
        reader.far.send(b"x")
    poller.doRead()
    assert sum(len(reader.events) for reader in readers) == EVENTS
    for reader in readers:
        os.read(reader.fd, 100)


def test_modified_to_nothing_it_is_silent(reactor: StillReactor, poller: Poller) -> None:
    reader = Reader(poller)
    poller.modify(reader.fd, 0)
    reader.far.send(b"x")
    assert reactor.ready() == []
    poller.modify(reader.fd, READABLE)
    assert reactor.ready() == [poller]


def test_number_of_a_closed_descriptor_is_not_reused_within_a_batch(
    reactor: StillReactor, poller: Poller
) -> None:
    readers: list[Reader] = []
    newcomers: list[Reader] = []

    def close_the_other(reader: Reader) -> None:
        os.read(reader.fd, 100)
        other = readers[1 - readers.index(reader)]
        if not newcomers:
            other.close()
            newcomers.append(Reader(poller))

    readers += [Reader(poller, close_the_other), Reader(poller, close_the_other)]
    numbers = {reader.fd for reader in readers}
    for reader in readers:
        reader.far.send(b"x")
    poller.doRead()
    assert sum(len(reader.events) for reader in readers) == 1
    assert newcomers[0].events == []
    assert newcomers[0].fd not in numbers
    for reader in readers:
        if reader.fd in poller:
            reader.close()


def test_closed_at_the_end_of_the_batch(reactor: StillReactor, poller: Poller) -> None:
    reader = Reader(poller, lambda reader: reader.poller.close(reader.fd))
    reader.far.send(b"x")
    poller.doRead()
    reader.far.settimeout(1)
    with pytest.raises(ConnectionResetError):  # it was closed, with "x" unread
        reader.far.recv(1)
    reader.far.close()


def test_error_of_one_harms_no_other(
    reactor: StillReactor, poller: Poller, flush_logged_errors: Flush
) -> None:
    broken = Reader(poller, lambda reader: 1 // 0)
    sound = Reader(poller)
    broken.far.send(b"x")
    sound.far.send(b"x")
    reactor.turn()
    assert [failure.type for failure in broken.failures] == [ZeroDivisionError]
    assert sound.events == [READABLE]
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_soon_outside_of_a_batch_is_the_next_turn(reactor: StillReactor, poller: Poller) -> None:
    said: list[str] = []
    poller.soon(lambda: said.append("first"))
    poller.soon(lambda: said.append("second"))
    assert said == []
    assert len(reactor.getDelayedCalls()) == 1
    reactor.advance(0)
    assert said == ["first", "second"]


def test_soon_within_a_batch_is_its_end(reactor: StillReactor, poller: Poller) -> None:
    said: list[str] = []

    def read(reader: Reader) -> None:
        os.read(reader.fd, 100)
        poller.soon(lambda: said.append("soon"))
        said.append("ready")

    for reader in [Reader(poller, read), Reader(poller, read)]:
        reader.far.send(b"x")
    poller.doRead()
    assert said == ["ready", "ready", "soon", "soon"]
    assert reactor.getDelayedCalls() == []


def test_soon_after_a_batch_is_the_next_turn(reactor: StillReactor, poller: Poller) -> None:
    said: list[str] = []
    Reader(poller).far.send(b"x")
    poller.doRead()
    poller.soon(lambda: said.append("next"))
    assert len(reactor.getDelayedCalls()) == 1
    reactor.advance(0)
    assert said == ["next"]


def test_soon_from_soon(reactor: StillReactor, poller: Poller) -> None:
    said: list[str] = []
    poller.soon(lambda: poller.soon(lambda: said.append("inner")))
    reactor.advance(0)
    assert said == ["inner"]


def test_soon_without_end_lets_the_reactor_have_its_turn(reactor: StillReactor, poller: Poller) -> None:
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        if count <= ROUNDS * CALLS:
            poller.soon(again)

    def begin(reader: Reader) -> None:
        os.read(reader.fd, 100)
        poller.soon(again)

    Reader(poller, begin).far.send(b"x")
    poller.doRead()
    assert count == ROUNDS * CALLS
    assert len(reactor.getDelayedCalls()) == 1
    reactor.advance(0)
    assert count == ROUNDS * CALLS + 1


def test_traffic_is_served_between_many_calls(reactor: StillReactor, poller: Poller) -> None:
    """A batch of few events, then some of the calls, and so on: all of them in one turn of the reactor."""
    said: list[str] = []

    def read(reader: Reader) -> None:
        os.read(reader.fd, 100)
        said.append("ready")

    for _ in range(BETWEEN + 1):
        Reader(poller, read).far.send(b"x")
    for _ in range(2 * CALLS + 1):
        poller.soon(lambda: said.append("soon"))
    reactor.advance(0)
    assert said == [*["ready"] * BETWEEN, *["soon"] * CALLS, "ready", *["soon"] * (CALLS + 1)]
    assert reactor.getDelayedCalls() == []


def test_a_thousand_connections_are_closed_in_one_turn(reactor: StillReactor, poller: Poller) -> None:
    """Rule 80: each side of each is a call, and the reactor's other doings do not come in between."""
    closed: list[int] = []
    for side in range(2 * 1_000):
        poller.soon(partial(closed.append, side))
    poller.doRead()
    assert closed == list(range(2 * 1_000))
    reactor.advance(0)


def test_batches_are_whole_where_no_call_waits(reactor: StillReactor, poller: Poller) -> None:
    said: list[str] = []

    def read(reader: Reader) -> None:
        os.read(reader.fd, 100)
        said.append("ready")
        poller.soon(lambda: said.append("soon"))

    for _ in range(BETWEEN + 1):
        Reader(poller, read).far.send(b"x")
    poller.doRead()
    assert said == ["ready"] * (BETWEEN + 1) + ["soon"] * (BETWEEN + 1)


def test_error_in_soon_harms_no_other(
    reactor: StillReactor, poller: Poller, flush_logged_errors: Flush
) -> None:
    said: list[str] = []
    poller.soon(lambda: 1 // 0)
    poller.soon(lambda: said.append("after"))
    reactor.advance(0)
    assert said == ["after"]
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_close_all(reactor: StillReactor, poller: Poller) -> None:
    readers = [Reader(poller), Reader(poller)]
    poller.close_all()
    assert [reader.failures[0].type for reader in readers] == [ConnectionAborted] * 2
    assert reactor.readers == []


def test_stop_calls_what_was_due_soon(reactor: StillReactor) -> None:
    poller = Poller(reactor)
    said: list[str] = []

    def now() -> None:
        said.append("now")
        poller.soon(lambda: said.append("for that"))

    count = ROUNDS * CALLS + 1
    for _ in range(count):
        poller.soon(now)
    poller.stop()
    assert said == ["now"] * count + ["for that"] * count
    assert reactor.getDelayedCalls() == []


def test_stopped_from_within_a_batch(reactor: StillReactor) -> None:
    poller = Poller(reactor)
    reader = Reader(poller, lambda reader: poller.stop())
    reader.far.send(b"x")
    poller.doRead()
    assert [failure.type for failure in reader.failures] == [ConnectionAborted]
    assert reactor.readers == []


def test_end_of_the_reactor_is_the_end_of_all(reactor: StillReactor) -> None:
    poller = Poller(reactor)
    reader = Reader(poller)
    reactor.removeReader(poller)  # as a reactor does that shuts down, before it tells
    poller.connectionLost(Failure(ConnectionLost()))
    assert len(reader.failures) == 1
    assert reactor.readers == []


def test_goes_on_when_the_reactor_dropped_it_for_an_error(
    reactor: StillReactor, poller: Poller, flush_logged_errors: Flush
) -> None:
    reader = Reader(poller)
    reactor.removeReader(poller)
    poller.connectionLost(Failure(MemoryError()))
    reader.far.send(b"x")
    reactor.turn()
    assert reader.events == [READABLE]
    assert len(flush_logged_errors(MemoryError)) == 1
