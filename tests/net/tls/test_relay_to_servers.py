"""Relays whose servers are spoken to over TLS: as without, but for what TLS can't say."""

from __future__ import annotations

import pytest

from lbtwist.model.address import Address
from lbtwist.model.plane import CutBy, Scope
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.plane import DataPlane
from tests.certificates import DAY, Issued, authority
from tests.net.bench import WEB, Bench, closed, member
from tests.net.fakes import CAPACITY
from tests.net.recorder import HalfCloseable
from tests.net.tls.bench import SecureBench, below

BULK = bytes(range(256)) * (16 * 1024)
MOST = 8 * CAPACITY
"""More than this is never held for one who does not read; BULK is much more."""


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


@pytest.fixture
def bench(ours: Issued) -> SecureBench:
    bench = SecureBench(ours)
    bench.listen()
    bench.servers(1)
    return bench


def gone(bench: Bench) -> bool:
    """Nothing is left of any connection."""
    return (bench.tally().live, bench.timers) == (0, 0)


def test_bytes_go_both_ways_and_are_counted(bench: SecureBench) -> None:
    client, server = bench.connected()
    client.transport.write(b"question")
    server.transport.write(b"answer")
    bench.settle()
    assert (bytes(server.received), bytes(client.received)) == (b"question", b"answer")
    assert (bench.tally(1).received, bench.tally(1).sent) == (8, 6)


def test_a_client_that_waits_for_the_handshake_is_connecting(bench: SecureBench) -> None:
    bench.dialer.answer(Address("10.0.0.1", 80), HalfCloseable)
    bench.client()
    bench.settle()
    assert bench.view().activity == "connecting"
    bench.pass_time(5.2)
    assert bench.observer.heard == [(1, "timed out")]


def test_a_bad_certificate_is_a_failed_connect_and_the_next_server_is_tried(bench: SecureBench) -> None:
    """As for any server that can't be connected to: `retries` says how many others are tried."""
    bench.servers(1, 2, scheduler="rr")
    bench.serve(1, valid=(-2 * DAY, -DAY))
    for _ in range(2):
        client = bench.client()
        client.transport.write(b"?")
        bench.settle()
    assert [bytes(end.received) for end in bench.accepted[2]] == [b"?", b"?"]
    assert bench.observer.heard == [(1, "certificate has expired")] * 2
    assert bench.plane.figures().failures == {1: {"certificate has expired": 2}}
    assert [end.count for end in bench.accepted[1]] == [0, 0]


def test_rule_9_one_that_leaves_while_hands_are_shaken_gets_nobody(bench: SecureBench) -> None:
    bench.dialer.answer(Address("10.0.0.1", 80), HalfCloseable)
    client = bench.client()
    bench.settle()
    bench.servers(2)
    client.transport.write(b"?")
    bench.settle()
    assert bytes(bench.accepted[2][0].received) == b"?"
    assert all(wire.client.closed for wire in bench.dialer.wires[:1])


def test_the_end_of_a_client_is_close_notify_and_what_still_comes_is_delivered(bench: SecureBench) -> None:
    client, server = bench.connected()
    client.transport.write(b"question")
    server.transport.write(b"answer")
    client.transport.loseWriteConnection()
    bench.settle()
    assert (bytes(server.received), closed(server)) == (b"question", "fin")
    assert (bytes(client.received), closed(client)) == (b"answer", "fin")
    assert gone(bench)


def test_close_notify_of_a_server_ends_both_directions_when_all_is_delivered(bench: SecureBench) -> None:
    client, server = bench.connected()
    client.transport.pauseProducing()
    server.transport.write(BULK[: CAPACITY * 2])
    server.transport.loseConnection()
    bench.settle()
    assert closed(client) == ""
    client.transport.resumeProducing()
    bench.settle()
    assert (client.count, closed(client)) == (CAPACITY * 2, "fin")
    client.transport.loseConnection()
    bench.settle()
    assert gone(bench)


def test_an_end_without_close_notify_is_no_end_for_the_client(bench: SecureBench) -> None:
    client, server = bench.connected()
    server.transport.write(b"a part")
    below(server).loseConnection()
    bench.settle()
    assert (bytes(client.received), closed(client)) == (b"a part", "reset")


@pytest.mark.parametrize("slow", ["client", "server"])
def test_who_does_not_read_holds_the_other_back(slow: str, bench: SecureBench) -> None:
    client, server = bench.connected()
    sink, source = (client, server) if slow == "client" else (server, client)
    reading = sink.transport if slow == "client" else below(sink)
    reading.pauseProducing()
    sending = source.transport if slow == "server" else below(source)
    source.transport.write(BULK)
    bench.settle()
    assert len(sending.queue) > len(BULK) - MOST
    reading.resumeProducing()
    bench.settle()
    assert bytes(sink.received) == BULK


def test_rule_5_a_cut_is_an_orderly_end_for_both(bench: SecureBench) -> None:
    client, server = bench.connected()
    bench.plane.cut(Scope.registration(1), why=CutBy.DEADLINE)
    bench.settle()
    assert (closed(client), closed(server)) == ("fin", "fin")
    assert bench.tally(1).cut == 1
    assert gone(bench)


def test_rule_5_a_cut_resets_who_was_not_given_everything(bench: SecureBench) -> None:
    client, server = bench.connected()
    below(server).pauseProducing()
    client.transport.write(BULK)
    bench.settle()
    bench.plane.cut(Scope.registration(1), why=CutBy.DEADLINE)
    bench.settle()
    below(server).resumeProducing()
    bench.settle()
    assert closed(server) == "reset"
    bench.pass_time(0.3)
    assert gone(bench)


def test_a_server_that_is_gone_before_it_was_of_use_is_a_failed_connect(bench: SecureBench) -> None:
    bench.servers(1, 2, scheduler="rr")
    client, server = bench.connected()
    server.transport.loseConnection()
    bench.settle()
    client.transport.write(b"?")
    bench.settle()
    assert bytes(bench.accepted[2][0].received) == b"?"
    assert [number for number, _ in bench.observer.heard] == [1]


def test_other_settings_are_for_who_comes_then(ours: Issued, bench: SecureBench) -> None:
    client, server = bench.connected()
    bench.tls = ServerTLS(authorities=authority("other").pem)
    bench.rotate(member(1))
    client.transport.write(b"still here")
    other = bench.client()
    bench.settle()
    assert bytes(server.received) == b"still here"
    assert closed(other) == "fin"
    assert bench.observer.heard == [(1, "certificate is not trusted: issued by nobody known")]
    assert isinstance(bench.plane, DataPlane)
    assert bench.plane.tally(Scope.listener(WEB)).live == 1
