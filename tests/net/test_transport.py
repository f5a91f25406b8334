"""What SocketTransport does beyond the contract of all transports: one turn at a time, on real sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPullProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.poller import READABLE, Poller
from lbtwist.net.sockaddr import DISCARD, MAX_DISCARD
from lbtwist.net.transport import LARGE_READ, MEDIUM_READ, SMALL_READ, SocketTransport
from tests.net.fakes import StillReactor
from tests.net.recorder import HalfCloseable, Recorder

Flush = Callable[..., list[Failure]]
RESET = struct.pack("ii", 1, 0)


def tcp_pair(host: str = "127.0.0.1") -> tuple[socket.socket, socket.socket]:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as port:
        far = socket.create_connection(port.getsockname()[:2])
        near, _ = port.accept()
    return near, far


class Bench:
    """Transports on a poller that the test turns, each with a plain blocking socket as its peer."""

    def __init__(self) -> None:
        self.reactor = StillReactor()
        self.poller = Poller(self.reactor)
        self.peers: list[socket.socket] = []

    def transport(self, pair: tuple[socket.socket, socket.socket]) -> tuple[SocketTransport, socket.socket]:
        near, far = pair
        near.setblocking(False)
        far.settimeout(5)
        self.peers.append(far)
        return SocketTransport(self.poller, near.detach()), far

    def connect(
        self, protocol: Recorder | None = None, unix: bool = False
    ) -> tuple[Any, SocketTransport, socket.socket]:
        transport, far = self.transport(socket.socketpair() if unix else tcp_pair())
        protocol = protocol or HalfCloseable()
        transport.start(protocol)
        return protocol, transport, far

    def turn(self) -> None:
        self.reactor.turn()

    @property
    def quiet(self) -> bool:
        """Nothing is reported any more: a reactor would sleep."""
        return self.reactor.ready() == [] and self.reactor.getDelayedCalls() == []

    def fill(self, transport: SocketTransport) -> int:
        """Write until something is queued; how much was written."""
        written = 0
        while transport._queue is None:
            transport.write(bytes(64 * 1024))
            written += 64 * 1024
        return written

    def close(self) -> None:
        self.poller.stop()
        for peer in self.peers:
            peer.close()
        assert self.reactor.readers == []
        assert self.reactor.getDelayedCalls() == []


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


def receive_all(peer: socket.socket, bench: Bench | None = None) -> bytes:
    data = b""
    while piece := peer.recv(2**20):
        data += piece
        if bench is not None:
            bench.turn()
    return data


def paused(protocol: Recorder) -> None:
    protocol.transport.pauseProducing()


def test_paused_when_made_it_is_not_registered(bench: Bench) -> None:
    _, transport, far = bench.connect(HalfCloseable(made=paused))
    assert bench.poller.registered == 0
    transport.write(b"and writes all the same")
    assert far.recv(100) == b"and writes all the same"
    assert bench.poller.registered == 0
    transport.loseConnection()
    bench.turn()
    assert far.recv(1) == b""


def test_a_write_does_not_wait_for_a_turn(bench: Bench) -> None:
    _, transport, far = bench.connect()
    transport.write(b"now")
    assert far.recv(100) == b"now"


def test_reset_while_paused_is_told(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.pauseProducing()
    far.send(b"never read")
    reset(far)
    bench.turn()
    assert protocol.reason.type is ConnectionLost
    assert protocol.count == 0


def test_failed_write_while_paused_from_the_start_is_told(bench: Bench) -> None:
    """It is in no epoll: nothing but the write can tell."""
    protocol, transport, far = bench.connect(HalfCloseable(made=paused))
    reset(far)
    with protocol.inside():
        transport.write(b"lost")
        transport.write(b"ignored")
        transport.loseWriteConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionLost
    assert "write lost" not in protocol.events


def test_nothing_is_tried_after_a_failed_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, transport, far = bench.connect()
    reset(far)
    transport.write(b"lost")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: pytest.fail("tried"))
        transport.write(b"ignored")
    bench.turn()


def test_half_close_of_a_lost_connection_is_its_end(bench: Bench) -> None:
    protocol, transport, far = bench.connect(HalfCloseable(made=paused))
    reset(far)
    transport.loseWriteConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionLost
    assert "write lost" not in protocol.events


def test_data_before_a_reset_is_received_first(bench: Bench) -> None:
    protocol, _, far = bench.connect()
    far.send(b"last words")
    reset(far)
    bench.turn()
    assert bytes(protocol.received) == b"last words"
    assert protocol.reason.type is ConnectionLost


def test_data_before_a_failed_write_is_received_first(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    far.send(b"413 ")
    far.send(b"Content Too Large")
    reset(far)
    with protocol.inside():
        transport.write(b"more of the body")
    bench.reactor.advance(0)
    assert bytes(protocol.received) == b"413 Content Too Large"
    assert protocol.reason.type is ConnectionLost


def test_reset_that_a_write_finds_in_the_event_of_a_read_is_no_end_of_input(bench: Bench) -> None:
    """The write takes the error from the socket, and a read would find its end then."""
    protocol, transport, far = bench.connect()
    bench.fill(transport)
    reset(far)
    bench.turn()
    assert protocol.events == ["made", "lost"]
    assert protocol.reason.type is ConnectionLost


def test_reset_that_a_write_finds_before_the_event_of_a_read_is_no_end_of_input(bench: Bench) -> None:
    """What another connection received in the same batch was written here."""
    sender, _, sending = bench.connect()
    protocol, transport, far = bench.connect()
    sender.on_data = transport.write
    sending.send(b"passed on")
    reset(far)
    bench.turn()
    assert protocol.events == ["made", "lost"]
    assert protocol.reason.type is ConnectionLost


def test_pause_is_obeyed_after_a_failed_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lbtwist.net.transport.LARGE_READ", 10)
    protocol, transport, far = bench.connect()
    far.send(b"x" * 11)
    reset(far)
    protocol.on_data = lambda data: transport.pauseProducing()
    transport.write(b"lost")
    bench.reactor.advance(0)
    assert protocol.count == 10
    assert protocol.reason.type is ConnectionLost


def test_error_in_data_before_a_failed_write_ends_it(bench: Bench, flush_logged_errors: Flush) -> None:
    protocol, transport, far = bench.connect()
    protocol.on_data = lambda data: 1 // 0
    far.send(b"x")
    reset(far)
    transport.write(b"lost")
    bench.reactor.advance(0)
    assert protocol.reason.type is ZeroDivisionError
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


@pytest.mark.parametrize("unix", [False, True])
def test_both_directions_shut_while_paused_does_not_spin(bench: Bench, unix: bool) -> None:
    protocol, transport, far = bench.connect(unix=unix)
    transport.pauseProducing()
    transport.loseWriteConnection()
    far.send(b"unread")
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    bench.turn()
    assert bench.quiet
    transport.resumeProducing()
    bench.turn()
    assert bytes(protocol.received) == b"unread"
    assert protocol.events == ["made", "write lost", "read lost"]
    bench.turn()
    assert bench.quiet
    transport.loseConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionDone


def test_closed_by_a_unix_peer_while_paused_does_not_spin(bench: Bench) -> None:
    """To close a Unix socket is to shut both directions of its peer, who was told nothing yet."""
    protocol, transport, far = bench.connect(unix=True)
    transport.pauseProducing()
    far.send(b"unread")
    far.close()
    bench.turn()
    assert bench.quiet
    assert protocol.reason is None
    transport.resumeProducing()
    bench.turn()
    assert bytes(protocol.received) == b"unread"
    assert "read lost" in protocol.events
    assert bench.quiet
    transport.loseConnection()
    bench.turn()


def test_end_of_input_does_not_spin(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.events == ["made", "read lost"]
    assert bench.quiet
    transport.write(b"still open")
    assert far.recv(100) == b"still open"
    transport.resumeProducing()
    assert bench.quiet


def test_the_end_that_came_with_the_last_data_is_heard_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are one event: to wait for the next would be one more for each connection."""
    monkeypatch.setattr("lbtwist.net.poller.ROUNDS", 1)
    protocol, _, far = bench.connect()
    far.send(b"goodbye")
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.received == b"goodbye"
    assert protocol.events == ["made", "read lost"]


