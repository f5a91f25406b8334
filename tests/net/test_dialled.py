"""A connection that was dialled is registered for once: nothing that comes on it may be missed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost

from lbtwist.model.address import Address
from lbtwist.net.direct import DirectDialer
from lbtwist.net.poller import Poller
from lbtwist.net.sweep import Sweep
from lbtwist.net.transport import SMALL_READ
from tests.net.fakes import StillReactor
from tests.net.recorder import HalfCloseable
from tests.net.test_transport import RESET


class CountingPoller(Poller):
    """Notes each change of a registration: a system call."""

    def __init__(self, reactor: StillReactor) -> None:
        super().__init__(reactor)
        self.changes: list[int] = []

    def modify(self, fd: int, mask: int) -> None:
        self.changes.append(mask)
        super().modify(fd, mask)


class Dialled:
    """One connection to a plain socket, on a poller that the test turns."""

    def __init__(self) -> None:
        self.reactor = StillReactor()
        self.poller = CountingPoller(self.reactor)
        self.protocol: Any = HalfCloseable()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            dialer = DirectDialer(self.poller, Sweep(self.reactor))
            address = Address(*listening.getsockname())
            dialer.dial(address, lambda: self.protocol, 10.0, self.failed)
            self.far, _ = listening.accept()
        self.far.settimeout(5)

    def failed(self, failure: object) -> None:
        raise AssertionError(failure)

    def turn(self) -> None:
        self.reactor.turn()

    @property
    def quiet(self) -> bool:
        return self.reactor.ready() == []

    def close(self) -> None:
        self.poller.stop()
        self.far.close()


@pytest.fixture
def dialled() -> Iterator[Dialled]:
    dialled = Dialled()
    yield dialled
    dialled.close()


def test_one_that_answers_and_ends_is_registered_once(dialled: Dialled) -> None:
    dialled.turn()
    dialled.far.send(b"answer")
    dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert dialled.protocol.received == b"answer"
    assert dialled.protocol.events == ["made", "read lost"]
    assert dialled.quiet
    dialled.protocol.transport.loseConnection()
    dialled.turn()
    assert dialled.protocol.events[-1] == "lost"
    assert dialled.poller.changes == []


@pytest.mark.parametrize("ends", [False, True])
def test_who_speaks_first_is_heard(dialled: Dialled, ends: bool) -> None:
    """It comes in the one event that tells of the connection."""
    dialled.far.send(b"220 ready")
    if ends:
        dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert dialled.protocol.received == b"220 ready"
    assert dialled.protocol.events == ["made", "read lost"][: 1 + ends]


@pytest.mark.parametrize("ends", [False, True])
def test_more_than_is_read_at_once(dialled: Dialled, ends: bool) -> None:
    dialled.turn()
    dialled.far.sendall(bytes(5 * SMALL_READ))
    if ends:
        dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert dialled.protocol.count == 5 * SMALL_READ
    assert dialled.protocol.events == ["made", "read lost"][: 1 + ends]


@pytest.mark.parametrize("ends", [False, True])
def test_urgent_data_hides_nothing_behind_it(dialled: Dialled, ends: bool) -> None:
    """A read stops at the urgent mark, whatever has come after it. tcp(7)."""
    dialled.turn()
    for data, flags in (
        (b"before", 0),
        (b"!", socket.MSG_OOB),
        (b"behind", 0),
        (b"!", socket.MSG_OOB),
        (b"it", 0),
    ):
        dialled.far.send(data, flags)
    if ends:
        dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert bytes(dialled.protocol.received).replace(b"!", b"") == b"beforebehindit"
    assert dialled.protocol.events == ["made", "read lost"][: 1 + ends]


def test_paused_in_the_first_that_comes_it_is_silent_until_resumed(dialled: Dialled) -> None:
    dialled.turn()
    dialled.protocol.on_data = lambda data: dialled.protocol.transport.pauseProducing()
    dialled.far.sendall(bytes(2 * SMALL_READ))
    dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert dialled.protocol.count == SMALL_READ
    assert dialled.quiet
    dialled.protocol.on_data = None
    dialled.protocol.transport.resumeProducing()
    dialled.turn()
    assert dialled.protocol.count == 2 * SMALL_READ
    assert dialled.protocol.events == ["made", "read lost"]


def test_what_came_while_it_was_paused_is_received_then(dialled: Dialled) -> None:
    dialled.turn()
    dialled.protocol.transport.pauseProducing()
    dialled.far.send(b"early")
    dialled.turn()
    assert dialled.protocol.count == 0
    dialled.protocol.transport.resumeProducing()
    dialled.turn()
    assert dialled.protocol.received == b"early"


def test_reset_after_its_end_is_told(dialled: Dialled) -> None:
    dialled.turn()
    dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    assert dialled.protocol.events == ["made", "read lost"]
    dialled.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    dialled.far.close()
    dialled.turn()
    assert dialled.protocol.reason.type is ConnectionLost


def test_it_takes_what_is_queued_after_its_end(dialled: Dialled) -> None:
    dialled.turn()
    dialled.far.shutdown(socket.SHUT_WR)
    dialled.turn()
    dialled.protocol.transport.write(bytes(2**24))
    dialled.protocol.transport.loseWriteConnection()
    taken = 0
    while piece := dialled.far.recv(2**20):
        taken += len(piece)
        dialled.turn()
    assert taken == 2**24
    dialled.turn()
    assert dialled.protocol.events == ["made", "read lost", "write lost"]
    dialled.protocol.transport.loseConnection()
    dialled.turn()
