"""Clients that are judged at the entrance, of tcp and of http listeners."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lbtwist.model.access import End
from lbtwist.model.name_rule import NameRule
from lbtwist.model.network import parse_network
from lbtwist.model.plane import EVERYTHING
from lbtwist.model.token_bucket import Rate
from lbtwist.net.admission import Admission
from lbtwist.net.http import admission
from lbtwist.net.http.admission import HttpAdmission
from lbtwist.net.steps import admission_of
from tests.net.accesses import Accesses
from tests.net.bench import WEB, Bench, closed
from tests.net.http.stage import Stage, http, request, response

KNOWN, BAD = "192.0.2.1", "198.51.100.1"
DENY: dict[str, Any] = {"deny": (parse_network("198.51.100.0/24"),)}


def tcp(**policy: Any) -> Bench:
    bench = Bench()
    bench.servers(1)
    bench.listen(**policy)
    bench.plane.log_access(Accesses())
    return bench


def comes(bench: Bench, host: str = KNOWN) -> str:
    """How a new client's connection has ended: `fin` where it was refused."""
    client = bench.client(host)
    bench.settle()
    return closed(client)


def frontend(bench: Bench) -> Any:
    return bench.plane._frontends[WEB]


def refused(bench: Bench) -> dict[str, int]:
    return dict(bench.plane.figures().listeners[WEB].refused)


def log(bench: Bench) -> Accesses:
    found = frontend(bench).access
    assert isinstance(found, Accesses)
    return found


# Over TCP.


def test_a_client_that_is_denied_is_closed_and_counted() -> None:
    bench = tcp(**DENY)
    assert (comes(bench, BAD), comes(bench)) == ("fin", "")
    assert len(bench.accepted[1]) == 1
    assert (refused(bench), bench.tally().failed) == ({"denied": 1}, 1)
    line = log(bench).only
    assert (line.end, line.real_client, line.status) == (End.DENIED, BAD, 0)


def test_rule_73_a_deny_that_is_set_holds_for_the_next_and_touches_nobody() -> None:
    """rule 73"""
    bench = tcp()
    client, server = bench.connected(host=BAD)
    bench.listen(**DENY)
    assert comes(bench, BAD) == "fin"
    client.transport.write(b"still here")
    bench.settle()
    assert bytes(server.received) == b"still here"
    bench.listen()
    assert comes(bench, BAD) == ""


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_connections_of_a_client_count_from_accept_to_close(kind: str) -> None:
    bench = tcp(protocol=kind, max_connections_per_client=2)
    first, _ = bench.client(), bench.client()
    bench.settle()
    assert frontend(bench).per_client.of(KNOWN) == 2
    assert (comes(bench) != "", comes(bench, BAD)) == (True, "")
    first.transport.abortConnection()
    bench.settle()
    assert comes(bench) == ""
    assert refused(bench) == {"client_limit": 1}


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_who_is_connected_when_the_limit_is_set_counts_and_stays(kind: str) -> None:
    bench = tcp(protocol=kind)
    clients = [bench.client() for _ in range(3)]
    bench.settle()
    bench.listen(protocol=kind, max_connections_per_client=3)
    assert comes(bench) != ""
    assert [closed(client) for client in clients] == [""] * 3
    clients[0].transport.abortConnection()
    bench.settle()
    assert frontend(bench).per_client.of(KNOWN) == 2
    assert comes(bench) == ""
    bench.listen(protocol=kind)
    clients[1].transport.abortConnection()
    bench.settle()
    bench.listen(protocol=kind, max_connections_per_client=3)
    assert frontend(bench).per_client.of(KNOWN) == 2


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_nothing_is_remembered_of_clients_that_have_gone(kind: str) -> None:
    bench = tcp(protocol=kind, max_connections_per_client=1)
    clients = [bench.client(f"192.0.2.{number}") for number in range(1, 9)]
    bench.settle()
    assert len(frontend(bench).per_client) == 8
    for client in clients:
        client.transport.abortConnection()
    bench.settle()
    assert len(frontend(bench).per_client) == 0


def test_who_gets_no_server_is_counted_no_more() -> None:
    bench = tcp(max_connections_per_client=1)
    bench.refuse(1)
    for _ in range(3):
        assert comes(bench) == "fin"
    assert (refused(bench), len(frontend(bench).per_client)) == ({}, 0)


