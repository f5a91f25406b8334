"""`route` of a tcp listener: which way a connection would go by its ClientHello, and why not another."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.console.render import as_text
from lbtwist.errors import UsageError
from lbtwist.service.verbs import explaining, looking, routing, taking_out
from tests.service.bench import Bench

TOML = """
[listeners.edge]
endpoint = "127.0.0.1:8443"
protocol = "tcp"
server_group = "app"
rules = [
    { server_name = "*.example.com", alpn = "acme-tls/1", server_group = "acme" },
    { server_name = "old.example.com", refuse = true },
    { server_name = "*.example.com", server_group = "www" },
]
[listeners.raw]
endpoint = "127.0.0.1:9000"
protocol = "tcp"
server_group = "app"
[server_groups.app.servers]
one = "10.0.0.1:443"
[server_groups.www]
session_persistence = { type = "source_ip" }
[server_groups.www.servers]
one = "10.0.1.1:443"
two = { address = "10.0.1.2:443", max_connections = 1 }
[server_groups.acme.servers]
one = "10.0.2.1:443"
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def route(bench: Bench, name: str = "", alpn: str = "", listener: str = "edge", client: str = "") -> Any:
    return routing.route(bench.call(), listener, server_name=name, alpn=alpn, client=client).data


def label(bench: Bench, name: str) -> str:
    group, _, server = name.partition("/")
    found = bench.balancer.group(group).members.current(server)
    assert found is not None
    return found.label


def test_a_name_that_no_rule_has_goes_to_the_listener_s_own_group(bench: Bench) -> None:
    told = route(bench, "Example.com.", "h2,http/1.1")
    assert (told["listener"], told["server_name"], told["alpn"]) == (
        "edge",
        "example.com",
        ["h2", "http/1.1"],
    )
    assert (told["outcome"], told["rule"], told["server_group"]) == ("server_group", None, "app")
    assert (told["client"], told["reason"], told["persistence"]) == ("any", "", "none")
    assert [(row["rule"], row["matches"], row["differs"]) for row in told["rules"]] == [
        (1, False, "server_name"),
        (2, False, "server_name"),
        (3, False, "server_name"),
    ]


def test_a_rule_gives_it_to_another_group_and_none_is_asked_after_it(bench: Bench) -> None:
    told = route(bench, "old.example.com", "acme-tls/1")
    assert (told["outcome"], told["rule"], told["server_group"]) == ("server_group", 1, "acme")
    assert told["rules"] == [
        {
            "rule": 1,
            "server_name": "*.example.com",
            "alpn": ["acme-tls/1"],
            "goes": "server_group acme",
            "matches": True,
            "differs": "",
        }
    ]


def test_a_rule_refuses_it(bench: Bench) -> None:
    told = route(bench, "old.example.com", "h2")
    assert (told["outcome"], told["rule"], told["server_group"]) == ("refuse", 2, None)
    assert (told["servers"], told["persistence"], told["tied"]) == ([], None, None)
    assert [(row["goes"], row["differs"]) for row in told["rules"]] == [
        ("server_group acme", "alpn"),
        ("refuse", ""),
    ]


@pytest.mark.parametrize("listener", ["edge", "raw"])
def test_who_asks_for_nothing_goes_to_the_listener_s_own_group(bench: Bench, listener: str) -> None:
    told = route(bench, listener=listener)
    assert (told["server_name"], told["alpn"], told["server_group"]) == (None, [], "app")
    assert [row["server"] for row in told["servers"]] == [label(bench, "app/one")]


def test_the_servers_are_those_that_the_client_would_be_offered(bench: Bench) -> None:
    two = next(m for m in bench.plane.rotations["www"].members if m.label == label(bench, "www/two"))
    bench.plane.ties["192.0.2.7"] = two.number
    told = route(bench, "www.example.com", client="192.0.2.7")
    assert (told["client"], told["persistence"], told["tied"]) == ("192.0.2.7", "source_ip", two.label)
    assert [row["server"] for row in told["servers"]] == [two.label, label(bench, "www/one")]


def test_without_a_server_it_says_why(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["www/one", "www/two"], force=True)
    told = route(bench, "www.example.com")
    assert (told["outcome"], told["reason"]) == ("server_group", "no server may take new connections")


@pytest.mark.parametrize("name", ["a b", "a..b", "*.example.com", "ä", "[::1]"])
def test_what_is_no_name_is_wrong_usage(bench: Bench, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--server-name: .* is not a name, as www.example.com$"):
        route(bench, name)


def test_why_names_the_rule_that_reaches_a_group(bench: Bench) -> None:
    assert explaining.why(bench.call(), "www/one").data["listeners"] == ["edge (rule 3)"]


def test_listeners_are_shown_with_the_groups_of_their_rules(bench: Bench) -> None:
    rows = {row["listener"]: row["rule_groups"] for row in looking.listeners(bench.call()).data}
    assert rows == {"edge": ["acme", "www"], "raw": []}


def test_the_answer_fits_on_a_screen(bench: Bench) -> None:
    lines = as_text(route(bench, "www.example.com", "h2")).splitlines()
    assert lines[0].split() == ["listener", "edge"]
    assert max(map(len, lines)) <= 80
