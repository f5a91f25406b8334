"""What http listeners and groups say reaches the data plane, and a reload of it touches no connection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from lbtwist.errors import ConfigurationError
from lbtwist.model.network import parse_network
from lbtwist.model.persistence import cookie_value
from lbtwist.model.plane import ListenerPolicy
from lbtwist.model.routing import Rule
from lbtwist.model.token_bucket import Rate
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.cookie_secret import CookieSecret
from lbtwist.service.loading import Loaded
from lbtwist.service.makers import makers
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs import explaining, membership, settings
from tests.service.bench import ADA, Bench, config
from tests.service.fakes import FakeDataPlane

WEB = '[listeners.web]\nendpoint = "127.0.0.1:8080"\nprotocol = "http"\nserver_group = "app"\n'
RULES = 'rules = [{ host = "a", redirect = "/" }, { path_prefix = "/api", server_group = "api" }]\n'
COOKIE = '[server_groups.app.session_persistence]\ntype = "cookie"\ntimeout = 50\n'
APP = '[server_groups.app.servers]\necs01 = "10.0.0.1:80"\necs02 = "10.0.0.2:80"\n'
API = '[server_groups.api.servers]\none = "10.0.1.1:80"\n'
TOML = WEB + RULES + COOKIE + APP + API


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def reload(bench: Bench, toml: str) -> list[str]:
    """What was changed, a line each."""
    done: list[list[str]] = []
    Reloader(bench.balancer, lambda: succeed(Loaded(config(toml)))).reload().addCallback(done.append)
    return done[0]


def policy(bench: Bench) -> ListenerPolicy:
    return bench.plane.policies[bench.balancer.listeners["web"].number]


def cookies(bench: Bench) -> list[bytes]:
    return [member.cookie for member in bench.plane.rotations["app"].members]


# Listeners.


def test_the_policy_of_an_http_listener() -> None:
    rules = """
        [[listeners.web.rules]]
        host = "*.Example.com"
        path_prefix = "/a"
        redirect = "https://{host}{target}"
        [[listeners.web.rules]]
        respond = { status = 404 }
    """
    bench = Bench(
        '[load_balancer]\nname = "edge"\n'
        + WEB
        + "idle_timeout = 1\nconnect_timeout = 2\nmax_connections = 3\nrequest_timeout = 4\n"
        + "header_timeout = 5\ntunnel_timeout = 6\ntrusted_proxies = ['10.0.0.0/8']\n"
        + "proxy_protocol = true\n"
        + "allow = ['10.0.0.0/8']\ndeny = ['10.0.0.0/24']\nmax_connections_per_client = 7\n"
        + "rate = { per_client = 8, per_client_burst = 9, total = 1.5, total_burst = 11 }\n"
        + rules
        + APP
    )
    assert policy(bench) == ListenerPolicy(
        number=bench.balancer.listeners["web"].number,
        name="web",
        group="app",
        protocol="http",
        idle_timeout=1.0,
        connect_timeout=2.0,
        max_connections=3,
        request_timeout=4.0,
        header_timeout=5.0,
        tunnel_timeout=6.0,
        proxy_name=b"edge",
        proxy_protocol=True,
        trusted_proxies=(parse_network("10.0.0.0/8"),),
        allow=(parse_network("10.0.0.0/8"),),
        deny=(parse_network("10.0.0.0/24"),),
        max_connections_per_client=7,
        client_rate=Rate(8.0, 9),
        total_rate=Rate(1.5, 11),
        rules=(
            Rule(host=b"*.example.com", path_prefix=b"/a", redirect=b"https://{host}{target}"),
            Rule(respond=404),
        ),
    )


def test_rule_72_a_listener_drains_for_the_longest_timeout_of_its_groups(bench: Bench) -> None:
    """A rule's group counts: nothing is cut before its own group would cut it."""
    reload(bench, TOML + "[server_groups.api.connection_draining]\ntimeout = 400\n")
    (connection,) = bench.connect("app/ecs01#2")
    bench.balancer.retire(bench.balancer.listeners["web"], ADA)
    bench.clock.advance(399.9)
    assert connection.live
    bench.clock.advance(0.1)
    assert not connection.live