def test_a_rate_is_kept_and_tokens_come_again() -> None:
    bench = tcp(client_rate=Rate(2.0))
    assert [comes(bench) for _ in range(3)] == ["", "", "fin"]
    assert comes(bench, BAD) == ""
    bench.clock.advance(0.5)
    assert [comes(bench) for _ in range(2)] == ["", "fin"]
    assert refused(bench) == {"client_rate": 2}


def test_the_rate_of_all_is_kept_over_a_change_of_something_else() -> None:
    bench = tcp(total_rate=Rate(1.0, 2))
    assert [comes(bench, f"192.0.2.{number}") for number in range(1, 4)] == ["", "", "fin"]
    bench.listen(total_rate=Rate(1.0, 2), idle_timeout=5.0)
    assert comes(bench) == "fin"
    assert refused(bench) == {"total_rate": 2}


def test_who_is_one_too_many_for_the_listener_takes_no_token() -> None:
    bench = tcp(max_connections=1, client_rate=Rate(1.0, 2))
    client = bench.client()
    bench.settle()
    assert comes(bench) == "fin"
    client.transport.abortConnection()
    bench.settle()
    assert comes(bench) == ""
    assert (refused(bench), [end for end in log(bench).ends if end is End.OVER_LIMIT]) == (
        {},
        [End.OVER_LIMIT],
    )


@pytest.mark.parametrize(("protocol", "step"), [("http", HttpAdmission), ("https", Admission)])
def test_over_tls_a_client_is_closed_before_the_handshake(protocol: str, step: type[Admission]) -> None:
    """An answer would need one, and that is what the limits protect."""
    found = frontend(http(**DENY))
    found.policy = replace(found.policy, protocol=protocol)
    assert type(admission_of(found)) is step


# Over HTTP.


def answered(stage: Stage, host: str = BAD) -> Any:
    return stage.client(host)


def test_http_a_client_that_is_denied_is_answered_with_403() -> None:
    stage = http(**DENY)
    client = answered(stage)
    said = client.said()
    assert (said.status, said.field("connection"), said.field("retry-after")) == (403, b"close", None)
    client.say(request())
    assert client.end == "fin"
    client.close()
    stage.pass_time(1.0)
    assert not any(stage.accepted.values())
    assert stage.plane.figures().listeners[WEB].responses[3] == 1
    assert stage.empty()


def test_http_a_client_that_comes_too_often_is_answered_with_429_and_when_to_come_again() -> None:
    stage = http(client_rate=Rate(0.1))
    client, server = stage.asks(request())
    server.say(response(b"yes"))
    assert client.said().status == 200
    said = answered(stage, KNOWN).said()
    assert (said.status, said.field("retry-after")) == (429, b"10")
    stage.pass_time(7.5)
    assert answered(stage, KNOWN).said().field("retry-after") == b"3"


def test_http_a_client_with_too_many_connections_is_answered_with_429() -> None:
    """It does not say when: nobody knows."""
    stage = http(max_connections_per_client=1)
    client = stage.client()
    said = answered(stage, KNOWN).said()
    assert (said.status, said.field("retry-after")) == (429, None)
    client.close()
    stage.asks(request())


def test_http_a_kept_connection_counts_and_its_requests_do_not() -> None:
    stage = http(max_connections_per_client=1, client_rate=Rate(1.0, 1))
    stage.servers(1)
    client, server = stage.asks(request())
    for _ in range(3):
        server.say(response(b"yes"))
        assert client.said().status == 200
        client.say(request())
    assert len(frontend(stage).per_client) == 1


def test_http_a_websocket_and_a_connection_that_lingers_count() -> None:
    stage = http(max_connections_per_client=2)
    client, _ = stage.tunnel()
    other = stage.client()
    other.say(b"no request\r\n\r\n")
    assert other.said().status == 400
    assert frontend(stage).per_client.of(KNOWN) == 2
    other.close()
    client.reset()
    stage.pass_time(1.0)
    assert len(frontend(stage).per_client) == 0


def test_http_who_is_refused_takes_no_place_of_others() -> None:
    stage = http(max_connections=1, **DENY)
    for _ in range(3):
        assert answered(stage).said().status == 403
    assert len(frontend(stage).arrivals) == 3
    stage.asks(request())


