"""What a valid file becomes: values, defaults, and the way back to TOML."""

from __future__ import annotations

import math
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lbtwist.errors import ConfigurationError
from lbtwist.model.address import Address
from lbtwist.model.config import EXAMPLE, Config, Quorum, Recovery, Rejoin, parse, plain, warnings
from lbtwist.model.failopen import FailOpen
from lbtwist.model.hostname import HostName

MINIMAL = """
[listeners.web]
endpoint = ":8080"
protocol = "tcp"
[server_groups.app]
"""


def read(toml: str, **arguments: Any) -> Config:
    return parse(tomllib.loads(toml), **arguments)


def test_example_is_whole() -> None:
    config = read(EXAMPLE)
    assert config.listeners["web"].server_group == "app"
    assert config.server_groups["app"].servers["10.0.0.2:8080"].address == Address("10.0.0.2", 8080)
    assert warnings(config) == []


def test_defaults() -> None:
    config = read(MINIMAL)
    listener, group = config.listeners["web"], config.server_groups["app"]
    assert (config.console, config.status) == (None, None)
    assert config.load_balancer.name == "lbtwist"
    assert config.load_balancer.shutdown_timeout == 60
    assert (listener.idle_timeout, listener.connect_timeout, listener.max_connections) == (1800, 5, 0)
    assert config.load_balancer.server_networks == ()
    assert (group.scheduler, group.retries, group.min_healthy, group.port) == ("wrr", 2, Quorum(1), None)
    assert (group.fail_open, group.slow_start) == (FailOpen.RECOVERED, 0)
    assert (group.max_queue, group.queue_timeout) == (0, 5)
    assert (group.health_check, group.discovery, group.servers) == (None, None, {})
    assert (group.session_persistence.type, group.session_persistence.timeout) == ("none", 1000)
    draining = group.connection_draining
    assert (draining.timeout, draining.on_unhealthy, draining.spread) == (300, None, 0)
    assert (draining.rejoin, draining.recovery) == (Rejoin.AFTER_DRAIN, Recovery.LATCHED)


def test_an_empty_file_is_valid_and_warned_about() -> None:
    assert warnings(read("")) == ["listeners: there is none, so no client can connect"]


def test_durations_are_floats_of_seconds() -> None:
    group = read(MINIMAL + "connection_draining = { timeout = '5m' }").server_groups["app"]
    assert group.connection_draining.timeout == 300.0
    assert type(group.connection_draining.timeout) is float


def test_never_is_infinite() -> None:
    group = read(MINIMAL + "connection_draining = { timeout = 'never' }").server_groups["app"]
    assert group.connection_draining.timeout == math.inf


@pytest.mark.parametrize("timeout", [0, 3600, "60m"])
def test_the_ends_of_a_range_belong_to_it(timeout: object) -> None:
    config = read(MINIMAL + f"connection_draining = {{ timeout = {timeout!r} }}")
    assert config.server_groups["app"].connection_draining.timeout in (0, 3600)


@pytest.mark.parametrize("form", [8080, ":8080", "8080"])
def test_endpoints_that_mean_the_same_are_equal(form: object) -> None:
    assert read(MINIMAL) == read(MINIMAL.replace('":8080"', repr(form)))


def test_servers_in_each_form_are_the_same() -> None:
    table = "[server_groups.app.servers]\n"
    forms = [
        'servers = ["10.0.0.1:80"]',
        table + '"10.0.0.1:80" = "10.0.0.1:80"',
        table + '"10.0.0.1:80" = { address = "10.0.0.1:80", weight = 100 }',
        'port = 80\nservers = ["10.0.0.1"]',
    ]
    servers = [read(MINIMAL + form).server_groups["app"].servers for form in forms]
    assert servers == [servers[0]] * len(forms)
    assert list(servers[0]) == ["10.0.0.1:80"]


def test_servers_may_be_given_by_the_name_of_their_host() -> None:
    group = read(
        MINIMAL + 'port = 80\nservers = { a = "APP1.internal", b = "app1.internal:81" }'
    ).server_groups["app"]
    assert [server.address for server in group.servers.values()] == [
        HostName("app1.internal", 80),
        HostName("app1.internal", 81),
    ]


def test_servers_of_a_list_are_named_by_their_host_and_port() -> None:
    group = read(MINIMAL + "port = 80\nservers = ['app1.internal', 'unix-a:81']").server_groups["app"]
    assert list(group.servers) == ["app1.internal:80", "unix-a:81"]


