"""What is said of a wrong file: where, what was found, and what is allowed; all of it at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import Part, parse, parse_parts
from lbtwist.model.config.schema import Document

LISTENER = '[listeners.web]\nendpoint = ":8080"\nprotocol = "tcp"\n'
GROUP = "[server_groups.app]\n"
WHOLE = LISTENER + GROUP
ANY_ADDRESS = "10.0.0.1:8080, [::1]:8080, unix:/path or app1.internal:8080"
SCHEDULERS = '"wrr", "wlc", "source_hash", "rr", "lc", "maglev", "random"'


def problems(document: dict[str, Any], source: str = "") -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(document, source)
    return [str(problem) for problem in caught.value.problems]


def wrong(toml: str, source: str = "") -> list[str]:
    return problems(tomllib.loads(toml), source)


def test_names_file_key_value_and_range() -> None:
    toml = WHOLE + '[server_groups.app.servers]\necs01 = { address = "10.0.0.1:80", weight = 300 }'
    assert wrong(toml, "etc/lb.toml") == [
        "etc/lb.toml: server_groups.app.servers.ecs01.weight: 300 is not in 0–100"
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("retries = 11", "retries: 11 is not in 0–10"),
        ("retries = -1", "retries: -1 is not in 0–10"),
        ("retries = true", "retries: True is not a whole number (0–10)"),
        ("retries = 2.0", "retries: 2.0 is not a whole number (0–10)"),
        ("retries = '2'", "retries: '2' is not a whole number (0–10)"),
        ("port = 0", "port: 0 is not in 1–65535"),
        ("scheduler = 'fair'", f"scheduler: 'fair' is not one of {SCHEDULERS}"),
        ("scheduler = 'wll'", f"scheduler: 'wll' is not one of {SCHEDULERS} (did you mean wlc?)"),
        ("scheduler = ['wrr']", f"scheduler: ['wrr'] is not text ({SCHEDULERS}, or a plugin's name)"),
        ("fail_open = 'open'", 'fail_open: \'open\' is not one of "recovered", "all", "never"'),
        ("slow_start = 29", "slow_start: 29 is not in 30–900 s, nor 0"),
        ("slow_start = '901s'", "slow_start: '901s' is not in 30–900 s, nor 0"),
        (
            "slow_start = false",
            'slow_start: False is not a duration (seconds, or "500ms", "30s", "5m", "1h") in 30–900 s, nor 0',
        ),
        ("max_queue = 100001", "max_queue: 100001 is not in 0–100000"),
        ("queue_timeout = 0", "queue_timeout: 0 is not in 0.1–300 s"),
        (
            "session_persistence.type = 'cookies'",
            'session_persistence.type: \'cookies\' is not one of "none", "source_ip", "cookie"',
        ),
        ("session_persistence.timeout = 0", "session_persistence.timeout: 0 is not in 1–86400 s"),
        ("session_persistence = 'source_ip'", "session_persistence: 'source_ip' is not a table"),
        (
            "connection_draining.on_unhealthy = 3601",
            'connection_draining.on_unhealthy: 3601 is not in 0–3600 s, nor "never", nor "same"',
        ),
        (
            "connection_draining.recovery = true",
            'connection_draining.recovery: True is not one of "latched", "resume"',
        ),
        (
            "connection_draining.spread = -1",
            "connection_draining.spread: -1 is not a duration (seconds, or "
            '"500ms", "30s", "5m", "1h") in 0–3600 s',
        ),
        ("min_healthy = '101%'", 'min_healthy: \'101%\' is not 0 or more, or "0%"–"100%"'),
        ("min_healthy = '٥%'", 'min_healthy: \'٥%\' is not 0 or more, or "0%"–"100%"'),
        ("min_healthy = true", 'min_healthy: True is not 0 or more, or "0%"–"100%"'),
        ("connection_draining = 5", "connection_draining: 5 is not a table"),
        (
            "connection_draining.rejoin = 'later'",
            'connection_draining.rejoin: \'later\' is not one of "after_drain", "alongside", "cancel_drain"',
        ),
        (
            "connection_draining.timeout = 3601",
            'connection_draining.timeout: 3601 is not in 0–3600 s, nor "never"',
        ),
        (
            "connection_draining.timeout = inf",
            'connection_draining.timeout: inf is not a duration (seconds, or "500ms", "30s", "5m", "1h") '
            'in 0–3600 s, nor "never"',
        ),
        (
            "connection_draining.timeout = 'Never'",
            "connection_draining.timeout: 'Never' is not a duration "
            '(seconds, or "500ms", "30s", "5m", "1h") in 0–3600 s, nor "never"',
        ),
        ("servers = 5", "servers: 5 is not a list of addresses, nor a table of servers"),
        ("servers = [5]", 'servers[0]: 5 is not an address, as "10.0.0.1:8080"'),
        (
            "servers = ['app_1.internal:80']",
            f"servers[0]: 'app_1.internal:80' is not an address: {ANY_ADDRESS}",
        ),
        ("servers = ['10.0.0.256:80']", f"servers[0]: '10.0.0.256:80' is not an address: {ANY_ADDRESS}"),
        ("servers = ['app1.internal:0']", "servers[0]: port '0' is not in 1–65535"),
        (
            "servers = ['app1.internal']",
            "servers[0]: 'app1.internal' has no port: write it as app1.internal:8080, "
            "or set the group's port",
        ),
        (
            "servers = ['fe80::1']",
            f"servers[0]: 'fe80::1' is not an address: {ANY_ADDRESS}; an IPv6 address stands in brackets",
        ),
        (
            "servers = ['unix:80']",
            "servers[0]: 'unix:80' is not unix:/path of at most 107 bytes",
        ),
        (
            "servers.a = { address = 'a:1', max_connections = -1 }",
            "servers.a.max_connections: -1 is not 0 or more",
        ),
        ("servers.a = { address = 'a:1', backup = 1 }", "servers.a.backup: 1 is not one of true, false"),
        (
            "servers.a = { address = 'a:1', zone = 1 }",
            "servers.a.zone: 1 is not text (text of at most 255 characters on one line)",
        ),
        (
            "servers = { a = 5 }",
            "servers.a: 5 is not an address, nor a table as { address, weight }",
        ),
        ("servers = { a = {} }", f"servers.a.address: is required ({ANY_ADDRESS})"),
        (
            "servers = ['10.0.0.1']",
            f"servers[0]: '10.0.0.1' has no port: write it as {ANY_ADDRESS}, or set the group's port",
        ),
        (
            "servers = { 'app:80' = '10.0.0.2:80' }",
            "servers.\"app:80\": '10.0.0.2:80' is the address of a server that is named 'app:80'",
        ),
        (
            "servers = { 'a b' = '10.0.0.1:80' }",
            "servers.\"a b\": 'a b' is not a name: 1–63 letters, digits, `.`, `_` and `-`, "
            "beginning with a letter or digit",
        ),
        (
            "servers = { '10.0.0.1:80' = '10.0.0.2:80' }",
            "servers.\"10.0.0.1:80\": '10.0.0.2:80' is the address of a server that is named '10.0.0.1:80'",
        ),
    ],
)
def test_wrong_values_of_a_group(line: str, message: str) -> None:
    assert wrong(WHOLE + line) == [f"server_groups.app.{message}"]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("load_balancer = 3", "load_balancer: 3 is not a table"),
        ("listeners = 3", "listeners: 3 is not a table"),
        ("listeners.web = 3", "listeners.web: 3 is not a table"),
        ("server_groups = []", "server_groups: [] is not a table"),
        ("server_groups.app = 1979-05-27", "server_groups.app: datetime.date(1979, 5, 27) is not a table"),
        ("defaults.listener = 3", "defaults.listener: 3 is not a table"),
        ("include = 'x'", "include: 'x' is not a list of file names, as [\"conf.d/*.toml\"]"),
        (
            "load_balancer.name = 'a b'",
            "load_balancer.name: 'a b' is not a token of 1–63 characters, without spaces (RFC 9110, 5.6.2)",
        ),
        (
            "load_balancer.server_networks = '10.0.0.0/8'",
            "load_balancer.server_networks: '10.0.0.0/8' is not a list of networks, "
            'as ["10.0.0.0/8", "2001:db8::/32"]',
        ),
        (
            "load_balancer.server_networks = ['10.0.0.1/8']",
            "load_balancer.server_networks: '10.0.0.1/8' has bits set after its prefix: "
            "the network is 10.0.0.0/8",
        ),
        (
            'load_balancer.zone = "a\\nb"',
            "load_balancer.zone: 'a\\nb' is not text of at most 255 characters on one line",
        ),
        (
            "console.endpoint = 80",
            "console: nobody could log in: one of admin_keys, operate_keys, read_keys is required",
        ),
        ("console = { admin_keys = '' }", "console.admin_keys: '' is not the path of a file"),
        ("console = { admin_keys = 3 }", "console.admin_keys: 3 is not the path of a file"),
        (
            "[server_groups.-a]",
            "server_groups.-a: '-a' is not a name: 1–63 letters, digits, `.`, `_` and `-`, "
            "beginning with a letter or digit",
        ),
    ],
)
def test_wrong_values_elsewhere(toml: str, message: str) -> None:
    assert wrong(toml) == [message]


def test_unknown_keys_list_the_known_ones() -> None:
    assert wrong(WHOLE + "connection_draining = { patience = 3 }") == [
        "server_groups.app.connection_draining.patience: is not a known key; "
        "[server_groups.app.connection_draining] takes timeout, on_unhealthy, recovery, rejoin, spread, "
        "error_status, websocket_close"
    ]


def test_unknown_key_that_is_near_a_known_one() -> None:
    toml = WHOLE + "servers = { a = { address = '10.0.0.1:80', weigth = 3 } }"
    assert wrong(toml) == [
        "server_groups.app.servers.a.weigth: is not a known key (did you mean weight?); "
        "[server_groups.app.servers.a] takes address, weight, max_connections, backup, zone"
    ]


def test_unknown_key_at_the_top() -> None:
    assert wrong("listener = 3") == [
        "listener: is not a known key (did you mean listeners?); "
        "the file takes load_balancer, console, status, access_log, listeners, server_groups, include, "
        "defaults"
    ]


def test_the_value_of_an_unknown_key_is_not_shown() -> None:
    assert "hunter2" not in wrong("[console]\nadmin_keys = 'a'\npassword = 'hunter2'")[0]


def test_keys_are_quoted_so_that_they_stay_on_one_line() -> None:
    assert wrong('"a\\nb.c" = 1')[0].startswith('"a\\nb.c": is not a known key')


def test_required_keys_of_a_listener() -> None:
    assert wrong("[listeners.web]\n" + GROUP) == [
        'listeners.web.protocol: is required ("tcp", "http", "tls", "https")',
        'listeners.web.endpoint: is required (8080, ":8080", "10.0.0.1:80", "[::1]:80", "unix:/path" '
        "or a Twisted server endpoint string)",
    ]


def test_a_listener_names_a_group_that_exists() -> None:
    toml = LISTENER + "server_group = 'ap'\n" + GROUP + "[server_groups.zoo]"
    assert wrong(toml) == [
        "listeners.web.server_group: 'ap' is no server group (did you mean app?); there are app and zoo"
    ]


def test_a_listener_names_its_group_where_there_are_several() -> None:
    assert wrong(WHOLE + "[server_groups.zoo]") == [
        "listeners.web.server_group: is required where there is more than one: there are app and zoo"
    ]


def test_a_listener_needs_a_group() -> None:
    assert wrong(LISTENER) == ["listeners.web.server_group: there is no server group"]


def test_endpoints_do_not_overlap() -> None:
    toml = LISTENER + "[listeners.two]\nendpoint = '127.0.0.1:8080'\nprotocol = 'tcp'\n" + GROUP
    assert wrong(toml) == ["listeners.two.endpoint: 127.0.0.1:8080 overlaps :8080 of listeners.web"]


@pytest.mark.parametrize("console", ["", "endpoint = ':2222'"])
def test_the_console_overlaps_no_listener(console: str) -> None:
    toml = WHOLE.replace("8080", "2222") + f"[console]\nadmin_keys = 'a'\n{console}"
    assert wrong(toml) == [
        f"listeners.web.endpoint: :2222 overlaps {'' if console else '127.0.0.1'}:2222 of console"
    ]


@pytest.mark.parametrize("status", ["", "endpoint = ':8404'"])
def test_the_status_page_overlaps_no_listener(status: str) -> None:
    toml = WHOLE.replace("8080", "8404") + f"[status]\n{status}"
    assert wrong(toml) == [
        f"listeners.web.endpoint: :8404 overlaps {'' if status else '127.0.0.1'}:8404 of status"
    ]


def test_the_status_page_does_not_overlap_the_console() -> None:
    toml = WHOLE + "[console]\nadmin_keys = 'a'\nendpoint = 8404\n[status]"
    assert wrong(toml) == ["status.endpoint: 127.0.0.1:8404 overlaps :8404 of console"]


@pytest.mark.parametrize(
    ("servers", "message"),
    [
        ("['app:80', 'APP:80']", "servers[1]: 'APP:80' is the address of servers[0] already"),
        ("['10.0.0.1:80', '10.0.0.1:80']", "servers[1]: '10.0.0.1:80' is the address of servers[0] already"),
        (
            "{ a = '[::1]:80', b = { address = '[0::1]:80' } }",
            "servers.b.address: '[0::1]:80' is the address of 'a' already",
        ),
        (
            "{ a = '10.0.0.1:80', b = '[::ffff:10.0.0.1]:80' }",
            "servers.b: '[::ffff:10.0.0.1]:80' is the address of 'a' already",
        ),
    ],
)
def test_the_same_address_twice_in_a_group(servers: str, message: str) -> None:
    assert wrong(WHOLE + f"servers = {servers}") == [f"server_groups.app.{message}"]


def test_the_same_address_in_two_groups_is_allowed() -> None:
    servers = "servers = ['10.0.0.1:80']\n"
    parse(tomllib.loads(GROUP + servers + "[server_groups.b]\n" + servers))


def test_a_wrong_port_is_told_once_not_for_each_server() -> None:
    assert wrong(WHOLE + "port = 70000\nservers = ['10.0.0.1', '10.0.0.2']") == [
        "server_groups.app.port: 70000 is not in 1–65535"
    ]


def test_everything_is_told_at_once_in_the_order_of_the_file() -> None:
    toml = """
        nmae = 3
        [load_balancer]
        zone = 1
        name = "a b"
        [listeners.web]
        endpoint = ":8080"
        server_group = "ap"
        max_connections = -1
        [listeners.two]
        endpoint = "10.0.0.1:8080"
        protocol = "tcp"
        server_group = "app"
        [console]
        max_sessions = 0
        [server_groups.app]
        port = 0
        servers = ["10.0.0.1", "10.0.0.1:x"]
        retries = 11
    """
    assert [line.partition(": ")[0] for line in wrong(toml)] == [
        "nmae",
        "load_balancer.zone",
        "load_balancer.name",
        "listeners.web.protocol",
        "listeners.web.server_group",
        "listeners.web.max_connections",
        "listeners.two.endpoint",
        "console",
        "console.max_sessions",
        "server_groups.app.port",
        "server_groups.app.servers[1]",
        "server_groups.app.retries",
    ]


def test_a_wrong_address_hides_nothing_else_of_its_server() -> None:
    toml = WHOLE + "servers = { a = { address = '/x', weight = 300, colour = 1 } }"
    assert [line.partition(": ")[0].rpartition(".")[2] for line in wrong(toml)] == [
        "address",
        "weight",
        "colour",
    ]


def test_a_wrong_default_is_told_once_of_the_defaults() -> None:
    toml = (
        "[defaults.listener]\nidle_timeout = 0\n[defaults.server_group.connection_draining]\nrejoin = 1\n"
        + WHOLE
    )
    assert [line.partition(": ")[0] for line in wrong(toml)] == [
        "defaults.listener.idle_timeout",
        "defaults.server_group.connection_draining.rejoin",
    ]


def test_endpoint_and_servers_have_no_default() -> None:
    toml = """
        [defaults.listener]
        endpoint = 80
        protocol = "tcp"
        [defaults.server_group]
        servers = []
        [listeners.web]
        [server_groups.app]
    """
    assert [line.partition(";")[0].partition(" (")[0] for line in wrong(toml)] == [
        "defaults.listener.endpoint: is not a known key",
        "defaults.server_group.servers: is not a known key",
        "listeners.web.endpoint: is required",
    ]


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    secret = "MC4CAQAwBQYDK2VwBCIEIKg9Q8Zr2bYb0f1Pq7cV"
    assert secret[4:] not in wrong(f"load_balancer.zone = ['{secret}']")[0]


def files(*documents: str) -> tuple[Part, ...]:
    return tuple(
        Part(tomllib.loads(toml), f"{index}.toml", Path(f"/etc/{index}"))
        for index, toml in enumerate(documents)
    )


def wrong_files(*documents: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_parts(files(*documents))
    return [str(problem) for problem in caught.value.problems]


def test_files_add_to_each_other() -> None:
    config = parse_parts(
        files("defaults.listener.idle_timeout = 7", LISTENER, GROUP, "[console]\nadmin_keys = 'a'"), {}
    )
    assert config.listeners["web"].server_group == "app"
    assert config.listeners["web"].idle_timeout == 7
    assert config.console is not None
    assert config.console.admin_keys == Path("/etc/3/a")
    assert config.console.host_key == Path("/etc/0/ssh_host_ed25519_key")


def test_a_problem_names_the_file_it_stands_in() -> None:
    assert wrong_files(GROUP, LISTENER + "max_connections = -1", "colour = 1")[0:2] == [
        "1.toml: listeners.web.max_connections: -1 is not 0 or more",
        "2.toml: colour: is not a known key; the file takes load_balancer, console, status, access_log, "
        "listeners, server_groups, include, defaults",
    ]


def test_a_name_in_two_files_names_both() -> None:
    assert wrong_files(WHOLE, LISTENER, "[load_balancer]", "[load_balancer]") == [
        "1.toml: listeners.web: is defined in 0.toml already",
        "3.toml: load_balancer: is defined in 2.toml already",
    ]


def test_only_the_main_file_includes() -> None:
    assert wrong_files("", "include = ['x.toml']") == ["1.toml: include: only the main file may include"]


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "listeners",
        "server_groups",
        "servers",
        "endpoint",
        "protocol",
        "defaults",
        "console",
        "web",
        "listener",
        "server_group",
        "load_balancer",
        "include",
        "timeout",
        "connection_draining",
        "address",
        "admin_keys",
        "discovery",
        "health_check",
        "type",
        "path",
        "interval",
        "scheduler",
        "server_networks",
        "a",
    ]
)
DOCUMENTS = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(list(Document.model_fields)), DOCUMENTS),
)
def test_whatever_a_file_says_it_is_a_configuration_or_our_words(document: dict[str, Any]) -> None:
    for problem in problems_of(document):
        assert str(problem).isprintable()
        assert "Input should" not in problem.message
        assert "is not allowed here" not in problem.message, "every kind has words of its own"


def problems_of(document: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        parse(document)
    except ConfigurationError as error:
        return error.problems
    return ()
