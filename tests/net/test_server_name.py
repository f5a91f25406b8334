"""Connections that their ClientHellos route: to which group, as it came, or turned away."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from lbtwist.model.access import End as AccessEnd
from lbtwist.model.name_rule import NameRule
from lbtwist.model.network import parse_network
from lbtwist.model.plane import EVERYTHING, Scope
from lbtwist.net.server_name import BAD_HELLO, REFUSED
from lbtwist.wire.client_hello import MAX_HELLO
from tests.net.accesses import Accesses
from tests.net.bench import WEB, Bench, closed, member
from tests.net.recorder import HalfCloseable
from tests.net.world import RELAY_KINDS, World, make_world, reactor
from tests.wire.hellos import alpn, hello, message, records, server_name

WWW, API, MAIL, OTHER = (
    hello(server_name(name)) for name in (b"www.test", b"api.test", b"mail.test", b"other")
)
RULES = (
    NameRule(b"*.test", (b"acme-tls/1",), "acme"),
    NameRule(b"www.test", group="www"),
    NameRule(b"api.test", group="api"),
    NameRule(b"mail.test"),
)
GROUPS = {"app": 1, "www": 2, "api": 3, "acme": 4}
"""The server that each has."""
HEADER = b"PROXY TCP4 203.0.113.7 192.0.2.2 1000 443\r\n"
TIMEOUT = 5.0


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    for group, server in GROUPS.items():
        bench.serve(server)
        bench.rotate(member(server), group=group)
    listen(bench)
    return bench


def listen(bench: Bench, *rules: NameRule, **policy: Any) -> None:
    bench.listen(name_rules=rules or RULES, hello_timeout=TIMEOUT, **policy)


def says(bench: Bench, *pieces: bytes) -> Any:
    """A client that sends these, one after the other."""
    client = bench.client()
    for piece in pieces:
        client.transport.write(piece)
        bench.settle()
    bench.settle()
    return client


def heard(bench: Bench) -> dict[str, bytes]:
    """What the servers of each group have received, where one has a connection."""
    return {
        group: b"|".join(bytes(end.received) for end in bench.accepted[server])
        for group, server in GROUPS.items()
        if bench.accepted[server]
    }


def turned_away(bench: Bench) -> dict[str, int]:
    return dict(bench.plane.figures().listeners[WEB].refused)


def arrivals(bench: Bench) -> int:
    return len(bench.plane._frontends[WEB].arrivals)


@pytest.mark.parametrize(
    ("sent", "group"),
    [
        (WWW, "www"),
        (API, "api"),
        (hello(server_name(b"WWW.Test.")), "www"),
        (hello(server_name(b"api.test"), alpn(b"h2", b"acme-tls/1")), "acme"),
        (hello(server_name(b"api.test"), alpn(b"h2")), "api"),
        (OTHER, "app"),
        (hello(), "app"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "app"),
        (b"G", "app"),
    ],
)
def test_the_first_rule_that_matches_says_the_group_and_none_the_listener_s_own(
    bench: Bench, sent: bytes, group: str
) -> None:
    says(bench, sent)
    assert heard(bench) == {group: sent}
    assert (bench.tally().live, bench.tally().received, arrivals(bench)) == (1, len(sent), 0)


def test_the_group_is_known_when_the_hello_is_whole_and_gets_every_byte_once(bench: Bench) -> None:
    fragments = records(WWW[5:], 7)
    client = bench.client()
    for at in range(len(fragments) - 1):
        client.transport.write(fragments[at : at + 1])
        bench.settle()
    assert (heard(bench), bench.tally().total, arrivals(bench)) == ({}, 0, 1)
    client.transport.write(fragments[-1:] + b"early")
    bench.settle()
    client.transport.write(b" and late")
    bench.settle()
    assert heard(bench) == {"www": fragments + b"early and late"}
    (end,) = bench.accepted[2]
    end.transport.write(b"answer")
    bench.settle()
    assert bytes(client.received) == b"answer"


def test_a_rule_without_a_group_refuses(bench: Bench) -> None:
    """With the alert that is for it, which a reset could overtake."""
    client = says(bench, MAIL)
    assert (closed(client), heard(bench), turned_away(bench)) == ("fin", {}, {REFUSED: 1})
    assert bytes(client.received) == b"\x15\x03\x03\x00\x02\x02\x70"
    assert (bench.tally().failed, bench.tally().total, arrivals(bench)) == (1, 0, 0)


def test_a_last_rule_without_conditions_is_for_whoever_asks_for_nothing_else(bench: Bench) -> None:
    listen(bench, *RULES, NameRule())
    for sent in (OTHER, hello()):
        client = says(bench, sent)
        assert (closed(client), len(client.received)) == ("fin", 7)
    client, silent = says(bench, b"SSH-2.0"), bench.client()
    bench.pass_time(TIMEOUT + 0.2)
    for other in (client, silent):
        assert (closed(other), bytes(other.received)) == ("reset", b"")
    says(bench, WWW)
    assert heard(bench) == {"www": WWW}
    assert turned_away(bench) == {REFUSED: 4}


@pytest.mark.parametrize(
    "sent",
    [
        records(message(b"no hello")),
        hello(server_name(b"www.test\0")),
        hello(server_name(b"www.test"), server_name(b"www.test")),
        records(message(bytes(MAX_HELLO))),
        b"\x16\3\1\0\0",
    ],
)
def test_what_begins_as_tls_and_is_no_hello_is_turned_away(bench: Bench, sent: bytes) -> None:
    client = says(bench, sent, b"more")
    assert (closed(client), heard(bench), turned_away(bench)) == ("reset", {}, {BAD_HELLO: 1})


def test_who_waits_for_its_server_to_speak_goes_to_the_listener_s_own_group(bench: Bench) -> None:
    client = bench.client()
    bench.pass_time(TIMEOUT - 0.1)
    assert heard(bench) == {}
    bench.pass_time(0.3)
    assert heard(bench) == {"app": b""}
    bench.accepted[1][0].transport.write(b"220 hello")
    bench.settle()
    client.transport.write(WWW)
    bench.settle()
    assert (bytes(client.received), heard(bench)) == (b"220 hello", {"app": WWW})


def test_a_hello_that_takes_too_long_is_turned_away(bench: Bench) -> None:
    """Each byte more gives it no more time."""
    client = bench.client()
    for at in range(10):
        client.transport.write(WWW[at : at + 1])
        bench.pass_time(TIMEOUT / 10)
    bench.pass_time(0.2)
    assert (closed(client), heard(bench), turned_away(bench)) == ("reset", {}, {"too_slow": 1})
    assert (arrivals(bench), bench.timers) == (0, 0)


@pytest.mark.parametrize("sent", [b"", WWW[:-1]])
def test_who_says_no_more_before_its_hello_is_whole_is_turned_away(bench: Bench, sent: bytes) -> None:
    client = bench.client()
    client.transport.write(sent)
    client.transport.loseWriteConnection()
    bench.settle()
    assert (closed(client), heard(bench), turned_away(bench)) == ("reset", {}, {"incomplete": 1})


def test_who_says_no_more_after_it_is_half_closed(bench: Bench) -> None:
    client = bench.client()
    client.transport.write(WWW)
    client.transport.loseWriteConnection()
    bench.settle()
    (end,) = bench.accepted[2]
    assert (bytes(end.received), closed(end)) == (WWW, "fin")
    end.transport.write(b"answer")
    bench.settle()
    assert bytes(client.received) == b"answer"


def test_who_goes_before_is_forgotten(bench: Bench) -> None:
    client = says(bench, WWW[:50])
    client.transport.abortConnection()
    bench.settle()
    assert (arrivals(bench), bench.timers, heard(bench), bench.tally().failed) == (0, 0, {}, 1)


def test_a_server_that_can_not_be_connected_is_replaced_by_one_of_the_same_group(bench: Bench) -> None:
    bench.refuse(5)
    bench.rotate(member(5), member(2), group="www")
    for _ in range(2):
        says(bench, WWW)
    assert heard(bench) == {"www": WWW + b"|" + WWW}
    assert set(bench.observer.heard) == {(5, "refused")}


def test_a_group_without_servers_closes_and_no_other_is_asked(bench: Bench) -> None:
    bench.rotate(group="www")
    client = says(bench, WWW)
    assert (closed(client), heard(bench)) == ("fin", {})
    assert bench.observer.lacked[0][0] == "www"


def test_rule_73_other_rules_touch_no_connection_and_are_for_hellos_from_then_on(bench: Bench) -> None:
    client = says(bench, WWW)
    begun = says(bench, WWW[:50])
    listen(bench, NameRule(b"www.test", group="api"))
    client.transport.write(b" more")
    begun.transport.write(WWW[50:])
    bench.settle()
    assert heard(bench) == {"www": WWW + b" more", "api": WWW}


def test_without_rules_nothing_is_read(bench: Bench) -> None:
    bench.listen()
    says(bench, WWW)
    bench.client()
    bench.settle()
    assert heard(bench) == {"app": WWW + b"|"}


def test_those_whose_hello_is_awaited_count_as_connections(bench: Bench) -> None:
    listen(bench, max_connections=2)
    says(bench, WWW)
    says(bench, WWW[:50])
    third = bench.client()
    bench.settle()
    assert closed(third) == "fin"
    assert (heard(bench), bench.tally().failed) == ({"www": WWW}, 1)


def test_rule_2_a_connection_that_a_rule_has_sent_goes_on_when_its_server_leaves(bench: Bench) -> None:
    client = says(bench, WWW)
    bench.rotate(group="www")
    client.transport.write(b" more")
    bench.settle()
    assert heard(bench) == {"www": WWW + b" more"}
    assert bench.plane.cut(Scope.registration(2)) == 1
    bench.settle()
    assert (closed(client), bench.tally(2).cut) == ("fin", 1)


def test_rule_71_a_listener_that_leaves_waits_a_moment_for_a_hello(bench: Bench) -> None:
    slow, late = says(bench, API[:50]), says(bench, WWW[:50])
    bench.plane.stop_accepting(WEB)
    bench.pass_time(0.9)
    slow.transport.write(API[50:])
    bench.pass_time(0.3)
    assert heard(bench) == {"api": API}
    assert closed(late) == "reset"


def test_rule_70_a_cut_of_all_turns_those_away_whose_hello_is_awaited(bench: Bench) -> None:
    client = says(bench, WWW[:50])
    bench.plane.cut(EVERYTHING)
    bench.settle()
    assert (closed(client), arrivals(bench), turned_away(bench)) == ("reset", 0, {"cut": 1})


@pytest.mark.parametrize(
    ("sent", "end", "group"),
    [
        (WWW, AccessEnd.CLIENT_ABORT, "www"),
        (MAIL, AccessEnd.RULE, ""),
        (b"\x16\3\1\0\0", AccessEnd.REFUSED, ""),
    ],
)
def test_each_that_was_relayed_or_refused_is_a_line_of_the_access_log(
    bench: Bench, sent: bytes, end: AccessEnd, group: str
) -> None:
    log = Accesses()
    bench.plane.log_access(log)
    says(bench, sent).transport.abortConnection()
    bench.settle()
    line = log.only
    assert (line.end, line.group, line.protocol, line.status) == (end, group, "tcp", 0)
    assert line.client.startswith("192.0.2.1:")
    assert bench.tally().failed == (not group)


@pytest.mark.parametrize("cut_at", [0, 20, len(HEADER), len(HEADER) + 10])
def test_behind_a_proxy_its_header_comes_first_and_is_not_passed_on(bench: Bench, cut_at: int) -> None:
    listen(bench, proxy_protocol=True, trusted_proxies=(parse_network("192.0.2.0/24"),))
    says(bench, (HEADER + WWW)[:cut_at], (HEADER + WWW)[cut_at:])
    assert heard(bench) == {"www": WWW}
    assert (bench.view().client, arrivals(bench)) == ("203.0.113.7:1000", 0)


# Over every kind of transport.


@pytest.fixture(params=RELAY_KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = make_world(request.param, tmp_path)
    yield world
    pytest_twisted.blockon(Deferred.fromCoroutine(world.close()))


@pytest_twisted.ensureDeferred
async def test_who_is_refused_is_told_why_over(world: World) -> None:
    """OpenSSL understands what it is told."""
    world.rotate(world.server())
    await world.listen(name_rules=(NameRule(),))
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    under = context.wrap_bio(incoming, outgoing, server_hostname="www.test")
    with pytest.raises(ssl.SSLWantReadError):
        under.do_handshake()
    client = await world.client()
    client.transport.write(outgoing.read())
    await client.until_received(7)
    incoming.write(bytes(client.received))
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        under.do_handshake()
    await client.until_heard("read lost")


@pytest.mark.parametrize("size", [1, len(WWW) - 1, len(WWW)])
@pytest_twisted.ensureDeferred
async def test_a_hello_and_what_follows_it_reach_the_right_server_over(world: World, size: int) -> None:
    www, app = world.server(), world.server()
    far = www.expect(HalfCloseable())
    world.rotate(app)
    world.rotate(www, group="www")
    await world.listen(name_rules=RULES, hello_timeout=60.0)
    client = await world.client()
    world.send(client, WWW[:size])
    while not world.plane._frontends[WEB].arrivals and not far.events:
        await deferLater(reactor, 0, int)
    rest = WWW[size:] + bytes(200_000)
    client.transport.write(rest)
    client.transport.loseWriteConnection()
    await far.until_heard("read lost")
    assert bytes(far.received) == WWW[:size] + rest
    far.transport.write(b"answer")
    far.transport.loseConnection()
    await client.until_heard("read lost")
    assert (bytes(client.received), app.ends) == (b"answer", [])
