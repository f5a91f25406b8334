"""Whom a listener admits, and what it knows of them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from lbtwist.net.factory import RelayFactory
from tests.net.bench import WEB, Bench, closed


def bench_with(**policy: Any) -> Bench:
    bench = Bench()
    bench.servers(1)
    bench.listen(**policy)
    return bench


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (IPv4Address("TCP", "192.0.2.7", 5), "192.0.2.7"),
        (IPv6Address("TCP", "2001:db8::7", 5), "2001:db8::7"),
        (UNIXAddress(None), ""),
        (None, ""),
    ],
)
def test_a_client_is_known_by_its_address(address: IAddress | None, host: str) -> None:
    factory = RelayFactory(bench_with().plane._frontends[WEB])
    end = cast(Any, factory.buildProtocol(address))
    assert (end.relay.client_host, end.relay.peer, end.relay.id) == (host, address, 1)


def test_as_many_are_admitted_as_may_be() -> None:
    bench = bench_with(max_connections=2)
    first, second = bench.client(), bench.client()
    third = bench.client()
    bench.settle()
    assert [closed(client) for client in (first, second, third)] == ["", "", "fin"]
    assert len(bench.accepted[1]) == 2
    tally = bench.tally()
    assert (tally.live, tally.total, tally.failed) == (2, 2, 1)


def test_one_that_is_dispatched_counts() -> None:
    bench = bench_with(max_connections=1)
    bench.serve(1, after=1.0)
    bench.client()
    late = bench.client()
    bench.settle()
    assert closed(late) == "fin"


def test_one_that_ends_leaves_its_place() -> None:
    bench = bench_with(max_connections=1)
    for _ in range(3):
        client, server = bench.connected()
        client.transport.loseWriteConnection()
        bench.settle()
        turned_away = bench.client()
        bench.settle()
        assert closed(turned_away) == "fin"
        server.transport.loseWriteConnection()
        bench.settle()
    assert bench.tally().failed == 3


def test_zero_is_no_limit() -> None:
    bench = bench_with(max_connections=0)
    for _ in range(50):
        bench.connected()
    assert bench.tally().live == 50


def test_a_lower_limit_turns_away_and_closes_nobody() -> None:
    bench = bench_with(max_connections=0)
    conversations = [bench.connected() for _ in range(3)]
    bench.listen(max_connections=2)
    bench.settle()
    assert bench.tally().live == 3
    conversations[0][0].transport.abortConnection()
    bench.settle()
    late = bench.client()
    bench.settle()
    assert closed(late) == "fin"
    conversations[1][0].transport.abortConnection()
    bench.settle()
    bench.connected()
    assert bench.tally().live == 2