def test_what_else_a_server_has() -> None:
    toml = 'servers = { a = { address = "[::1]:1", max_connections = 9, backup = true, zone = "b" } }'
    server = read(MINIMAL + toml).server_groups["app"].servers["a"]
    assert (server.max_connections, server.backup, server.zone) == (9, True, "b")


def test_servers_keep_the_order_of_the_file() -> None:
    group = read(MINIMAL + 'servers = { b = "10.0.0.2:80", a = "10.0.0.1:80" }').server_groups["app"]
    assert list(group.servers) == ["b", "a"]


def test_the_ports_of_a_group_are_for_servers_without_one() -> None:
    group = read(
        MINIMAL + 'port = 80\nservers = { a = "[::1]", b = { address = "10.0.0.1:81" } }'
    ).server_groups["app"]
    assert [str(server.address) for server in group.servers.values()] == ["[::1]:80", "10.0.0.1:81"]


@pytest.mark.parametrize(
    ("written", "total", "needed"),
    [
        ("2", 10, 2),
        ("'50%'", 3, 2),
        ("'50%'", 4, 2),
        ("'0%'", 9, 0),
        ("'100%'", 9, 9),
        ("'1%'", 1, 1),
        ("'33%'", 0, 0),
        ("3", 1, 3),
    ],
)
def test_min_healthy_needs_a_number_or_a_percentage_rounded_up_rule_66(
    written: str, total: int, needed: int
) -> None:
    group = read(MINIMAL + f"min_healthy = {written}").server_groups["app"]
    assert group.min_healthy.needed(total) == needed


def test_defaults_are_for_those_that_do_not_say_their_own() -> None:
    config = read("""
        [defaults.listener]
        protocol = "tcp"
        idle_timeout = 7
        server_group = "a"
        [defaults.server_group]
        port = 80
        [defaults.server_group.connection_draining]
        timeout = 9
        rejoin = "alongside"
        [listeners.one]
        endpoint = 1
        [listeners.two]
        endpoint = 2
        idle_timeout = 8
        server_group = "b"
        [server_groups.a]
        servers = ["10.0.0.1"]
        [server_groups.b]
        connection_draining = { timeout = 10 }
    """)
    one, two = config.listeners.values()
    a, b = config.server_groups.values()
    assert (one.protocol, one.idle_timeout, one.server_group) == ("tcp", 7, "a")
    assert (two.protocol, two.idle_timeout, two.server_group) == ("tcp", 8, "b")
    assert list(a.servers) == ["10.0.0.1:80"]
    assert (a.connection_draining.timeout, b.connection_draining.timeout) == (9, 10)
    assert {a.connection_draining.rejoin, b.connection_draining.rejoin} == {Rejoin.ALONGSIDE}


def test_paths_are_relative_to_the_file() -> None:
    console = read('[console]\nadmin_keys = "keys/a"\nread_keys = "/r"', base=Path("/etc/lb")).console
    assert console is not None
    assert console.admin_keys == Path("/etc/lb/keys/a")
    assert console.read_keys == Path("/r")
    assert console.operate_keys is None
    assert str(console.endpoint) == "127.0.0.1:2222"
    assert (console.idle_timeout, console.max_sessions) == (3600, 32)


@pytest.mark.parametrize(
    ("own", "environ", "path"),
    [
        ("", {}, "/etc/lb/ssh_host_ed25519_key"),
        ("", {"STATE_DIRECTORY": ""}, "/etc/lb/ssh_host_ed25519_key"),
        ("", {"STATE_DIRECTORY": "/var/lib/lb"}, "/var/lib/lb/ssh_host_ed25519_key"),
        ("", {"STATE_DIRECTORY": "/var/lib/lb:/var/lib/b"}, "/var/lib/lb/ssh_host_ed25519_key"),
        ("host_key = 'mine'", {"STATE_DIRECTORY": "/var/lib/lb"}, "/etc/lb/mine"),
    ],
)
def test_host_key(own: str, environ: dict[str, str], path: str) -> None:
    console = read(f"[console]\nadmin_keys = 'a'\n{own}", base=Path("/etc/lb"), environ=environ).console
    assert console is not None
    assert console.host_key == Path(path)