def test_why_tells_the_rule_by_which_a_listener_reaches_a_server(bench: Bench) -> None:
    told: Any = [explaining.why(bench.call(), server).data for server in ("app/ecs01", "api/one")]
    assert [data["listeners"] for data in told] == [["web"], ["web (rule 2)"]]


# Groups.


def test_the_rotation_of_an_http_group() -> None:
    bench = Bench(
        WEB
        + "[server_groups.app]\nkeepalive = 7\nkeepalive_timeout = 8\n"
        + "connection_draining = { error_status = 503, websocket_close = 1012 }\n"
        + COOKIE
        + 'cookie = "STICKY"\n'
        + APP
    )
    rotation = bench.plane.rotations["app"]
    assert (rotation.keepalive, rotation.keepalive_timeout) == (7, 8.0)
    assert (rotation.error_status, rotation.websocket_close) == (503, 1012)
    assert (rotation.persistence, rotation.cookie) == (50.0, b"STICKY")


def test_members_have_a_cookie_only_where_clients_are_known_by_one(bench: Bench) -> None:
    assert cookies(bench) == [cookie_value(b"secret", "app", name) for name in ("ecs01", "ecs02")]
    reload(bench, TOML.replace('"cookie"', '"source_ip"'))
    rotation = bench.plane.rotations["app"]
    assert (rotation.cookie, rotation.persistence, cookies(bench)) == (b"", 50.0, [b"", b""])
    assert bench.plane.rotations["api"].members[0].cookie == b""


def test_a_cookie_is_the_same_whatever_else_becomes_of_a_server(bench: Bench) -> None:
    first = cookies(bench)
    membership.weigh(bench.call(), "app/ecs01", 5)
    reload(bench, TOML.replace("10.0.0.2", "10.0.0.9"))
    assert cookies(bench) == first


def test_a_renamed_server_has_the_cookie_that_it_would_have_after_a_restart(bench: Bench) -> None:
    renamed = TOML.replace("ecs01", "new")
    reload(bench, renamed)
    assert cookies(bench) == cookies(Bench(renamed))


def test_another_secret_makes_other_cookies(bench: Bench) -> None:
    first = cookies(bench)
    reload(bench, TOML.replace(COOKIE, COOKIE + "secret = 'hunter2-hunter2-hunter2'\n"))
    assert cookies(bench) == [
        cookie_value(b"hunter2-hunter2-hunter2", "app", name) for name in ("ecs01", "ecs02")
    ]
    assert not set(first) & set(cookies(bench))


# The secret.


def started(directory: Path, toml: str = TOML) -> list[bytes]:
    """The cookies of a load balancer that keeps its secret there."""
    plane, clock = FakeDataPlane(), Clock()
    made = makers(clock, None, CookieSecret(directory, os.urandom))  # type: ignore[arg-type]
    balancer = LoadBalancer(config(toml), plane, clock, made)
    balancer.startService()
    return [member.cookie for member in plane.rotations["app"].members]


def test_cookies_survive_a_restart(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert len(set(first)) == 2
    assert started(tmp_path) == first
    (tmp_path / "cookie_secret").unlink()
    assert not set(started(tmp_path)) & set(first)


def test_no_secret_is_made_where_none_is_needed(tmp_path: Path) -> None:
    own = TOML.replace(COOKIE, COOKIE + "secret = 'hunter2-hunter2-hunter2'\n")
    assert started(tmp_path, own)[0] == cookie_value(b"hunter2-hunter2-hunter2", "app", "ecs01")
    started(tmp_path, TOML.replace(COOKIE, ""))
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_can_t_be_kept_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "cookie_secret").write_bytes(b"short")
    (tmp_path / "cookie_secret").chmod(0o600)
    with pytest.raises(
        ConfigurationError, match=r"server_groups\.app\.session_persistence: .*cookie_secret: it has"
    ):
        started(tmp_path)


