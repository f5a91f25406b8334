"""What requests are routed and answered by: rules, the cookie of persistence, the date."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import pytest

from lbtwist.model.network import parse_network
from lbtwist.model.plane import Member
from lbtwist.model.routing import Rule
from lbtwist.net.http.frontend import MAX_HOPS, HttpFrontend
from tests.net.bench import WEB, address_of
from tests.net.http.stage import (
    DATE,
    MASK,
    SWITCHED,
    TIMEOUTS,
    UPGRADE,
    Stage,
    answers,
    http,
    read,
    request,
    response,
)

COOKIES = {1: b"1" * 16, 2: b"2" * 16}
PERSISTENCE = 100.0


def sticky(*numbers: int) -> Stage:
    """Servers that clients are tied to by the cookie SERVERID."""
    stage = http(idle_timeout=1000.0)
    stage.serve(1)
    stage.serve(2)
    tie(stage, *(numbers or (1, 2)))
    return stage


def tie(stage: Stage, *numbers: int, persistence: float = PERSISTENCE) -> None:
    members = (Member(n, f"app/s{n}#{n}", address_of(n), 1, cookie=COOKIES[n]) for n in numbers)
    stage.rotate(*members, scheduler="rr", persistence=persistence, cookie=b"SERVERID")


def asked(stage: Stage, client: object, *fields: str) -> tuple[int, bytes | None]:
    """The server that a request of `client` went to, and the Set-Cookie of its response."""
    client.say(request("GET", "/", *fields))  # type: ignore[attr-defined]
    ((number, server),) = [(n, end) for n in (1, 2) for end in stage.accepted[n] if end.hear()]
    server.say(response(b""))
    return number, answers(client.hear())[0].field("set-cookie")  # type: ignore[attr-defined]


def set_cookie(number: int) -> bytes:
    return b"SERVERID=%b; Path=/; HttpOnly; Max-Age=100" % COOKIES[number]


def cookie(number: int) -> str:
    return f"Cookie: SERVERID={COOKIES[number].decode()}"


def test_a_client_without_the_cookie_is_given_it() -> None:
    stage = sticky()
    client = stage.client()
    assert asked(stage, client) == (1, set_cookie(1))
    assert re.fullmatch(rb"SERVERID=[0-9a-f]{16}; Path=/; HttpOnly; Max-Age=100", set_cookie(1))


def test_a_client_with_the_cookie_goes_to_its_server() -> None:
    stage = sticky()
    for number in (2, 2, 1, 1, 2):
        assert asked(stage, stage.client(), cookie(number))[0] == number


def test_on_its_connection_a_client_is_given_it_again_when_half_is_over() -> None:
    stage = sticky()
    client = stage.client()
    assert asked(stage, client) == (1, set_cookie(1))
    stage.clock.advance(PERSISTENCE / 2 - 1)
    assert asked(stage, client, cookie(1)) == (1, None)
    stage.clock.advance(1)
    assert asked(stage, client, cookie(1)) == (1, set_cookie(1))
    stage.clock.advance(1)
    assert asked(stage, client, cookie(1)) == (1, None)


def test_on_another_connection_it_is_given_again() -> None:
    stage = sticky()
    assert asked(stage, stage.client(), cookie(2)) == (2, set_cookie(2))


def test_who_does_not_send_it_is_given_it_again() -> None:
    stage = sticky()
    client = stage.client()
    assert asked(stage, client) == (1, set_cookie(1))
    assert asked(stage, client) == (2, set_cookie(2))


def test_rule_10_the_cookie_of_a_server_that_takes_nothing_new_is_ignored_and_replaced() -> None:
    """Rule 10."""
    stage = sticky(2)
    client = stage.client()
    assert asked(stage, client, cookie(1)) == (2, set_cookie(2))
    assert asked(stage, client, cookie(2)) == (2, None)


@pytest.mark.parametrize("value", ["", "3" * 16, "1" * 15, "é"])
def test_a_cookie_that_nobody_gave_is_replaced(value: str) -> None:
    stage = sticky()
    assert asked(stage, stage.client(), f"Cookie: SERVERID={value}") == (1, set_cookie(1))


def test_its_server_does_not_see_it() -> None:
    stage = sticky()
    client, server = stage.asks(request("GET", "/", f"Cookie: a=b; SERVERID={COOKIES[1].decode()}; c=d"))
    assert read(server.hear()).field("cookie") == b"a=b; c=d"
    server.say(response(b"", "Set-Cookie: own=1"))
    assert client.said().fields[b"set-cookie"] == [b"own=1", set_cookie(1)]


def test_without_a_cookie_in_the_rotation_none_is_given_or_taken_out() -> None:
    stage = http()
    client, server = stage.asks(request("GET", "/", cookie(1)))
    assert read(server.hear()).field("cookie") == cookie(1)[8:].encode()
    server.say(response(b""))
    assert client.said().field("set-cookie") is None


def test_a_websocket_is_tied_as_well() -> None:
    stage = sticky()
    client, server = stage.asks(UPGRADE)
    server.say(SWITCHED)
    assert read(client.hear()).field("set-cookie") == set_cookie(1)


def test_the_first_rule_that_matches_counts() -> None:
    rules = (
        Rule(host=b"a.example", path_prefix=b"/gone", respond=410),
        Rule(path_prefix=b"/gone", respond=404),
        Rule(host=b"*.b.example", redirect=b"https://{host}{target}"),
    )
    stage = http(rules=rules)
    client = stage.client()
    client.say(
        request("GET", "/gone"),
        request("GET", "/gone/x", host="other"),
        request("GET", "/x?q={host}", host="X.b.example:81"),
    )
    gone, missing, elsewhere = answers(client.hear())
    assert [gone.status, missing.status, elsewhere.status] == [410, 404, 302]
    assert elsewhere.field("location") == b"https://x.b.example/x?q={host}"
    assert gone.field("connection") is None
    assert client.end == ""
    assert stage.dialer.dialled == []
    assert (stage.tally().total, stage.tally().live) == (3, 0)
    client.say(request("GET", "/goner"))
    assert stage.accepted[1][0].hear()


def test_a_rules_answer_has_no_body_for_head_and_closes_where_the_request_has_one() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.say(request("HEAD"))
    assert client.said(bodyless=True).status == 404
    client.say(request("POST", body=b"abc"))
    said = client.said()
    assert (said.status, said.field("connection"), client.end) == (404, b"close", "fin")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_rules_answer_ends_the_connection_where_the_client_does(version: str) -> None:
    stage = http(rules=(Rule(respond=204),))
    client = stage.client()
    client.say(request("GET", "/", "Connection: close", version=version))
    assert client.said().status == 204
    assert client.end == "fin"


def test_rule_71_a_rules_answer_is_the_last_where_the_listener_leaves() -> None:
    """Rule 71."""
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.say(request())
    assert client.said().field("connection") is None
    stage.plane.stop_accepting(1)
    client.say(request())
    assert client.said().field("connection") == b"close"
    assert client.end == "fin"


@pytest.mark.parametrize("path", ["/a/../b", "/a/./b", "/a%2fb", "/%2e%2e/b", "/a/.."])
def test_a_path_that_climbs_is_refused_where_paths_are_routed_on_alone(path: str) -> None:
    stage = http()
    client, server = stage.asks(request("GET", path))
    assert read(server.hear()).first == f"GET {path} HTTP/1.1".encode()
    server.say(response(b""))
    client.hear()
    stage.listen(**TIMEOUTS, rules=(Rule(host=b"other", path_prefix=b"/x", respond=404),))
    client.say(request("GET", path))
    assert client.said().status == 400


def test_a_rule_that_is_changed_counts_for_the_next_request() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    client.say(request())
    assert client.said().status == 404
    stage.listen(**TIMEOUTS)
    client.say(request())
    stage.accepted[1][0].say(response(b"x"))
    assert client.said().status == 200


def test_a_response_without_a_date_gets_one_and_its_own_stays() -> None:
    stage = http()
    stage.servers(1)
    client, server = stage.asks(request())
    server.say(response(b""))
    assert client.said().field("date") == DATE
    client.say(request())
    server.say(response(b"", "Date: Mon, 07 Nov 1994 08:49:37 GMT", "Via: 1.0 cache"))
    said = client.said()
    assert said.field("date") == b"Mon, 07 Nov 1994 08:49:37 GMT"
    assert said.field("via") == b"1.0 cache, 1.1 lbtwist"


def test_hop_by_hop_fields_go_no_further() -> None:
    stage = http()
    hop = (
        "Connection: X-Mine, keep-alive",
        "X-Mine: 1",
        "Keep-Alive: 1",
        "TE: trailers",
        "Proxy-Connection: x",
    )
    client, server = stage.asks(request("GET", "/", *hop, "X-Other: 2", "Via: 1.0 before"))
    asked = read(server.hear())
    assert set(asked.fields) == {
        b"host",
        b"x-other",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-forwarded-host",
        b"via",
    }
    assert asked.field("via") == b"1.0 before, 1.1 lbtwist"
    server.say(response(b"", *hop, "X-Other: 2"))
    assert set(client.said().fields) == {b"x-other", b"date", b"via", b"content-length"}


def test_what_an_untrusted_client_tells_of_itself_is_replaced() -> None:
    stage = http()
    told = (
        "X-Forwarded-For: 10.0.0.9",
        "Forwarded: for=10.0.0.9",
        "X-Real-IP: 10.0.0.9",
        "X-Forwarded-Anything: x",
    )
    _, server = stage.asks(request("GET", "/", *told))
    asked = read(server.hear())
    assert asked.field("x-forwarded-for") == b"192.0.2.1"
    assert not {b"forwarded", b"x-real-ip", b"x-forwarded-anything"} & set(asked.fields)


def test_masks_are_asked_for_anew() -> None:
    """RFC 6455, 5.3: fresh for each frame."""
    stage = http()
    masks = [MASK, b"\0\0\0\0"]
    stage.plane._frontends[1].means = stage.plane._frontends[1].means._replace(
        random=lambda count: masks.pop()
    )
    (_, first), (_, second) = stage.tunnel(), stage.tunnel(server=2)
    stage.plane.cut_connection(1)
    stage.plane.cut_connection(2)
    stage.settle()
    assert first.hear()[2:6] == b"\0\0\0\0"
    assert second.hear()[2:6] == MASK


def test_what_is_kept_of_addresses_is_bounded_and_follows_the_policy() -> None:
    stage = http()
    frontend = stage.plane._frontends[WEB]
    assert isinstance(frontend, HttpFrontend)
    transport = cast(Any, None)
    assert frontend.hop("192.0.2.1", transport) is frontend.hop("192.0.2.1", transport)
    others = {frontend.hop(f"10.0.{n // 250}.{n % 250}", transport).peer for n in range(2 * MAX_HOPS)}
    assert len(others) == 2 * MAX_HOPS
    assert len(frontend._hops) <= MAX_HOPS
    trusting = replace(frontend.policy, trusted_proxies=(parse_network("192.0.2.0/24"),))
    frontend.adopt(trusting, frontend.group)
    assert frontend.hop("192.0.2.1", transport).trusted