@pytest.mark.parametrize(
    ("own", "environ", "path"),
    [
        ("", {}, None),
        ("", {"STATE_DIRECTORY": ""}, None),
        ("", {"STATE_DIRECTORY": "/var/lib/lb:/var/lib/b"}, "/var/lib/lb/state.json"),
        ("[load_balancer]", {"STATE_DIRECTORY": "/var/lib/lb"}, "/var/lib/lb/state.json"),
        ("[load_balancer]\nstate_file = 'mine'", {"STATE_DIRECTORY": "/var/lib/lb"}, "/etc/lb/mine"),
        ("[load_balancer]\nstate_file = ''", {"STATE_DIRECTORY": "/var/lib/lb"}, None),
    ],
)
def test_rule_67_where_the_state_file_is(own: str, environ: dict[str, str], path: str | None) -> None:
    found = read(own, base=Path("/etc/lb"), environ=environ).load_balancer.state_file
    assert found == (Path(path) if path else None)


def test_the_status_page_is_on_loopback() -> None:
    status = read("[status]").status
    assert status is not None
    assert str(status.endpoint) == "127.0.0.1:8404"


@pytest.mark.parametrize(
    ("written", "path"), [("access.log", "/etc/lb/access.log"), ("/var/a.log", "/var/a.log"), ("-", "-")]
)
def test_the_access_log_is_a_file_or_standard_output(written: str, path: str) -> None:
    log = read(f"[access_log]\npath = '{written}'", base=Path("/etc/lb")).access_log
    assert log is not None
    assert (log.path, log.format) == (Path(path), "json")


FULL = """
[load_balancer]
region = "eu é"
server_networks = ["10.0.0.0/24", "::/64"]
shutdown_timeout = "500ms"
[console]
endpoint = "unix:/run/lb"
admin_keys = "a"
[listeners.web]
endpoint = "[::1]:80"
protocol = "tcp"
server_group = "app"
[server_groups.app]
min_healthy = "50%"
slow_start = "1m"
scheduler = "maglev"
fail_open = "never"
max_queue = 7
queue_timeout = "250ms"
health_check = { type = "https", expected_codes = [200, "204", "300-399"], drain_codes = [503], ca = "ca" }
session_persistence = { type = "source_ip", timeout = "1h" }
servers = { a = { address = "10.0.0.1:80", weight = 0, max_connections = 3 }, b = "unix:/x", c = "app:80" }
connection_draining = { timeout = "never", rejoin = "cancel_drain" }
[server_groups.api]
servers = ["[::1]:80"]
connection_draining = { on_unhealthy = "never", recovery = "resume", spread = 5 }
health_check = { type = "none" }
[server_groups.found]
discovery = { type = "file", path = "servers", max_removal = 3 }
"""


def test_plain_is_what_a_file_says() -> None:
    values = plain(read(FULL, base=Path("/etc")))
    assert values["load_balancer"]["shutdown_timeout"] == 0.5
    assert values["console"]["admin_keys"] == "/etc/a"
    assert "read_keys" not in values["console"]
    assert values["server_groups"]["app"]["connection_draining"] == {
        "timeout": "never",
        "on_unhealthy": "same",
        "recovery": "latched",
        "rejoin": "cancel_drain",
        "spread": 0,
    }
    assert values["server_groups"]["app"]["min_healthy"] == "50%"
    assert values["server_groups"]["app"]["servers"]["b"] == {
        "address": "unix:/x",
        "weight": 100,
        "max_connections": 0,
        "backup": False,
        "zone": "",
    }
    assert repr(values["listeners"]["web"]["idle_timeout"]) == "1800"
    assert values["load_balancer"]["server_networks"] == ["10.0.0.0/24", "::/64"]
    assert values["server_groups"]["app"]["health_check"]["expected_codes"] == [200, 204, "300-399"]
    assert values["server_groups"]["app"]["health_check"]["ca"] == "/etc/ca"
    assert values["server_groups"]["api"]["connection_draining"]["on_unhealthy"] == "never"
    assert "discovery" not in values["server_groups"]["app"]
    assert "health_check" not in values["server_groups"]["found"]
    assert values["server_groups"]["found"]["discovery"] == {
        "type": "file",
        "path": "/etc/servers",
        "empty_ok": False,
        "max_removal": 3,
    }


def test_plain_has_nothing_but_what_toml_has() -> None:
    def leaves(value: object) -> set[type]:
        if not isinstance(value, dict | list):
            return {type(value)}
        children = value.values() if isinstance(value, dict) else value
        return {kind for child in children for kind in leaves(child)}

    assert leaves(plain(read(FULL))) <= {str, int, float, bool}