def test_pause_in_the_last_data_holds_its_end_back(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    protocol.on_data = lambda data: transport.pauseProducing()
    far.send(b"goodbye")
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.events == ["made"]
    assert bench.quiet
    transport.resumeProducing()
    bench.turn()
    assert protocol.events == ["made", "read lost"]


def test_reset_after_the_end_of_input_is_told(bench: Bench) -> None:
    protocol, _, far = bench.connect()
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    reset(far)
    bench.turn()
    assert protocol.events == ["made", "read lost", "lost"]
    assert protocol.reason.type is ConnectionLost


def test_closed_within_the_batch_of_its_end_it_never_leaves_the_epoll_by_hand(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system call that is spared for most relayed connections: both ends come in the same batch."""
    first, transport, far = bench.connect()
    second, other_transport, other_far = bench.connect()

    def close_both() -> None:
        transport.loseConnection()
        other_transport.loseConnection()

    monkeypatch.setattr(bench.poller, "modify", lambda fd, mask: pytest.fail("was modified"))
    second.readConnectionLost = close_both
    far.close()
    other_far.close()
    bench.turn()
    assert first.events == ["made", "read lost", "lost"]
    assert second.events == ["made", "lost"]


def test_an_event_that_is_over_is_no_error(bench: Bench) -> None:
    protocol, transport, _ = bench.connect()
    transport.ready(READABLE)
    bench.turn()
    assert protocol.events == ["made"]


def test_lose_connection_with_unread_input_is_no_reset(bench: Bench) -> None:
    """RFC 2525, 2.17: close(2) would send RST, and the peer might lose what it was sent."""
    protocol, transport, far = bench.connect()
    far.send(b"u" * 100_000)
    transport.write(b"the answer")
    transport.loseConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionDone
    assert receive_all(far) == b"the answer"


def test_lose_connection_with_more_unread_input_than_is_dropped(bench: Bench) -> None:
    """The FIN goes first: the peer that has it sees no reset any more."""
    _, transport, far = bench.connect()
    far.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += far.send(bytes(2**20))
    assert sent > 2 * MAX_DISCARD
    transport.write(b"the answer")
    transport.loseConnection()
    bench.turn()
    assert receive_all(far) == b"the answer"


def test_lose_connection_reads_no_more_than_its_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, transport, _ = bench.connect()
    read: list[int] = []

    def endless(fd: int, count: int) -> bytes:
        read.append(count)
        return bytes(count)

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", endless)
        transport.loseConnection()
        bench.turn()
    assert MAX_DISCARD <= sum(read) <= MAX_DISCARD + DISCARD


def test_nothing_is_read_while_the_rest_is_sent(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    bench.fill(transport)
    transport.loseConnection()
    far.send(b"too late")
    transport.resumeProducing()
    bench.turn()
    assert protocol.events == ["made"]
    assert protocol.count == 0


def test_abort_is_a_reset(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.abortConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionAborted
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_abort_within_data_received(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    protocol.on_data = lambda data: transport.abortConnection()
    far.send(b"1")
    bench.turn()
    assert protocol.events == ["made", "lost"]


def test_abort_after_all_was_sent_and_before_it_is_told(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.loseConnection()
    transport.abortConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionAborted
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_abort_right_after_a_half_close(bench: Bench) -> None:
    protocol, transport, _ = bench.connect()
    transport.loseWriteConnection()
    transport.abortConnection()
    bench.turn()
    assert protocol.events == ["made", "lost"]


def test_half_close_twice_is_told_once(bench: Bench) -> None:
    protocol, transport, _ = bench.connect()
    transport.loseWriteConnection()
    transport.loseWriteConnection()
    bench.turn()
    transport.loseWriteConnection()
    bench.turn()
    assert protocol.events == ["made", "write lost"]


def test_producer_is_paused_at_the_first_queued_byte(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.registerProducer(protocol, True)
    while "paused" not in protocol.events:
        assert transport._queue is None
        transport.write(bytes(64 * 1024))
    assert transport._queue is not None
    assert len(transport._queue) <= 64 * 1024
    far.setblocking(False)
    while "resumed" not in protocol.events:
        far.recv(2**20)
        bench.turn()
    assert transport._queue is None
    transport.unregisterProducer()


def test_producer_that_comes_late_is_paused_at_once(bench: Bench) -> None:
    protocol, transport, _ = bench.connect()
    bench.fill(transport)
    transport.registerProducer(protocol, True)
    assert protocol.events == ["made", "paused"]


def test_push_producer_does_not_hold_up_a_close(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.registerProducer(protocol, True)
    written = bench.fill(transport)
    transport.loseConnection()
    assert len(receive_all(far, bench)) == written
    assert protocol.events == ["made", "paused", "stopped", "lost"]


def test_push_producer_is_not_left_paused_by_a_half_close(bench: Bench) -> None:
    protocol, transport, far = bench.connect()
    transport.registerProducer(protocol, True)
    written = bench.fill(transport)
    transport.loseWriteConnection()
    assert len(receive_all(far, bench)) == written
    assert protocol.events == ["made", "paused", "resumed", "write lost"]


@implementer(IPullProducer)
class Pull:
    """A pull producer that counts how often it was asked."""

    asked = 0

    def resumeProducing(self) -> None:
        self.asked += 1

    def stopProducing(self) -> None:
        pass


@pytest.mark.parametrize("close", ["loseConnection", "loseWriteConnection"])
def test_pull_producer_holds_up_a_close(bench: Bench, close: str) -> None:
    _, transport, far = bench.connect()
    producer = Pull()
    transport.registerProducer(producer, False)
    assert producer.asked == 1
    getattr(transport, close)()
    transport.write(b"the rest")
    bench.turn()
    assert producer.asked == 2
    assert far.recv(100) == b"the rest"
    transport.unregisterProducer()
    bench.turn()
    assert far.recv(100) == b""


def test_pull_producer_that_has_nothing_now_does_not_spin(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    transport.registerProducer(Pull(), False)
    bench.turn()
    assert bench.quiet


def test_pull_producer_that_writes_nothing_does_not_spin(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    producer = Pull()
    producer.resumeProducing = lambda: transport.write(b"")  # type: ignore[method-assign]
    transport.registerProducer(producer, False)
    bench.turn()
    assert bench.quiet


def test_error_in_stop_producing_does_not_hide_the_end(bench: Bench, flush_logged_errors: Flush) -> None:
    protocol, transport, _ = bench.connect()
    producer = Pull()
    producer.stopProducing = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    transport.registerProducer(producer, False)
    transport.abortConnection()
    bench.turn()
    assert protocol.reason.type is ConnectionAborted
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_write_after_lose_connection_is_ignored(bench: Bench) -> None:
    _, transport, far = bench.connect()
    written = bench.fill(transport)
    transport.loseConnection()
    transport.write(b"late")
    assert len(receive_all(far, bench)) == written


def test_nothing_is_no_write(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    transport.write(b"")
    bench.fill(transport)
    queued = len(transport._queue or b"")
    transport.write(b"")
    assert len(transport._queue or b"") == queued


def test_only_bytes_can_be_written(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    with pytest.raises(TypeError):
        transport.write("text")  # type: ignore[arg-type]


def test_large_reads_for_bulk_and_small_ones_again_after(bench: Bench) -> None:
    protocol, _, far = bench.connect(unix=True)
    sizes: list[int] = []
    protocol.on_data = lambda data: sizes.append(len(data))
    bulk = MEDIUM_READ * 3 // 2

    def read_of(*sent: int) -> list[int]:
        sizes.clear()
        for count in sent:
            far.sendall(bytes(count))
            bench.turn()
        return sizes

    assert read_of(bulk) == [SMALL_READ, MEDIUM_READ, bulk - SMALL_READ - MEDIUM_READ]
    read_of(*[MEDIUM_READ] * 4)
    assert read_of(bulk) == [bulk]
    read_of(*[SMALL_READ] * 4)
    assert read_of(bulk) == [MEDIUM_READ, bulk - MEDIUM_READ]


def test_a_body_of_64_kib_comes_with_its_head_where_such_have_come(bench: Bench) -> None:
    protocol, _, far = bench.connect(unix=True)
    sizes: list[int] = []
    protocol.on_data = lambda data: sizes.append(len(data))
    whole = 64 * 1024 + 200
    for _ in range(2):
        for count in (whole, 150, 150, 150):
            far.sendall(bytes(count))
            bench.turn()
    assert sizes == [SMALL_READ, whole - SMALL_READ, 150, 150, 150, whole, 150, 150, 150]


def test_small_reads_take_little_from_malloc_and_so_do_those_after_large_ones(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place of 80 KiB for each message was split by what was kept, and memory grew under mixed load."""
    asked: list[int] = []
    read = os.read

    def noted(fd: int, size: int) -> bytes:
        asked.append(size)
        return read(fd, size)

    monkeypatch.setattr(os, "read", noted)
    _, _, far = bench.connect(unix=True)
    for count in [100, LARGE_READ // 2, *[100] * 5]:
        far.sendall(bytes(count))
        bench.turn()
    assert asked[0] == SMALL_READ
    assert max(asked) == MEDIUM_READ
    assert asked[-1] == SMALL_READ


def test_error_in_a_protocol_ends_its_connection_and_no_other(
    bench: Bench, flush_logged_errors: Flush
) -> None:
    broken, _, far_of_broken = bench.connect()
    sound, _, far_of_sound = bench.connect()
    broken.on_data = lambda data: 1 // 0
    far_of_broken.send(b"x")
    far_of_sound.send(b"y")
    bench.turn()
    assert broken.reason.type is ZeroDivisionError
    assert bytes(sound.received) == b"y"
    assert sound.reason is None
    with pytest.raises(ConnectionResetError):
        far_of_broken.recv(1)
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_error_when_made_ends_the_connection(bench: Bench, flush_logged_errors: Flush) -> None:
    protocol, _, _ = bench.connect(HalfCloseable(made=lambda protocol: 1 // 0))
    bench.turn()
    assert protocol.reason.type is ZeroDivisionError
    assert bench.poller.registered == 0
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


@pytest.mark.parametrize("event", ["readConnectionLost", "writeConnectionLost"])
def test_error_at_a_half_close_ends_the_connection(
    bench: Bench, flush_logged_errors: Flush, event: str
) -> None:
    protocol, transport, far = bench.connect()
    setattr(protocol, event, lambda: 1 // 0)
    transport.loseWriteConnection()
    far.shutdown(socket.SHUT_WR)
    bench.turn()
    assert protocol.reason.type is ZeroDivisionError
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_no_room_in_the_epoll_ends_the_connection(
    bench: Bench, flush_logged_errors: Flush, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(bench.poller, "register", full)
        protocol, _, _ = bench.connect()
    bench.turn()
    assert protocol.reason.type is OSError
    assert len(flush_logged_errors(OSError)) == 1


def test_transport_and_protocol_do_not_keep_each_other(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    transport.abortConnection()
    bench.turn()
    assert not hasattr(transport, "protocol")
    assert not transport.connected


def test_is_small(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    assert not hasattr(transport, "__dict__")
    assert transport.__sizeof__() < 256


@pytest.mark.parametrize(("host", "kind"), [("127.0.0.1", IPv4Address), ("::1", IPv6Address)])
def test_addresses(bench: Bench, host: str, kind: type) -> None:
    try:
        pair = tcp_pair(host)
    except OSError:
        pytest.skip("no IPv6 here")
    transport, far = bench.transport(pair)
    transport.start(Recorder())
    assert isinstance(transport.getPeer(), kind)
    assert (transport.getHost().host, transport.getHost().port) == far.getpeername()[:2]
    assert (transport.getPeer().host, transport.getPeer().port) == far.getsockname()[:2]
    transport.abortConnection()
    bench.turn()
    assert (transport.getPeer().host, transport.getPeer().port) == far.getsockname()[:2]


def test_address_that_was_not_asked_for_in_time(bench: Bench) -> None:
    _, transport, _ = bench.connect()
    transport.abortConnection()
    bench.turn()
    for late in (transport.getHost, transport.getPeer, transport.getTcpNoDelay):
        with pytest.raises(OSError, match="Bad file descriptor"):
            late()