def test_http_a_flood_is_not_answered_but_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_ANSWERED", 3)
    stage = http(**DENY)
    clients = [answered(stage) for _ in range(5)]
    assert [bool(client.hear()) for client in clients] == [True, True, True, False, False]
    assert [client.end for client in clients] == ["fin"] * 5
    assert refused(stage) == {"denied": 5}
    stage.pass_time(2.0)
    assert answered(stage).said().status == 403


def test_http_who_is_refused_and_stays_is_gone_within_two_seconds() -> None:
    stage = http(**DENY)
    answered(stage)
    assert not stage.empty()
    stage.pass_time(2.0)
    assert stage.empty()


def test_http_a_cut_closes_who_is_refused_too() -> None:
    stage = http(**DENY)
    answered(stage)
    stage.plane.cut(EVERYTHING)
    stage.pass_time(0.2)
    assert stage.empty()


def test_http_the_access_log_has_the_answer() -> None:
    stage = http(**DENY)
    stage.plane.log_access(Accesses())
    answered(stage)
    line = log(stage).only
    assert (line.end, line.status, line.protocol, line.method) == (End.DENIED, 403, "http", b"")


# Behind a proxy that tells of its clients.

PROXIED: dict[str, Any] = {"proxy_protocol": True, "trusted_proxies": (parse_network("192.0.2.0/24"),)}


HELLOS: dict[str, Any] = {"name_rules": (NameRule(b"a.example", group="app"),)}
"""Clients are awaited to say a ClientHello."""


def told(host: str) -> bytes:
    return f"PROXY TCP4 {host} 10.0.0.1 5000 80\r\n".encode()


def test_it_is_the_client_that_a_proxy_tells_of_who_is_judged() -> None:
    bench = tcp(**PROXIED, **DENY)
    for host in (BAD, "203.0.113.1"):
        client = bench.client()
        client.transport.write(told(host) + b"hello")
        bench.settle()
        assert closed(client) == ("fin" if host == BAD else "")
    (server,) = bench.accepted[1]
    assert (bytes(server.received), refused(bench)) == (b"hello", {"denied": 1})
    assert [line.real_client for line in log(bench).lines] == [BAD]


def test_http_the_client_that_a_proxy_tells_of_is_answered() -> None:
    stage = http(**PROXIED, **DENY)
    client = stage.client()
    client.say(told(BAD) + request())
    assert (client.said().status, client.end) == (403, "fin")
    client.close()
    stage.pass_time(1.0)
    assert stage.empty()


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_a_proxy_s_clients_count_each_for_itself_and_not_for_the_proxy(kind: str) -> None:
    bench = tcp(protocol=kind, max_connections_per_client=1, **PROXIED)
    silent = [bench.client() for _ in range(2)]
    bench.settle()
    assert len(frontend(bench).per_client) == 0
    clients = [bench.client() for _ in range(3)]
    for client, host in zip(clients, (BAD, "203.0.113.1", BAD), strict=True):
        client.transport.write(told(host))
        bench.settle()
    assert [closed(client) != "" for client in clients] == [False, False, True]
    assert (len(frontend(bench).per_client), frontend(bench).per_client.of(BAD)) == (2, 1)
    for client in (*clients, *silent):
        client.transport.abortConnection()
    bench.settle()
    assert len(frontend(bench).per_client) == 0


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_who_has_steps_to_pass_when_the_limit_is_set_counts(kind: str) -> None:
    bench = tcp(protocol=kind, **HELLOS)
    bench.client()
    bench.settle()
    bench.listen(protocol=kind, max_connections_per_client=1, **HELLOS)
    assert (comes(bench) != "", refused(bench)) == (True, {"client_limit": 1})


def test_who_has_steps_to_pass_yet_counts() -> None:
    """Half-open handshakes and slow ClientHellos are what one client must not have many of."""
    bench = tcp(max_connections_per_client=2, **HELLOS)
    clients = [bench.client() for _ in range(3)]
    bench.settle()
    assert [closed(client) for client in clients] == ["", "", "fin"]
    clients[0].transport.write(b"no hello\r\n")
    bench.settle()
    clients[0].transport.abortConnection()
    bench.settle()
    assert frontend(bench).per_client.of(KNOWN) == 1
    clients[1].transport.abortConnection()
    bench.settle()
    assert len(frontend(bench).per_client) == 0
