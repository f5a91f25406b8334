"""Servers that are told of each client by a PROXY header: of whom, how often, and on which connections."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.address import UNIXAddress

from lbtwist.model.address import Address
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header, read_proxy_header
from tests.net.bench import WEB, Bench, member
from tests.net.fakes import Wire
from tests.net.http.stage import SWITCHED, TIMEOUTS, UPGRADE, Stage, http, read, request, response

LISTENER = Address("192.0.2.2", 80)
"""Where a client connects."""
VERSIONS = pytest.mark.parametrize("version", [1, 2])


def told(end: Any) -> tuple[Ends | None, bytes]:
    """What a server was told of its client, and what has come after that."""
    answer = read_proxy_header(bytes(end.received))
    assert answer is not None
    ends, size = answer
    return ends, bytes(end.received[size:])


def bench_with(version: int, **policy: Any) -> Bench:
    bench = Bench()
    bench.servers(1, send_proxy=version)
    bench.listen(**policy)
    return bench


@VERSIONS
def test_a_connection_begins_with_who_connected_and_where(version: int) -> None:
    bench = bench_with(version)
    client, server = bench.connected(host="198.51.100.7")
    ends, rest = told(server)
    assert ends is not None
    assert (ends.source.host, ends.destination, rest) == ("198.51.100.7", LISTENER, b"")
    client.transport.write(b"hello")
    bench.settle()
    assert told(server)[1] == b"hello"
    assert (bench.tally().received, bench.tally(1).received) == (5, 5), "the header is not the client's"


@VERSIONS
def test_a_retry_begins_anew(version: int) -> None:
    bench = bench_with(version)
    bench.refuse(2, after=0.1)
    bench.rotate(member(2), member(1), scheduler="rr", send_proxy=version)
    bench.client()
    bench.pass_time(0.2)
    ends, rest = told(bench.accepted[1][0])
    assert (ends is not None, rest) == (True, b"")
    assert len(bench.dialer.firsts) == 2


def test_a_server_that_closes_when_it_has_heard_the_header_alone_has_failed() -> None:
    """It was of no use: its client has said nothing, and goes on to the next one."""
    bench = bench_with(2)
    bench.servers(1, 2, scheduler="rr", send_proxy=2)
    client = bench.client()
    bench.settle()
    bench.accepted[1][0].transport.abortConnection()
    bench.settle()
    client.transport.write(b"hello")
    bench.settle()
    assert told(bench.accepted[2][0])[1] == b"hello"


@VERSIONS
def test_what_came_by_proxy_goes_on_by_proxy(version: int) -> None:
    bench = bench_with(version, proxy_protocol=True, trusted_proxies=(ip_network("192.0.2.0/24"),))
    ends = Ends(Address("2001:db8::7", 4321), Address("2001:db8::9", 443))
    client = bench.client()
    client.transport.write(proxy_header(3 - version, ends) + b"hello")
    bench.settle()
    bench.settle()
    assert told(bench.accepted[1][0]) == (ends, b"hello")


@pytest.mark.parametrize(("version", "ends"), [(1, None), (2, Ends(Address(""), Address("/run/web")))])
def test_a_client_of_a_unix_socket(version: int, ends: Ends | None) -> None:
    bench = bench_with(version)
    wire = Wire(bench.clock)
    server: Any = wire.server
    server._peer = UNIXAddress(None)
    server.getHost = lambda: UNIXAddress(b"/run/web")
    factory = bench.by_listener[WEB].factory
    assert factory is not None
    wire.accept(factory, bench.make_end())
    bench.settle()
    assert told(bench.accepted[1][0]) == (ends, b"")


def test_servers_hear_nothing_of_it_unless_it_is_said() -> None:
    bench = bench_with(0)
    _, server = bench.connected()
    assert server.received == b""


def staged(version: int = 2, **keys: Any) -> Stage:
    stage = http()
    stage.servers(1, send_proxy=version, **keys)
    return stage


def answer(server: Any, body: bytes = b"") -> None:
    server.say(response(body))


@VERSIONS
def test_requests_of_one_client_share_a_connection_that_is_told_once(version: int) -> None:
    stage = staged(version)
    client = stage.client("198.51.100.7")
    for n in range(3):
        client.say(request("GET", f"/{n}"))
        (server,) = stage.accepted[1]
        answer(server)
        assert client.said().status == 200
    ends, rest = told(server)
    assert ends is not None
    assert ends.source.host == "198.51.100.7"
    assert rest.count(b"GET /") == 3
    assert rest.startswith(b"GET /0")


def test_no_client_gets_the_connection_of_another() -> None:
    stage = staged()
    alice, bob = stage.client("198.51.100.1"), stage.client("198.51.100.2")
    for _ in range(2):
        for client, n in ((alice, 0), (bob, 1)):
            client.say(request())
            answer(stage.accepted[1][n])
            client.said()
    assert [told(server)[0].source.host for server in stage.accepted[1]] == [
        "198.51.100.1",
        "198.51.100.2",
    ]


@pytest.mark.parametrize("leave", ["close", "reset", "shut"])
def test_the_connection_of_a_client_that_leaves_is_closed_with_it(leave: str) -> None:
    stage = staged()
    client, server = stage.asks(request())
    answer(server)
    assert server.end == ""
    getattr(client, leave)()
    assert server.end == "fin"
    stage.pass_time(10)
    assert stage.empty()


def test_it_is_closed_too_when_its_client_is_sent_away_in_order() -> None:
    stage = staged()
    client, server = stage.asks(request())
    answer(server)
    client.hear()
    client.say(b"no request at all\r\n\r\n")
    assert (client.said().status, server.end) == (400, "fin")


def test_a_connection_that_is_kept_goes_when_its_time_is_over() -> None:
    stage = staged(keepalive_timeout=2.0)
    client, server = stage.asks(request())
    answer(server)
    stage.pass_time(2.5)
    assert server.end == "fin"
    client.say(request())
    (_, second) = stage.accepted[1]
    assert told(second)[0] is not None
    client.close()


def test_a_client_that_stays_knows_nothing_of_connections_that_are_closed() -> None:
    stage = staged()
    client = stage.client()
    for n in range(3):
        client.say(request())
        answer(stage.accepted[1][n])
        client.hear()
        stage.accepted[1][n].close()
    (guest,) = stage._frontend.clients.all()
    assert len(guest.servers) == 0
    client.close()


def test_connections_from_before_and_after_a_change_are_not_mixed_up() -> None:
    """One that was told of its client serves no other when that is over, and one that was not told of
    anybody serves nobody who is to be told of."""
    stage = staged(0)
    client, untold = stage.asks(request())
    answer(untold)
    stage.rotate(member(1), send_proxy=2)
    client.say(request())
    (_, of_client) = stage.accepted[1]
    answer(of_client)
    stage.rotate(member(1))
    untold.hear()
    of_client.hear()
    other = stage.client()
    other.say(request())
    assert (untold.said().first, of_client.hear()) == (b"GET / HTTP/1.1", b"")
    answer(untold)
    client.close()
    other.close()


def test_a_header_that_was_sent_makes_its_connection_the_clients_whatever_is_said_since() -> None:
    stage = staged(2)
    stage.serve(1, after=1.0)
    alice = stage.client("198.51.100.1")
    alice.say(request())
    stage.rotate(member(1), send_proxy=0)
    stage.pass_time(1.1)
    (hers,) = stage.accepted[1]
    answer(hers)
    stage.serve(1)
    bob, server = stage.asks(request(), host="198.51.100.2")
    assert server is not hers
    assert server.received.startswith(b"GET ")
    alice.close()
    bob.close()


def test_a_websocket_is_told_of_its_client_too_and_its_bytes_are_its_own() -> None:
    stage = staged()
    client, server = stage.asks(UPGRADE, host="198.51.100.7")
    ends, asked = told(server)
    assert ends is not None
    assert ends.source.host == "198.51.100.7"
    assert read(asked).first == b"GET /chat HTTP/1.1"
    server.say(SWITCHED)
    assert read(client.hear()).status == 101
    assert server.end == "", "it is not closed with what its client was"
    client.say(b"\x81\x00")
    assert server.hear().endswith(b"\x81\x00")


def test_rule_15_of_who_leaves_the_connections_that_are_kept_for_clients_are_closed() -> None:
    """Rule 15."""
    stage = staged()
    client, server = stage.asks(request())
    answer(server)
    stage.rotate(send_proxy=2)
    stage.settle()
    assert (server.end, client.end) == ("fin", "")


def test_by_a_trusted_header_the_listener_is_where_the_client_connected() -> None:
    stage = staged()
    stage.listen(**TIMEOUTS, proxy_protocol=True, trusted_proxies=(ip_network("192.0.2.1/32"),))
    ends = Ends(Address("198.51.100.7", 4321), Address("203.0.113.9", 443))
    _, server = stage.asks(proxy_header(1, ends) + request())
    assert told(server)[0] == ends