def test_a_secret_is_not_shown_by_get() -> None:
    bench = Bench(TOML.replace(COOKIE, COOKIE + "secret = 'hunter2-hunter2-hunter2'\n"))
    whole: Any = settings.get(bench.call()).data
    (row,) = [row for row in whole if row["key"].endswith(".secret")]
    key = "server_groups.app.session_persistence.secret"
    assert (row["key"], row["value"]) == (key, "***")
    one: Any = settings.get(bench.call(), key).data
    assert one == [row]


# Reloads.


def changes(toml: str) -> dict[str, str]:
    return {
        "timeouts": toml.replace(
            RULES, RULES + "request_timeout = 9\nheader_timeout = 8\ntunnel_timeout = 7\n"
        ),
        "proxies": toml.replace(RULES, RULES + "trusted_proxies = ['10.0.0.0/8']\n"),
        "rules": toml.replace("/api", "/v2"),
        "no rules": toml.replace(RULES, ""),
        "keepalive": toml + "[server_groups.app.connection_draining]\nerror_status = 502\n",
        "cookie": toml.replace(COOKIE, COOKIE + "cookie = 'OTHER'\n"),
        "secret": toml.replace(COOKIE, COOKIE + "secret = 'hunter2-hunter2-hunter2'\n"),
        "name": '[load_balancer]\nname = "edge"\n' + toml,
    }


@pytest.mark.parametrize("name", changes(TOML))
def test_a_reload_of_what_http_has_touches_no_connection(bench: Bench, name: str) -> None:
    """rule 73"""
    (connection,) = bench.connect("app/ecs01#2")
    (other,) = bench.connect("api/one#4")
    number, before = bench.balancer.listeners["web"].number, (policy(bench), dict(bench.plane.rotations))
    assert reload(bench, changes(TOML)[name]) != []
    assert (policy(bench), bench.plane.rotations) != before
    assert bench.balancer.listeners["web"].number == number
    assert (connection.live, other.live, list(bench.balancer.drains)) == (True, True, [])
    assert bench.plane.forgotten == []


def test_another_name_of_the_load_balancer_reaches_http_listeners_alone() -> None:
    mail = WEB.replace("web", "mail").replace("8080", "8025").replace("http", "tcp").replace('"app"', '"api"')
    toml = WEB + mail + APP + API
    bench = Bench(toml)
    bench.plane.told.clear()
    changed = ["listener web changed", "load_balancer changed"]
    assert reload(bench, '[load_balancer]\nname = "edge"\n' + toml) == changed
    assert bench.plane.told == [("serve", bench.balancer.listeners["web"].number)]
    assert policy(bench).proxy_name == b"edge"


def test_a_new_listener_of_the_same_reload_has_the_new_name(bench: Bench) -> None:
    reload(bench, '[load_balancer]\nname = "edge"\n' + TOML.replace("8080", "8081"))
    assert policy(bench).proxy_name == b"edge"


def test_another_protocol_at_the_same_endpoint_is_another_listener() -> None:
    """rule 72: the connections that speak the old one are drained"""
    tcp = WEB.replace("http", "tcp") + APP
    bench = Bench(tcp)
    (connection,) = bench.connect("app/ecs01#2")
    number = bench.balancer.listeners["web"].number
    done = reload(bench, WEB + APP)
    assert done[-2:] == ["listener web at 127.0.0.1:8080 removed", "listener web at 127.0.0.1:8080 added"]
    assert bench.balancer.listeners["web"].number != number
    assert (policy(bench).protocol, connection.live, len(list(bench.balancer.drains))) == ("http", True, 1)
    bench.clock.advance(300)
    assert not connection.live


def test_a_reload_warns_of_what_a_start_would_warn_of(bench: Bench, warned: list[str]) -> None:
    """rule 43"""
    reload(bench, TOML + "[server_groups.api.connection_draining]\ntimeout = 60\n")
    assert warned == [
        "reload: server_groups.api.connection_draining.timeout: 60 s is not longer than "
        "listeners.web.request_timeout (60 s): "
        "a request that may still be answered in time is cut when its server is removed"
    ]
