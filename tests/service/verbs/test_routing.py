"""`route`: which way a request would go, and why not another."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.console.render import as_text
from lbtwist.errors import Refused, UsageError
from lbtwist.model.registration import Registration
from lbtwist.net.plane import PREVIEWED
from lbtwist.service.verbs import explaining, routing, taking_out
from tests.service.bench import Bench
from tests.service.world import FAILS

TOML = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "http"
server_group = "app"
rules = [
    { host = "*.example.com", path_prefix = "/api", server_group = "api" },
    { path_prefix = "/old", redirect = "https://{host}/new{target}" },
    { host = "gone.test", respond = { status = 410 } },
]
[listeners.flat]
endpoint = "127.0.0.1:8081"
protocol = "http"
server_group = "api"
[listeners.raw]
endpoint = "127.0.0.1:9000"
protocol = "tcp"
server_group = "raw"
[server_groups.app]
session_persistence = { type = "source_ip" }
[server_groups.app.servers]
one = "10.0.0.1:80"
two = { address = "10.0.0.2:80", max_connections = 1 }
spare = { address = "10.0.0.3:80", backup = true }
[server_groups.api]
session_persistence = { type = "cookie", secret = "0123456789abcdef" }
[server_groups.api.servers]
one = "10.0.1.1:80"
two = "10.0.1.2:80"
[server_groups.raw.servers]
one = "10.0.2.1:80"
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def route(bench: Bench, url: str, listener: str = "web", **options: str) -> dict[str, Any]:
    told: dict[str, Any] = routing.route(bench.call(), listener, url, **options).data
    return told


def server(bench: Bench, name: str) -> Registration:
    group, _, server = name.partition("/")
    found = bench.balancer.group(group).members.current(server)
    assert found is not None
    return found


def label(bench: Bench, name: str) -> str:
    return server(bench, name).label


def places(told: dict[str, Any]) -> list[tuple[int | None, str, str | None, str]]:
    return [
        (row["place"], row["server"].split("#")[0], row["first_no"], row["reason"]) for row in told["servers"]
    ]


def test_a_request_that_meets_no_rule_goes_to_the_listener_s_own_group(bench: Bench) -> None:
    told = route(bench, "http://Example.com:8080/a?b")
    assert (told["listener"], told["client"]) == ("web", "any")
    assert (told["host"], told["path"]) == ("example.com", "/a")
    assert (told["outcome"], told["rule"], told["server_group"]) == ("server_group", None, "app")
    assert (told["status"], told["reason"], told["location"]) == (None, "", None)
    assert told["rules"] == [
        {
            "rule": 1,
            "host": "*.example.com",
            "path_prefix": "/api",
            "goes": "server_group api",
            "matches": False,
            "differs": "host",
        },
        {
            "rule": 2,
            "host": "",
            "path_prefix": "/old",
            "goes": "redirect https://{host}/new{target}",
            "matches": False,
            "differs": "path",
        },
        {
            "rule": 3,
            "host": "gone.test",
            "path_prefix": "",
            "goes": "respond 410",
            "matches": False,
            "differs": "host",
        },
    ]


def test_a_rule_gives_it_to_another_group(bench: Bench) -> None:
    told = route(bench, "a.example.com/api/v1")
    assert (told["outcome"], told["rule"], told["server_group"]) == ("server_group", 1, "api")
    assert [(row["rule"], row["matches"], row["differs"]) for row in told["rules"]] == [(1, True, "")]
    assert places(told) == [(1, "api/one", None, "no_health_check"), (2, "api/two", None, "no_health_check")]


def test_a_redirect_is_told_with_where_it_leads(bench: Bench) -> None:
    told = route(bench, "shop.test:8080/old/a?b=c")
    assert (told["outcome"], told["rule"], told["server_group"]) == ("redirect", 2, None)
    assert told["location"] == "https://shop.test/new/old/a?b=c"
    assert (told["status"], told["persistence"], told["tied"], told["servers"]) == (302, None, None, [])


def test_a_response_of_our_own_is_told_with_its_status(bench: Bench) -> None:
    told = route(bench, "gone.test")
    assert (told["outcome"], told["rule"], told["status"], told["servers"]) == ("respond", 3, 410, [])


def test_a_path_that_climbs_is_refused_before_any_rule(bench: Bench) -> None:
    told = route(bench, "/old/%2e%2e/secret")
    assert (told["outcome"], told["status"], told["reason"]) == ("refused", 400, "a path that climbs")
    assert (told["rule"], told["rules"], told["server_group"], told["servers"]) == (None, [], None, [])
    assert route(bench, "/old/../secret", "flat")["outcome"] == "server_group"


def test_the_first_of_the_order_is_marked(bench: Bench) -> None:
    told = route(bench, "/", "flat")
    assert [row["first"] for row in told["servers"]] == ["→", " "]
    assert told["servers"][0] == {
        "first": "→",
        "place": 1,
        "server": label(bench, "api/one"),
        "address": "10.0.1.1:80",
        "state": "healthy",
        "reason": "no_health_check",
        "first_no": None,
    }


def test_who_is_not_in_the_order_says_the_first_condition_that_says_no(bench: Bench) -> None:
    bench.connect(label(bench, "app/two"))
    taking_out.drain(bench.call(), ["app/one"], force=True)
    told = route(bench, "/")
    by_server = {row["server"]: row for row in told["servers"]}
    for name in ("app/one", "app/spare"):
        why = explaining.why(bench.call(), name).data
        row = by_server[why["server"]]
        assert row["place"] is None
        assert [row[key] for key in ("first_no", "reason", "state")] == [
            why[key] for key in ("first_no", "reason", "state")
        ]
    assert by_server[label(bench, "app/one")]["first_no"] == "admin"
    assert by_server[label(bench, "app/spare")]["first_no"] == "turn"


def test_rule_1_a_server_that_is_leaving_is_told_and_in_no_order(bench: Bench) -> None:
    bench.connect(label(bench, "api/one"))
    taking_out.remove(bench.call(), ["api/one"])
    assert places(route(bench, "/", "flat")) == [
        (1, "api/two", None, "no_health_check"),
        (None, "api/one", "membership", "deregistered"),
    ]


def test_rule_13_without_a_server_it_gets_503(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["api/one", "api/two"], force=True)
    told = route(bench, "/", "flat")
    assert (told["outcome"], told["status"]) == ("server_group", 503)
    assert told["reason"] == "no server may take new connections"
    assert [place for place, *_ in places(told)] == [None, None]


@pytest.mark.parametrize(
    ("queue", "status", "reason"),
    [(0, 503, "every server is full"), (5, None, "every server is full: it waits")],
)
def test_where_every_server_is_full_it_gets_503_or_waits(queue: int, status: int | None, reason: str) -> None:
    """Full by connections that are not yet established, too: those only the data plane counts."""
    bench = Bench(
        '[listeners.web]\nendpoint = 8080\nprotocol = "http"\n'
        f"[server_groups.app]\nmax_queue = {queue}\n[server_groups.app.servers]\n"
        'one = { address = "10.0.0.1:80", max_connections = 1 }\n'
    )
    bench.plane.full.add(server(bench, "app/one").number)
    told = route(bench, "/")
    assert (told["status"], told["reason"]) == (status, reason)
    assert places(told) == [(None, "app/one", None, "full")]
    bench.connect(label(bench, "app/one"))
    assert places(route(bench, "/")) == [(None, "app/one", "limit", "full")]


def test_who_is_beyond_those_that_are_told_comes_later() -> None:
    """Limits are not why: nobody knows whether it is full."""
    servers = "".join(
        f's{number} = {{ address = "10.0.{number // 250}.{number % 250}:80", max_connections = 5 }}\n'
        for number in range(PREVIEWED + 1)
    )
    bench = Bench(
        f'[listeners.web]\nendpoint = 8080\nprotocol = "http"\n[server_groups.app.servers]\n{servers}'
    )
    told = route(bench, "/")
    assert [row["place"] for row in told["servers"]] == [*range(1, PREVIEWED + 1), None]
    assert told["servers"][-1]["reason"] == "later"


def test_who_is_not_in_the_scheduler_s_order_yet_comes_later(bench: Bench) -> None:
    bench.plane.full.add(server(bench, "app/one").number)
    assert (None, "app/one", None, "later") in places(route(bench, "/"))


def test_a_client_that_is_tied_by_its_address(bench: Bench) -> None:
    bench.plane.ties["192.0.2.7"] = server(bench, "app/two").number
    told = route(bench, "/", client="192.0.2.7")
    assert (told["client"], told["persistence"]) == ("192.0.2.7", "source_ip")
    assert told["tied"] == label(bench, "app/two")
    assert told["servers"][0]["server"] == told["tied"]
    assert route(bench, "/", client="::ffff:192.0.2.7")["tied"] == told["tied"]
    assert (route(bench, "/", client="192.0.2.8")["tied"], route(bench, "/")["tied"]) == (None, None)


def test_a_client_that_is_tied_by_its_cookie(bench: Bench) -> None:
    two = next(m for m in bench.plane.rotations["api"].members if m.label == label(bench, "api/two"))
    told = route(bench, "/", "flat", cookie=two.cookie.decode())
    assert (told["persistence"], told["tied"]) == ("cookie", two.label)
    assert told["servers"][0]["server"] == two.label
    assert route(bench, "/", "flat", cookie="another")["tied"] is None


def test_rule_29_servers_that_are_used_because_none_may_say_so() -> None:
    bench = Bench(
        '[listeners.web]\nendpoint = 8080\nprotocol = "http"\n[server_groups.app]\nfail_open = "all"\n'
        '[server_groups.app.health_check]\ntype = "tcp"\n[server_groups.app.servers]\none = "10.0.0.1:80"\n'
    )
    assert not route(bench, "/")["fail_open"]
    bench.clock.advance(1)
    for _ in range(3):
        group = bench.balancer.group("app")
        bench.world.servers.answers[server(bench, "app/one").address] = FAILS
        group.health.probe(server(bench, "app/one"))
    told = route(bench, "/")
    assert told["fail_open"]
    assert places(told) == [(1, "app/one", "health", "failed_health_checks")]


def test_a_server_whose_name_was_never_resolved_is_told() -> None:
    bench = Bench(
        '[listeners.web]\nendpoint = 8080\nprotocol = "http"\n'
        '[server_groups.app.servers]\none = "10.0.0.1:80"\nnamed = "named.test:80"\n'
    )
    told = route(bench, "/")
    assert places(told)[1] == (None, "app/named", "name", "name_not_resolved")
    assert set(told["servers"][0]) == set(told["servers"][1])


@pytest.mark.parametrize("client", ["192.0.2", "192.0.2.1:80", "localhost", "[::1", "10.0.0.0/8"])
def test_a_client_that_is_no_address_is_wrong_usage(bench: Bench, client: str) -> None:
    with pytest.raises(UsageError, match=r"^--client: .* is not an IP address"):
        route(bench, "/", client=client)


def test_a_url_that_no_request_may_have_is_wrong_usage(bench: Bench) -> None:
    with pytest.raises(UsageError, match="is not http://host/path"):
        route(bench, "ftp://example.com/")


@pytest.mark.parametrize("options", [{"url": "/"}, {"cookie": "a"}])
def test_a_listener_that_reads_no_requests_goes_by_no_url_and_no_cookie(
    bench: Bench, options: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"^listener raw is tcp: it reads no URL and no cookie$"):
        routing.route(bench.call(), "raw", **options)


@pytest.mark.parametrize(
    "options", [{}, {"url": "/", "server_name": "www.example.com"}, {"url": "/", "alpn": "h2"}]
)
def test_an_http_listener_goes_by_a_url_and_not_by_names(bench: Bench, options: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"^listener web is http: it needs a URL, and goes by no"):
        routing.route(bench.call(), "web", **options)


def test_a_listener_that_there_is_not_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="there is no listener zzz; there is: web, flat, raw"):
        route(bench, "/", "zzz")


def test_asking_changes_nothing(bench: Bench) -> None:
    before = (dict(bench.plane.rotations), list(bench.plane.told), bench.timers)
    assert route(bench, "/") == route(bench, "/")
    assert (dict(bench.plane.rotations), list(bench.plane.told), bench.timers) == before


def test_the_answer_fits_on_a_screen(bench: Bench) -> None:
    told = route(bench, "/", "flat")
    lines = as_text(told).splitlines()
    assert lines[0].split() == ["listener", "flat"]
    assert lines[lines.index("servers") + 1].split()[:3] == ["FIRST", "PLACE", "SERVER"]
    assert max(map(len, lines)) <= 80
