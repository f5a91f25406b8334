"""The SSH transport: its time, its bounds, and what it does not allow."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_OPEN_FAILURE,
)
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import MSG_DISCONNECT, MSG_SERVICE_REQUEST
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lbtwist.console.channels import MAX_CHANNELS, Channels
from lbtwist.console.doorkeeper import ARRIVALS, FAILURES
from lbtwist.console.keys import Identity, RoleFiles
from lbtwist.console.login import LOGIN_GRACE, KeyLogin, Operator
from lbtwist.console.session import MAX_BACKLOG, WINDOW, SessionChannel
from lbtwist.console.ssh import CLOSING_TIME, MAX_UNKNOWN, ConsoleFactory, ConsoleTransport
from lbtwist.service.verbs.verb import Result, Role
from tests.console.fakes import FakeBalancer
from tests.console.recorder import make_desk

WEAK = (b"sha1", b"md5", b"cbc", b"3des", b"nistp", b"ssh-rsa", b"zlib", b"group14", b"group-exchange")


class Server:
    """A connection that has been accepted."""

    def __init__(self) -> None:
        desk = make_desk()
        assert isinstance(desk.reactor, Clock)
        self.clock = desk.reactor
        self.factory = ConsoleFactory(desk, Key(Ed25519PrivateKey.generate()), RoleFiles({}), 60.0, 4)
        self.ssh = self.another()
        self.wire = StringTransport()
        self.ssh.makeConnection(self.wire)

    def another(self) -> ConsoleTransport:
        """One more, before its transport is made."""
        made = self.factory.buildProtocol(None)
        assert made is not None
        return made

    def closed(self) -> None:
        self.ssh.connectionLost(Failure(ConnectionDone()))
        assert self.clock.getDelayedCalls() == []


def packet(kind: int, payload: bytes) -> bytes:
    """An SSH packet before the key exchange."""
    size = 1 + 1 + len(payload)
    padding = 8 - (4 + size) % 8 + 8
    return struct.pack(">LBB", size + padding, padding, kind) + payload + b"\0" * padding


def test_no_weak_algorithm_is_offered() -> None:
    offered = [
        *ConsoleTransport.supportedKeyExchanges,
        *ConsoleTransport.supportedCiphers,
        *ConsoleTransport.supportedMACs,
        *ConsoleTransport.supportedPublicKeys,
        *ConsoleTransport.supportedCompressions,
    ]
    assert [name for name in offered if any(weak in name for weak in WEAK)] == []
    assert ConsoleTransport.supportedKeyExchanges[-2:] == [
        b"curve25519-sha256",
        b"curve25519-sha256@libssh.org",
    ]


def test_who_does_not_log_in_in_time_is_closed_and_then_cut() -> None:
    server = Server()
    server.clock.advance(LOGIN_GRACE - 0.1)
    assert not server.wire.disconnecting
    server.clock.advance(0.2)
    assert b"no login in time" in server.wire.value()
    assert server.wire.disconnecting
    assert not server.wire.disconnected
    server.clock.advance(CLOSING_TIME)
    assert server.wire.disconnected
    server.closed()


def test_a_stranger_that_sends_something_now_and_then_has_no_more_time() -> None:
    server = Server()
    server.clock.advance(LOGIN_GRACE / 2)
    server.ssh.dataReceived(b"S")
    server.clock.advance(LOGIN_GRACE / 2 + 0.1)
    assert server.wire.disconnecting
    server.closed()


def test_the_oldest_of_too_many_strangers_goes() -> None:
    server = Server()
    later = []
    for _ in range(MAX_UNKNOWN):
        assert not server.wire.disconnected
        later.append(server.another())
        later[-1].makeConnection(StringTransport())
    assert server.wire.disconnected
    assert not any(each.transport.disconnected for each in later)
    for each in later:
        each.connectionLost(Failure(ConnectionDone()))
    server.closed()


def test_no_service_before_the_key_exchange() -> None:
    server = Server()
    server.ssh.dataReceived(b"SSH-2.0-x\r\n" + packet(MSG_SERVICE_REQUEST, NS(b"ssh-userauth")))
    assert server.ssh.service is None
    assert bytes([MSG_DISCONNECT]) + struct.pack(">L", 2) in server.wire.value()
    server.closed()


def test_a_malformed_packet_ends_the_connection_and_is_no_error() -> None:
    server = Server()
    server.ssh.dataReceived(b"SSH-2.0-x\r\n" + packet(20, b"short"))
    assert server.wire.disconnected
    server.ssh.dataReceived(packet(20, b"short"))
    server.closed()


def test_nothing_is_read_while_nothing_is_taken() -> None:
    server = Server()
    assert server.wire.producer is server.ssh
    server.ssh.pauseProducing()
    assert server.wire.producerState == "paused"
    server.ssh.resumeProducing()
    assert server.wire.producerState == "producing"
    server.ssh.close(b"")
    assert server.wire.producer is None
    server.closed()


def test_services_come_in_their_order() -> None:
    server = Server()
    assert server.factory.getService(server.ssh, b"ssh-connection") is None
    server.ssh.avatar = object()
    server.ssh.logoutFunction = lambda: None
    assert server.factory.getService(server.ssh, b"ssh-userauth") is None
    assert server.factory.getService(server.ssh, b"nonsense") is None
    assert server.factory.getService(server.ssh, b"ssh-connection") is Channels
    server.closed()


class FakeTransport:
    """What a connection sends to its client."""

    def __init__(self, operator: Operator) -> None:
        self.avatar = operator
        self.sent: list[tuple[int, bytes]] = []

    def sendPacket(self, kind: int, payload: bytes) -> None:
        self.sent.append((kind, payload))

    def logged_in(self) -> None:
        """Nothing here."""

    def resetTimeout(self) -> None:
        """Nothing here."""

    def kinds(self) -> list[int]:
        return [kind for kind, _ in self.sent]


class Connection:
    """The channels of someone who is logged in as operator."""

    def __init__(self) -> None:
        self.balancer = FakeBalancer()
        desk = make_desk(self.balancer)
        assert isinstance(desk.reactor, Clock)
        self.clock = desk.reactor
        self.transport = FakeTransport(Operator(desk, Identity(Role.OPERATE, b"", "me")))
        self.channels = Channels()
        self.channels.transport = self.transport
        self.channels.serviceStarted()

    def open(
        self, kind: bytes = b"session", window: int = 1 << 20, size: int = 32768
    ) -> SessionChannel | None:
        before = set(self.channels.channels)
        self.channels.ssh_CHANNEL_OPEN(NS(kind) + struct.pack(">3L", 7, window, size))
        opened = set(self.channels.channels) - before
        return self.channels.channels[opened.pop()] if opened else None

    def start(self, request: bytes, data: bytes = b"", **options: int) -> SessionChannel:
        channel = self.open(**options)  # type: ignore[arg-type]
        assert channel is not None
        assert channel.requestReceived(request, data)
        self.clock.advance(0)
        return channel

    def data(self, channel: SessionChannel, data: bytes) -> None:
        self.channels.ssh_CHANNEL_DATA(struct.pack(">L", channel.id or 0) + NS(data))


@pytest.mark.parametrize(
    ("kind", "size"), [(b"direct-tcpip", 32768), (b"x11", 32768), (b"session", 0), (b"session", 1 << 31)]
)
def test_only_sessions_are_opened_with_packets_of_a_sensible_size(kind: bytes, size: int) -> None:
    connection = Connection()
    assert connection.open(kind, size=size) is None
    assert connection.transport.kinds() == [MSG_CHANNEL_OPEN_FAILURE]


def test_the_number_of_channels_is_bounded() -> None:
    connection = Connection()
    for _ in range(MAX_CHANNELS):
        assert connection.open() is not None
    assert connection.open() is None
    assert connection.transport.kinds() == [MSG_CHANNEL_OPEN_CONFIRMATION] * MAX_CHANNELS + [
        MSG_CHANNEL_OPEN_FAILURE
    ]


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (b"pty-req", b"x"),
        (b"window-change", b""),
        (b"exec", b"\0"),
        (b"exec", NS(b"\xff")),
        (b"env", NS(b"LD_PRELOAD") + NS(b"x")),
        (b"subsystem", NS(b"sftp")),
        (b"\xff\xfe", b""),
        (b"x11-req", b""),
    ],
)
def test_a_request_that_is_malformed_or_not_known_fails(request_: bytes, data: bytes) -> None:
    channel = Connection().open()
    assert channel is not None
    assert not channel.requestReceived(request_, data)


def test_a_channel_has_one_face() -> None:
    connection = Connection()
    channel = connection.start(b"exec", NS(b"wait app/ecs01"))
    assert not channel.requestReceived(b"shell", b"")
    assert not channel.requestReceived(b"exec", NS(b"servers"))
    assert channel.busy
    assert connection.channels.busy
    connection.channels.serviceStopped()
    assert connection.balancer.given_up == 1


def test_a_request_is_answered_before_anything_else_is_sent() -> None:
    connection = Connection()
    channel = connection.open()
    assert channel is not None
    assert channel.requestReceived(b"exec", NS(b"servers"))
    assert connection.transport.kinds() == [MSG_CHANNEL_OPEN_CONFIRMATION]
    connection.clock.advance(0)
    assert connection.transport.kinds()[-1] == MSG_CHANNEL_CLOSE


def test_a_channel_that_closes_before_it_begins_leaves_no_timer() -> None:
    connection = Connection()
    channel = connection.open()
    assert channel is not None
    channel.requestReceived(b"shell", b"")
    connection.channels.serviceStopped()
    assert connection.clock.getDelayedCalls() == []


def test_input_before_the_request_is_kept_within_bounds() -> None:
    connection = Connection()
    channel = connection.open()
    assert channel is not None
    channel.dataReceived(b"servers\n")
    channel.eofReceived()
    channel.requestReceived(b"shell", b"")
    connection.clock.advance(0)
    assert [asked[1] for asked in connection.balancer.asked] == ["servers"]

    other = connection.open()
    assert other is not None
    other.dataReceived(b"x" * WINDOW)
    other.dataReceived(b"x")
    assert other.localClosed


def test_a_signal_stops_the_waiting() -> None:
    connection = Connection()
    channel = connection.start(b"exec", NS(b"wait app/ecs01"))
    channel.requestReceived(b"signal", NS(b"USR1"))
    assert connection.balancer.given_up == 0
    channel.requestReceived(b"signal", NS(b"INT"))
    assert connection.balancer.given_up == 1


def test_a_client_is_allowed_no_more_lines_while_one_runs() -> None:
    connection = Connection()
    channel = connection.start(b"shell")
    connection.data(channel, b"wait app/ecs01\nservers\n")
    sent = len(connection.transport.sent)
    for _ in range(2):
        connection.data(channel, b"servers\n" * 2500)
    assert len(connection.transport.sent) == sent
    assert channel.localWindowLeft < WINDOW // 2
    connection.balancer.waits[0].callback(Result("empty"))
    assert channel.localWindowLeft == WINDOW
    connection.channels.serviceStopped()


def test_a_client_that_does_not_read_is_cut_off() -> None:
    connection = Connection()
    channel = connection.start(b"shell", window=0)
    channel.send(b"x" * (MAX_BACKLOG + 1))
    assert not channel.localClosed
    channel.send(b"x")
    assert channel.localClosed
    assert len(channel.buf) == 0


def test_progress_is_left_out_while_a_client_does_not_read() -> None:
    connection = Connection()
    channel = connection.start(b"shell", window=4)
    connection.data(channel, b"servers\nremove app/ecs01 --wait\n")
    assert channel.clogged
    assert b"connections left" not in channel.buf + b"".join(data for _, data in channel.extBuf)
    connection.channels.serviceStopped()


def test_nothing_is_granted_by_a_global_request() -> None:
    operator: Any = Connection().transport.avatar
    for request in (b"tcpip-forward", b"\xff", b"keepalive@openssh.com"):
        assert operator.gotGlobalRequest(request, b"") == 0


def test_role_files_that_are_not_there_let_nobody_in(tmp_path: Path, flush_logged_errors: Any) -> None:
    assert RoleFiles({}).find(b"x") is None
    assert RoleFiles({Role.ADMIN: tmp_path / "none"}).find(b"x") is None
    flush_logged_errors()


def knock(server: Server, times: int) -> list[ConsoleTransport]:
    """Connections from one address; those that are let in."""
    address = IPv4Address("TCP", "192.0.2.1", 5)
    wires = [StringTransport(peerAddress=address) for _ in range(times)]
    made = [(server.factory.buildProtocol(address), wire) for wire in wires]
    let_in = [(each, wire) for each, wire in made if each is not None]
    for each, wire in let_in:
        each.makeConnection(wire)
    return [each for each, _ in let_in]


def leave(connections: list[ConsoleTransport]) -> None:
    for each in connections:
        each.connectionLost(Failure(ConnectionDone()))


def test_a_source_that_comes_too_often_is_closed_before_a_byte_is_sent() -> None:
    server = Server()
    connections = knock(server, ARRIVALS + 3)
    assert len(connections) == ARRIVALS
    leave(connections)
    server.closed()


def test_one_that_tried_keys_in_vain_counts_as_a_failed_login_and_others_do_not() -> None:
    server = Server()
    for tries in (0, 1):
        for _ in range(FAILURES):
            (connection,) = knock(server, 1)
            connection.setService(KeyLogin())
            connection.service.loginAttempts = tries
            leave([connection])
            server.clock.advance(0.2)
    assert knock(server, 1) == []
    server.closed()


def test_channels_are_finished_when_each_has_said_all_that_was_asked_for() -> None:
    connection = Connection()
    assert connection.channels.finished
    first = connection.start(b"exec", NS(b"wait app/ecs01"))
    connection.start(b"exec", NS(b"wait app/ecs01"))
    assert not connection.channels.finished
    connection.balancer.waits[0].callback(Result("done"))
    assert not connection.channels.finished
    connection.balancer.waits[1].callback(Result("done"))
    assert connection.channels.finished
    assert first.localClosed


def test_a_client_that_has_its_answer_and_does_not_leave_is_cut_after_a_moment() -> None:
    server = Server()
    server.ssh.service = Connection().channels
    closed = server.factory.close()
    server.clock.advance(CLOSING_TIME - 0.1)
    assert not server.wire.disconnected
    assert b"the console closes" not in server.wire.value()
    server.clock.advance(0.2)
    assert server.wire.disconnected
    assert not closed.called
    server.closed()
    assert closed.called