def test_plain_reads_back_to_the_same() -> None:
    config = read(FULL, base=Path("/etc"))
    assert parse(plain(config)) == config


def test_plain_of_one_table() -> None:
    assert plain(read(FULL).server_groups["app"].connection_draining)["timeout"] == "never"


def test_a_configuration_never_changes() -> None:
    with pytest.raises(ValidationError):
        read(FULL).listeners["web"].idle_timeout = 3.0


def test_parsing_leaves_the_document_as_it_was() -> None:
    document = tomllib.loads(FULL)
    parse(document)
    assert document == tomllib.loads(FULL)


def test_five_thousand_servers_take_well_under_a_second() -> None:
    servers = {f"s{i}": {"address": f"10.0.{i // 250}.{i % 250 + 1}:80", "weight": 50} for i in range(5000)}
    start = time.process_time()
    config = parse({"server_groups": {"app": {"servers": servers}}})
    assert time.process_time() - start < 1
    assert len(config.server_groups["app"].servers) == 5000


@pytest.mark.parametrize(
    ("group", "warning"),
    [
        ("servers = []", "server_groups.app.servers: there is none, so every connection is closed at once"),
        (
            "servers = { a = { address = '10.0.0.1:80', weight = 0 } }",
            "server_groups.app.servers: each has weight 0, so every connection is closed at once",
        ),
        (
            "min_healthy = 2\nservers = ['10.0.0.1:80']",
            "server_groups.app.min_healthy: 2 is more than there are servers (1): "
            "none can be drained without force",
        ),
    ],
)
def test_warnings(group: str, warning: str) -> None:
    assert warnings(read(MINIMAL + group)) == [warning]


@pytest.mark.parametrize(
    ("group", "warning"),
    [
        (
            "connection_draining = { timeout = 10, spread = 11 }",
            "connection_draining.spread: 11 s is longer than timeout (10 s): "
            "a drain of that length begins to cut at once",
        ),
        ("max_queue = 1", "max_queue: no server has max_connections, so none is ever full and nothing waits"),
        (
            "tls = true\ntls_verify = false",
            "tls_verify: is false, so anybody between here and a server may pass for it",
        ),
    ],
)
def test_warnings_of_settings(group: str, warning: str) -> None:
    servers = "servers = ['10.0.0.1:80']\n"
    assert warnings(read(MINIMAL + servers + group)) == [f"server_groups.app.{warning}"]


@pytest.mark.parametrize(
    "group",
    [
        "connection_draining = { timeout = 10, spread = 10 }",
        "connection_draining = { timeout = 'never', spread = 10 }",
        "health_check = { interval = 5, timeout = 5 }",
        "slow_start = 30",
        "min_healthy = '100%'",
        "max_queue = 1\nservers.b = { address = '10.0.0.2:80', max_connections = 1 }",
    ],
)
def test_what_is_not_warned_about(group: str) -> None:
    assert warnings(read(MINIMAL + "servers.a = '10.0.0.1:80'\n" + group)) == []


def test_a_discovered_group_is_not_missed_its_servers() -> None:
    assert warnings(read(MINIMAL + "min_healthy = 2\ndiscovery = { type = 'file', path = 'x' }")) == []


def test_each_group_is_looked_at_also_behind_a_discovered_one() -> None:
    groups = "discovery = { type = 'file', path = 'x' }\n[server_groups.b]\nservers = []\n"
    listener = (
        "server_group = 'app'\n[listeners.b]\nendpoint = ':8081'\nprotocol = 'tcp'\nserver_group = 'b'\n"
    )
    config = read(MINIMAL.replace("[server", listener + "[server") + groups)
    assert warnings(config) == [
        "server_groups.b.servers: there is none, so every connection is closed at once"
    ]


def test_a_group_that_nothing_uses_is_warned_about() -> None:
    config = read(
        MINIMAL.replace("[server", "server_group = 'b'\n[server_groups.b]\nservers=['10.0.0.1:80']\n[server")
    )
    assert "server_groups.app: no listener uses it" in warnings(config)
    assert not any(warning.startswith("server_groups.b") for warning in warnings(config))


def test_an_error_is_raised_for_a_wrong_file() -> None:
    with pytest.raises(ConfigurationError):
        read("colour = 'red'")
