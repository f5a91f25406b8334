"""The last bytes of a direction and its end: what came together goes on together."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from twisted.internet.error import ConnectionLost

from lbtwist.model.address import Address
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Member, Rotation
from lbtwist.net.direct import DirectDialer
from lbtwist.net.plane import DataPlane
from lbtwist.net.poller import Poller
from lbtwist.net.port import open_port
from lbtwist.net.sending import SendingSide
from lbtwist.net.sweep import Sweep
from lbtwist.net.transport import SMALL_READ
from tests.net.bench import make_scheduler
from tests.net.fakes import StillReactor
from tests.net.recorder import HalfCloseable
from tests.net.test_transport import Bench, bench, receive_all, reset

__all__ = ["bench"]


class Taker(HalfCloseable):
    """Takes the last bytes and the end at once."""

    def lastReceived(self, data: bytes) -> None:
        self.dataReceived(data)
        self._hear("last")


def has_come(peer: socket.socket) -> bool:
    """Something has reached `peer`."""
    return bool(select.select([peer], [], [], 0)[0])


def test_the_last_and_the_end_are_told_at_once(bench: Bench) -> None:
    protocol, _, far = bench.connect(Taker())
    far.send(b"goodbye")
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.received == b"goodbye"
    assert protocol.events == ["made", "last"]
    assert bench.quiet


def test_an_end_alone_is_told_as_ever(bench: Bench) -> None:
    protocol, _, far = bench.connect(Taker())
    far.send(b"goodbye")
    bench.turn()
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.events == ["made", "read lost"]


def test_what_is_behind_an_urgent_mark_comes_before_the_end(bench: Bench) -> None:
    """A read stops at the mark, and so it was not the last. tcp(7)."""
    protocol, _, far = bench.connect(Taker())
    far.send(b"before")
    far.send(b"!", socket.MSG_OOB)
    far.send(b"behind")
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.received == b"beforebehind"
    assert protocol.events == ["made", "read lost"]


def test_much_is_not_taken_at_once(bench: Bench) -> None:
    """It would be copied, for one segment of many."""
    protocol, _, far = bench.connect(Taker())
    far.sendall(bytes(SMALL_READ))
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.count == SMALL_READ
    assert protocol.events == ["made", "read lost"]


def test_a_reset_behind_the_last_is_no_end(bench: Bench) -> None:
    protocol, _, far = bench.connect(Taker())
    far.send(b"goodbye")
    reset(far)
    bench.turn()
    assert protocol.received == b"goodbye"
    assert protocol.events == ["made", "lost"]
    assert protocol.reason.type is ConnectionLost


def test_the_last_waits_for_the_end(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.write_last(b"goodbye")
    assert not has_come(far)
    transport.loseWriteConnection()
    bench.turn()
    assert receive_all(far) == b"goodbye"
    assert protocol.events == ["made", "write lost"]


def test_the_last_waits_for_a_close(bench: Bench) -> None:
    _, transport, far = bench.connect()
    transport.write_last(b"goodbye")
    transport.loseConnection()
    bench.turn()
    assert receive_all(far) == b"goodbye"


def test_the_last_is_behind_what_is_queued(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    written = bench.fill(transport)
    transport.write_last(b"goodbye")
    transport.loseWriteConnection()
    received = receive_all(far, bench)
    assert len(received) == written + len(b"goodbye")
    assert received.endswith(b"goodbye")
    assert protocol.events[-1] == "write lost"


def test_a_last_that_is_not_taken_at_once_is_queued(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    last = bytes(2**24) + b"goodbye"
    transport.write_last(last)
    assert 0 < transport.queued < len(last)
    transport.loseWriteConnection()
    assert receive_all(far, bench) == last
    assert protocol.events[-1] == "write lost"


def test_a_last_to_a_connection_that_is_lost(bench: Bench) -> None:
    protocol, transport, far = bench.connect(HalfCloseable(made=lambda end: end.transport.pauseProducing()))
    reset(far)
    transport.write_last(b"goodbye")
    bench.turn()
    assert protocol.reason.type is ConnectionLost


class Balancer:
    """A data plane with one listener and one server, on a poller that the test turns."""

    def __init__(self) -> None:
        self.reactor: Any = StillReactor()
        self.poller = Poller(self.reactor)
        self.listening = socket.create_server(("127.0.0.1", 0))
        sweep = Sweep(self.reactor)
        self.plane = DataPlane(
            self.reactor,
            DirectDialer(self.poller, sweep),
            sweep,
            lambda endpoint: open_port(endpoint, self.poller, self.reactor),
            make_scheduler,
        )
        address = Address(*self.listening.getsockname())
        self.plane.rotate("app", Rotation((Member(1, "app/a#1", address, 1),)))
        self.plane.bind(1, parse_endpoint("127.0.0.1:0"))
        self.plane.serve(ListenerPolicy(1, "web", "app"))

    def conversation(self) -> tuple[socket.socket, socket.socket]:
        host, port = self.plane.address(1).split(":")
        client = socket.create_connection((host, int(port)), 5)
        self.reactor.turn()
        server, _ = self.listening.accept()
        server.settimeout(5)
        self.reactor.turn()
        return client, server

    def close(self) -> None:
        self.poller.stop()
        self.listening.close()


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    balancer = Balancer()
    yield balancer
    balancer.close()


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_relay_passes_them_on_together_and_counts_them(balancer: Balancer, sender: str) -> None:
    """Rule 2: the other direction goes on."""
    client, server = balancer.conversation()
    first, second = (client, server) if sender == "client" else (server, client)
    with patch.object(SendingSide, "write_last", autospec=True, side_effect=SendingSide.write_last) as spy:
        first.send(b"goodbye")
        first.shutdown(socket.SHUT_WR)
        balancer.reactor.turn()
    assert [call.args[1] for call in spy.mock_calls] == [b"goodbye"]
    assert receive_all(second) == b"goodbye"
    (view,) = balancer.plane.connections(EVERYTHING)
    assert view.activity == "half-closed"
    second.send(b"and you")
    second.close()
    balancer.reactor.turn()
    assert receive_all(first) == b"and you"
    first.close()
    tally = balancer.plane.tally(EVERYTHING)
    assert (tally.live, tally.cut, tally.failed) == (0, 0, 0)
    assert {tally.received, tally.sent} == {7}


def test_a_server_that_answers_and_is_gone_was_of_use(balancer: Balancer) -> None:
    """It has passed bytes: no failed connect, and no other server is tried."""
    client, server = balancer.conversation()
    server.send(b"busy")
    server.close()
    balancer.reactor.turn()
    assert receive_all(client) == b"busy"
    client.close()
    balancer.reactor.turn()
    assert balancer.plane.tally(EVERYTHING).failed == 0
    assert balancer.plane.tally(EVERYTHING).live == 0
