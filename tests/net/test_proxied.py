"""Listeners behind proxies: whose headers are read, what they change, and who is closed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred

from lbtwist.model.address import Address
from lbtwist.model.plane import Scope
from lbtwist.net.arrival import INCOMPLETE, TOO_SLOW
from lbtwist.net.proxied import UNTRUSTED, WITHIN
from lbtwist.wire.proxy_binary import SIGNATURE
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header
from tests.net.accesses import Accesses
from tests.net.bench import WEB, Bench, closed
from tests.net.http.stage import SWITCHED, UPGRADE, Stage, http, read, request, response
from tests.net.recorder import HalfCloseable
from tests.net.world import KINDS, World, make_world
from tests.wire.cuttings import one_by_one

PROXY = "192.0.2.1"
"""Who connects."""
TRUSTED = (ip_network("192.0.2.0/24"),)
ENDS = Ends(Address("198.51.100.7", 4321), Address("203.0.113.9", 443))
CLIENT = "198.51.100.7:4321"
IPV6 = Ends(Address("2001:db8::7", 4321), Address("2001:db8::9", 443))


def bench_with(**policy: Any) -> Bench:
    bench = Bench()
    bench.servers(1, 2, scheduler="rr")
    bench.listen(proxy_protocol=True, trusted_proxies=TRUSTED, **policy)
    return bench


@pytest.fixture
def bench() -> Bench:
    return bench_with()


def says(bench: Bench, *pieces: bytes, host: str = PROXY) -> Any:
    client = bench.client(host)
    bench.settle()
    for piece in pieces:
        client.transport.write(piece)
        bench.settle()
    bench.settle()
    return client


def refused(bench: Bench) -> dict[str, int]:
    return dict(bench.plane.figures().listeners[WEB].refused)


def views(bench: Bench) -> list[str]:
    return [view.client for view in bench.plane.connections(Scope.listener(WEB))]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("ends", [ENDS, IPV6])
def test_the_address_that_it_carries_is_the_clients(bench: Bench, version: int, ends: Ends) -> None:
    says(bench, proxy_header(version, ends) + b"hello")
    (server,) = bench.accepted[1]
    assert server.received == b"hello", "of the header nothing reaches a server"
    assert views(bench) == [str(ends.source)]
    assert bench.tally().received == len(b"hello"), "nor is it the client's"


@pytest.mark.parametrize("version", [1, 2])
def test_a_header_may_come_in_any_pieces(bench: Bench, version: int) -> None:
    says(bench, *one_by_one(proxy_header(version, ENDS) + b"hello"))
    assert bench.accepted[1][0].received == b"hello"
    assert views(bench) == [CLIENT]


@pytest.mark.parametrize("version", [1, 2])
def test_a_proxys_own_connection_is_its_own(bench: Bench, version: int) -> None:
    says(bench, proxy_header(version, None) + b"hello")
    assert bench.accepted[1][0].received == b"hello"
    (address,) = views(bench)
    assert address.startswith(f"{PROXY}:")


def test_clients_are_scheduled_by_the_addresses_that_are_carried(bench: Bench) -> None:
    bench.servers(1, 2, scheduler="source_hash")
    for host in range(10):
        for port in range(3):
            ends = ENDS._replace(source=Address(f"198.51.100.{host}", port))
            says(bench, proxy_header(2, ends) + b"%d " % host)
    told = [{bytes(end.received) for end in bench.accepted[server]} for server in (1, 2)]
    assert all(told)
    assert not told[0] & told[1], "each client came to one server"


def test_clients_are_tied_by_the_addresses_that_are_carried(bench: Bench) -> None:
    bench.servers(1, 2, scheduler="rr", persistence=100.0)
    for _ in range(3):
        says(bench, proxy_header(1, ENDS))
    says(bench, proxy_header(1, IPV6))
    assert (len(bench.accepted[1]), len(bench.accepted[2])) == (3, 1)


def test_who_may_come_in_is_judged_by_the_address_that_is_carried() -> None:
    bench = bench_with(deny=(ip_network("198.51.100.0/24"),))
    denied, admitted = says(bench, proxy_header(2, ENDS)), says(bench, proxy_header(2, IPV6))
    assert (closed(denied), closed(admitted)) == ("fin", "")
    bench = bench_with(deny=TRUSTED)
    assert closed(says(bench, proxy_header(2, ENDS))) == "", "the proxy itself is no client"


@pytest.mark.parametrize("gate", [{"deny": (ip_network("198.51.100.0/24"),)}, {"allow": TRUSTED}])
def test_rule_73_a_first_limit_is_for_those_too_whose_header_is_still_to_come(gate: dict[str, Any]) -> None:
    """rule 73: no connection is established before that."""
    bench = bench_with()
    waiting, relayed = says(bench, b"PROXY "), says(bench, proxy_header(1, ENDS))
    bench.listen(proxy_protocol=True, trusted_proxies=TRUSTED, **gate)
    waiting.transport.write(proxy_header(1, ENDS).removeprefix(b"PROXY "))
    bench.settle()
    bench.settle()
    assert (closed(waiting), closed(relayed), refused(bench)) == ("fin", "", {"denied": 1})


def test_a_request_behind_a_header_is_denied_by_the_gate_as_it_is_then() -> None:
    stage = staged()
    client = stage.client(PROXY)
    client.say(b"PROXY ")
    networks = (ip_network(f"{PROXY}/32"),)
    stage.listen(protocol="http", proxy_protocol=True, trusted_proxies=networks, allow=networks)
    client.say(proxy_header(1, ENDS).removeprefix(b"PROXY ") + request())
    assert client.said().status == 403
    assert stage.accepted[1] == []


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no_proxy_header"),
        (b"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", "bad_proxy_header"),
        (SIGNATURE + b"\x11\x11\0\0", "bad_proxy_header"),
        (b"PROXY UNKNOWN " + b"x" * 200, "proxy_header_too_long"),
        (SIGNATURE + b"\x21\x11\xff\xff" + bytes(5000), "proxy_header_too_long"),
        (
            SIGNATURE + b"\x21\x11" + struct.pack("!H", 19) + bytes(12) + b"\x03\0\x04abcd",
            "wrong_proxy_checksum",
        ),
    ],
)
def test_a_bad_one_is_reset_and_counted_by_the_reason(bench: Bench, sent: bytes, reason: str) -> None:
    for pieces in ([sent], one_by_one(sent)):
        client = says(bench, *pieces)
        assert closed(client) == "reset"
        assert not client.received
    assert (refused(bench), bench.tally().failed, bench.tally().total) == ({reason: 2}, 2, 0)
    assert (bench.accepted[1], bench.timers) == ([], 0)


def test_who_does_not_send_it_in_time_is_reset(bench: Bench) -> None:
    assert 3 <= WITHIN <= 5, "a lost packet comes again in 3 s"
    silent, slow = says(bench), says(bench, b"PROXY TCP4 ")
    bench.pass_time(WITHIN - 0.3)
    slow.transport.write(b"1.1.1.1 ")
    bench.settle()
    assert (closed(silent), closed(slow)) == ("", "")
    bench.pass_time(0.5)
    assert (closed(silent), closed(slow)) == ("reset", "reset")
    assert refused(bench) == {TOO_SLOW: 2}
    gone = says(bench, b"PROXY")
    gone.transport.loseWriteConnection()
    bench.settle()
    assert refused(bench) == {TOO_SLOW: 2, INCOMPLETE: 1}


def test_a_peer_that_is_not_trusted_is_closed_whatever_it_sends(bench: Bench) -> None:
    client = says(bench, proxy_header(2, ENDS) + b"hello", host="198.51.100.7")
    assert closed(client) != ""
    assert (refused(bench), bench.tally().failed, bench.accepted[1]) == ({UNTRUSTED: 1}, 1, [])


def test_trust_may_be_withdrawn_for_who_comes_from_then_on(bench: Bench) -> None:
    before = says(bench, b"PROXY ")
    bench.listen(proxy_protocol=True, trusted_proxies=(ip_network("10.0.0.0/8"),))
    before.transport.write(proxy_header(1, ENDS).removeprefix(b"PROXY "))
    bench.settle()
    bench.settle()
    assert views(bench) == [CLIENT]
    assert closed(says(bench)) == "fin"
    bench.listen()
    says(bench, b"hello")
    assert b"hello" in [bytes(end.received) for end in bench.accepted[1] + bench.accepted[2]]


def test_the_access_log_has_the_address_that_is_carried(bench: Bench) -> None:
    log = Accesses()
    bench.plane.log_access(log)
    client = says(bench, proxy_header(2, ENDS) + b"hello")
    client.transport.abortConnection()
    bench.pass_time(1)
    line = log.only
    assert (line.client, line.real_client, line.received) == (CLIENT, "198.51.100.7", 5)


def staged(*trusted: str, **policy: Any) -> Stage:
    networks = tuple(map(ip_network, (f"{PROXY}/32", *trusted)))
    stage = http(proxy_protocol=True, trusted_proxies=networks, **policy)
    stage.servers(1)
    return stage


def asked(stage: Stage, *fields: str, ends: Ends | None = ENDS) -> Any:
    """What a server hears of a request of a client that a header tells of."""
    client = stage.client(PROXY)
    client.say(proxy_header(2, ends) + request("GET", "/", *fields))
    (view,) = stage.plane.connections(Scope.listener(WEB))
    server = stage.accepted[1][-1]
    heard = read(server.hear())
    server.say(response(b""))
    client.close()
    return view, heard


def test_servers_are_told_of_the_client_that_is_carried() -> None:
    view, heard = asked(staged())
    assert view.client == CLIENT
    assert heard.field("x-forwarded-for") == b"198.51.100.7"
    assert heard.field("x-forwarded-port") == b"443"


def test_a_client_behind_a_trusted_proxy_is_not_believed_for_that() -> None:
    """Who speaks HTTP is the client, not the proxy that carries it."""
    _, heard = asked(staged(), "X-Forwarded-For: 10.9.9.9")
    assert heard.field("x-forwarded-for") == b"198.51.100.7"


def test_a_client_that_is_carried_and_a_trusted_proxy_itself_is_believed() -> None:
    _, heard = asked(staged("198.51.100.0/24"), "X-Forwarded-For: 10.9.9.9")
    assert heard.field("x-forwarded-for") == b"10.9.9.9, 198.51.100.7"


def test_a_proxy_that_speaks_for_itself_is_believed() -> None:
    _, heard = asked(staged(), "X-Forwarded-For: 10.9.9.9", ends=None)
    assert heard.field("x-forwarded-for") == b"10.9.9.9, 192.0.2.1"


def test_a_request_without_host_is_for_where_its_client_connected() -> None:
    stage = staged()
    client = stage.client(PROXY)
    client.say(proxy_header(1, ENDS) + request(version="1.0", host=""))
    assert read(stage.accepted[1][0].hear()).field("host") == b"203.0.113.9:443"


def test_a_client_of_a_unix_socket_behind_the_proxy_has_no_address() -> None:
    view, heard = asked(staged(), ends=Ends(Address("/run/cl\nient"), Address("/run/web")))
    assert view.client == "unix:/run/cl\\nient", "no line of a log can be made with it"
    assert heard.field("x-forwarded-for") is None
    assert heard.field("x-forwarded-port") is None


def test_a_websocket_shows_the_client_that_is_carried() -> None:
    stage = staged()
    stage.client(PROXY).say(proxy_header(2, ENDS), UPGRADE)
    stage.accepted[1][0].say(SWITCHED)
    (view,) = stage.plane.connections(Scope.listener(WEB))
    assert (view.protocol, view.client) == ("websocket", CLIENT)


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = make_world(request.param, tmp_path)
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


LOOPBACK = (*TRUSTED, ip_network("127.0.0.0/8"))


@pytest.mark.parametrize(
    ("ends", "peer", "host"),
    [
        (ENDS, IPv4Address("TCP", "198.51.100.7", 4321), IPv4Address("TCP", "203.0.113.9", 443)),
        (IPV6, IPv6Address("TCP", "2001:db8::7", 4321), IPv6Address("TCP", "2001:db8::9", 443)),
        (Ends(Address("/a"), Address("\0b")), UNIXAddress(b"/a"), UNIXAddress(b"\0b")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_every_transport_gives_the_addresses_that_are_carried(
    world: World, ends: Ends, peer: object, host: object
) -> None:
    """Who is at a Unix socket is trusted: who may be is said by its file."""
    server = world.server()
    far = server.expect(HalfCloseable())
    world.rotate(server)
    await world.listen(proxy_protocol=True, trusted_proxies=LOOPBACK)
    client = await world.client(end=HalfCloseable())
    header = proxy_header(2, ends)
    world.send(client, header[:20])
    world.send(client, header[20:] + b"hello")
    await far.until_received(len(b"hello"))
    (relay,) = world.plane._frontends[WEB].ledger.live.values()
    transport = relay.client.transport  # type: ignore[attr-defined]
    assert (transport.getPeer(), transport.getHost()) == (peer, host)
    far.transport.loseConnection()
    await client.until_heard("read lost")
    client.transport.abortConnection()
    await world.empty()
