"""Health checks, draining, persistence and discovery of a group: what they become, and what is refused."""

from __future__ import annotations

import math
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.address import Address
from lbtwist.model.config import (
    DiscoverySettings,
    DrainingSettings,
    GroupSettings,
    HealthCheckSettings,
    Quorum,
    Recovery,
    parse,
    plain,
)
from lbtwist.model.failopen import FailOpen
from lbtwist.model.health import Thresholds
from lbtwist.model.network import within

GROUP = "[server_groups.app]\n"


def group(toml: str, **arguments: Any) -> GroupSettings:
    return parse(tomllib.loads(GROUP + toml), **arguments).server_groups["app"]


def wrong(toml: str, **arguments: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(tomllib.loads(toml), **arguments)
    return [str(problem) for problem in caught.value.problems]


def health_check(toml: str) -> HealthCheckSettings:
    found = group(f"[server_groups.app.health_check]\n{toml}").health_check
    assert found is not None
    return found


def draining(toml: str) -> DrainingSettings:
    return group(f"[server_groups.app.connection_draining]\n{toml}").connection_draining


def discovery(toml: str, **arguments: Any) -> DiscoverySettings:
    found = group(f"[server_groups.app.discovery]\n{toml}", **arguments).discovery
    assert found is not None
    return found


def test_words_of_a_group_are_members_of_enumerations() -> None:
    found = group("fail_open = 'all'\nconnection_draining.recovery = 'resume'")
    assert found.fail_open is FailOpen.ALL
    assert found.connection_draining.recovery is Recovery.RESUME


@pytest.mark.parametrize(("written", "seconds"), [("0", 0), ("'0s'", 0), ("30", 30), ("'15m'", 900)])
def test_slow_start(written: str, seconds: float) -> None:
    assert group(f"slow_start = {written}").slow_start == seconds


@pytest.mark.parametrize(
    ("toml", "seconds"),
    [("", 0), ("timeout = 7", 0), ("type = 'source_ip'", 1000), ("type = 'source_ip'\ntimeout = 7", 7)],
)
def test_persistence_in_seconds(toml: str, seconds: float) -> None:
    settings = group(f"[server_groups.app.session_persistence]\n{toml}").session_persistence
    assert settings.seconds == seconds


@pytest.mark.parametrize(
    ("timeout", "on_unhealthy", "seconds"),
    [
        ("300", "'same'", 300),
        ("0", "'same'", None),
        ("'never'", "'same'", None),
        ("300", "'never'", None),
        ("0", "'never'", None),
        ("0", "0", 0),
        ("300", "0", 0),
        ("'never'", "0", 0),
        ("0", "'1m'", 60),
        ("'never'", "60", 60),
    ],
)
def test_how_long_connections_of_an_unhealthy_server_may_live_rules_21_and_22(
    timeout: str, on_unhealthy: str, seconds: float | None
) -> None:
    settings = draining(f"timeout = {timeout}\non_unhealthy = {on_unhealthy}")
    assert settings.unhealthy_timeout == seconds


def test_on_unhealthy_at_run_time() -> None:
    assert draining("").on_unhealthy is None
    assert draining("on_unhealthy = 'never'").on_unhealthy == math.inf
    assert draining("on_unhealthy = 5").on_unhealthy == 5.0


def test_health_checks_are_off_without_their_table_and_have_defaults_with_it() -> None:
    assert group("").health_check is None
    settings = health_check("")
    assert (settings.type, settings.interval, settings.timeout, settings.port) == ("tcp", 5, 3, 0)
    assert (settings.path, settings.host, settings.method) == ("/", "", "GET")
    assert (settings.expected_codes, settings.drain_codes) == (((200, 399),), ())
    assert (settings.passive, settings.drain_header, settings.ca) == (True, "", None)


def test_thresholds() -> None:
    assert health_check("healthy_threshold = 1\nunhealthy_threshold = 2").thresholds == Thresholds(1, 2)


def test_codes_are_ranges() -> None:
    settings = health_check("type = 'http'\nexpected_codes = [200, '204', '300-399']\ndrain_codes = ['599']")
    assert settings.expected_codes == ((200, 200), (204, 204), (300, 399))
    assert settings.drain_codes == ((599, 599),)


@pytest.mark.parametrize(
    "host", ["", "app.internal", "app_1", "app.internal:8080", "10.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:80"]
)
def test_hosts_that_may_be_asked_for(host: str) -> None:
    assert health_check(f"type = 'http'\nhost = '{host}'").host == host


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a/b",
        "user@a",
        "10.0.0.256",
        "::1",
        "[::g]",
        "[::1%eth0]",
        "a:",
        "a:0",
        "a:65536",
        "é",
        "a\r\nb",
        3,
    ],
)
def test_hosts_that_may_not(host: object) -> None:
    document = {"server_groups": {"app": {"health_check": {"type": "http", "host": host}}}}
    with pytest.raises(ConfigurationError, match=r"health_check\.host: .* is not a host as app\.internal"):
        parse(document)


@pytest.mark.parametrize("path", ["/", "/health?a=b", "/%20", "/" + "a" * 2047])
def test_paths_that_may_be_asked_for(path: str) -> None:
    assert health_check(f"type = 'http'\npath = '{path}'").path == path


@pytest.mark.parametrize("path", ["", "health", "/a b", "/a\tb", "/a\r\nb", "/é", "/a#b", "/" + "a" * 2048])
def test_paths_that_may_not(path: str) -> None:
    document = {"server_groups": {"app": {"health_check": {"type": "http", "path": path}}}}
    with pytest.raises(ConfigurationError, match=r"health_check\.path: .* begins with `/`"):
        parse(document)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("type = 'udp'", 'type: \'udp\' is not one of "none", "tcp", "http", "https"'),
        ("type = ['tcp']", 'type: [\'tcp\'] is not one of "none", "tcp", "http", "https"'),
        ("interval = 0", "interval: 0 is not in 1–300 s"),
        ("timeout = 0", "timeout: 0 is not in 0.1–300 s"),
        ("healthy_threshold = 11", "healthy_threshold: 11 is not in 1–10"),
        ("unhealthy_threshold = 0", "unhealthy_threshold: 0 is not in 1–10"),
        ("port = 65536", "port: 65536 is not in 0–65535"),
        ("passive = 'no'", "passive: 'no' is not one of true, false"),
        ("type = 'http'\nmethod = 'get'", 'method: \'get\' is not one of "GET", "HEAD"'),
        (
            "type = 'http'\nexpected_codes = '200'",
            "expected_codes: '200' is not a list of status codes, as [\"200-399\", 404]",
        ),
        ("type = 'http'\nexpected_codes = []", "expected_codes: an empty list: no answer would pass"),
        (
            "type = 'http'\nexpected_codes = [99]",
            'expected_codes: 99 is not a status code, 100–599, or a range as "200-399"',
        ),
        (
            "type = 'http'\nexpected_codes = ['2xx']",
            "expected_codes: '2xx' is not a status code, 100–599, or a range as \"200-399\"",
        ),
        (
            "type = 'http'\ndrain_codes = [true]",
            'drain_codes: True is not a status code, 100–599, or a range as "200-399"',
        ),
        (
            f"type = 'http'\ndrain_codes = [0x{'f' * 5000}]",
            'drain_codes: <int> is not a status code, 100–599, or a range as "200-399"',
        ),
        (
            "type = 'http'\ndrain_codes = ['399-200']",
            "drain_codes: '399-200' is a range that ends before it begins",
        ),
        (
            "type = 'http'\ndrain_header = 'X Drain'",
            "drain_header: 'X Drain' is not the name of a field (RFC 9110, 5.6.2), or \"\"",
        ),
        ("type = 'https'\nca = 3", "ca: 3 is not the path of a file"),
        ("timeout = 6", "timeout: 6 s is longer than interval (5 s)"),
        ("interval = 2", "interval: 2 s is shorter than timeout (3 s)"),
        ("interval = 2\ntimeout = '2500ms'", "timeout: 2.5 s is longer than interval (2 s)"),
        ("path = '/x'", 'path: is not a known key of type "tcp": it is for "http" and "https"'),
        (
            "type = 'none'\ndrain_codes = 3",
            'drain_codes: is not a known key of type "none": it is for "http" and "https"',
        ),
        ("type = 'http'\nca = 'ca.pem'", 'ca: is not a known key of type "http": it is for "https"'),
    ],
)
def test_wrong_values_of_a_health_check(line: str, message: str) -> None:
    toml = f"[server_groups.app.health_check]\n{line}"
    assert wrong(toml) == [f"server_groups.app.health_check.{message}"]


def test_a_wrong_interval_is_told_once() -> None:
    assert wrong("[server_groups.app.health_check]\ninterval = 'soon'\ntimeout = 9") == [
        "server_groups.app.health_check.interval: 'soon' is not a duration "
        '(seconds, or "500ms", "30s", "5m", "1h") in 1–300 s'
    ]


def test_a_timeout_as_long_as_the_interval_is_allowed() -> None:
    assert health_check("interval = 5\ntimeout = 5").timeout == 5


@pytest.mark.parametrize("type", ["none", "tcp", "http", "https"])
def test_each_type_reads_back_to_the_same(type: str) -> None:
    config = parse(tomllib.loads(f"{GROUP}health_check.type = '{type}'"))
    assert parse(plain(config)) == config


INHERITED = """
[defaults.server_group.health_check]
type = "http"
path = "/health"
interval = 4
"""


def test_a_group_of_another_type_does_not_inherit_what_that_has_not() -> None:
    config = parse(tomllib.loads(f"{INHERITED}{GROUP}health_check.type = 'tcp'"))
    settings = config.server_groups["app"].health_check
    assert settings is not None
    assert (settings.type, settings.interval, settings.path) == ("tcp", 4, "/")
    assert parse(plain(config)) == config


def test_a_group_of_another_type_has_no_keys_of_its_own_that_this_has_not() -> None:
    toml = f"{INHERITED}{GROUP}health_check = {{ type = 'tcp', path = '/', method = 'HEAD' }}"
    assert [line.partition(": ")[0] for line in wrong(toml)] == [
        "server_groups.app.health_check.path",
        "server_groups.app.health_check.method",
    ]


def test_what_all_groups_inherit_is_told_once_of_the_defaults() -> None:
    toml = "[defaults.server_group]\nscheduler = 'fair'\nhealth_check = { path = '/', interval = 2 }\n"
    groups = "[server_groups.a]\n[server_groups.b]\n"
    assert [line.partition(": ")[0] for line in wrong(toml + groups)] == [
        "defaults.server_group.scheduler",
        "defaults.server_group.health_check.path",
        "defaults.server_group.health_check.interval",
    ]


def test_a_timeout_is_told_where_it_can_be_mended() -> None:
    defaults = "[defaults.server_group.health_check]\ntimeout = 9\ninterval = 10\n"
    assert wrong(f"{defaults}{GROUP}health_check.interval = 8") == [
        "server_groups.app.health_check.interval: 8 s is shorter than timeout (9 s)"
    ]


def test_discovery_is_off_without_its_table() -> None:
    assert group("").discovery is None


@pytest.mark.parametrize(
    ("toml", "options"),
    [
        ("type = 'file'\npath = '/servers'", {"path": "/servers"}),
        (
            "type = 'dns'\nname = '_http._tcp.APP.internal'",
            {"name": "_http._tcp.app.internal", "resolver": "", "interval": 10},
        ),
        (
            "type = 'dns'\nname = '_a._tcp.b'\nresolver = '[::1]:5353'\ninterval = '1m'",
            {"name": "_a._tcp.b", "resolver": "[::1]:5353", "interval": 60},
        ),
        ("type = 'http'\nurl = 'https://[::1]:8/a?b'", {"url": "https://[::1]:8/a?b", "interval": 10}),
        ("type = 'http'\nurl = 'http://app/'\ninterval = 1", {"url": "http://app/", "interval": 1}),
    ],
)
def test_sources(toml: str, options: dict[str, Any]) -> None:
    settings = discovery(toml)
    assert settings.options == options
    assert (settings.empty_ok, settings.max_removal) == (False, Quorum(50, percentage=True))
    assert plain(settings) == {"type": settings.type, "empty_ok": False, "max_removal": "50%", **options}


def test_what_all_sources_have() -> None:
    settings = discovery("type = 'file'\npath = 'a'\nempty_ok = true\nmax_removal = 2", base=Path("/etc"))
    assert (settings.empty_ok, settings.max_removal) == (True, Quorum(2))
    assert settings.options == {"path": "/etc/a"}


def test_a_discovered_group_has_no_servers_and_reads_back_to_the_same() -> None:
    config = parse(tomllib.loads(GROUP + "discovery = { type = 'file', path = '/a' }"))
    assert config.server_groups["app"].servers == {}
    assert parse(plain(config)) == config


def test_the_keys_of_a_source_count_when_settings_are_compared() -> None:
    assert discovery("type = 'file'\npath = 'a'") != discovery("type = 'file'\npath = 'b'")


def test_the_addresses_of_a_name_take_the_port_of_the_group() -> None:
    found = group("port = 80\ndiscovery = { type = 'dns', name = 'app.internal' }").discovery
    assert found is not None
    assert found.options["name"] == "app.internal"


def test_the_keys_of_a_plugin_are_passed_on_as_they_are() -> None:
    toml = "type = 'etcd'\npath = 'a'\ninterval = 'x'\noptions = [1]\ncopy = { deep = true }\nmax_removal = 1"
    settings = discovery(toml, sources=["etcd"], base=Path("/etc"))
    assert settings.type == "etcd"
    assert settings.max_removal == Quorum(1)
    assert settings.options == {"path": "a", "interval": "x", "options": [1], "copy": {"deep": True}}
    document = {"server_groups": {"app": {"discovery": plain(settings)}}}
    assert parse(document, sources=["etcd"]).server_groups["app"].discovery == settings


def test_the_common_keys_of_a_plugin_are_judged() -> None:
    toml = f"{GROUP}discovery = {{ type = 'etcd', empty_ok = 1, x = 1 }}"
    assert wrong(toml, sources=["etcd"]) == [
        "server_groups.app.discovery.empty_ok: 1 is not one of true, false"
    ]


def test_a_plugin_named_as_a_built_in_source_changes_nothing() -> None:
    toml = GROUP + "discovery = { type = 'file', paht = 'x' }"
    assert wrong(toml, sources=["file"]) == wrong(toml)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("discovery = 'file'", ": 'file' is not a table"),
        ("discovery = {}", '.type: is required ("file", "dns", "http", or a plugin\'s name)'),
        ("discovery = { path = 3 }", '.type: is required ("file", "dns", "http", or a plugin\'s name)'),
        (
            "discovery = { type = ['file'] }",
            '.type: [\'file\'] is not text ("file", "dns", "http", or a plugin\'s name)',
        ),
        (
            "discovery = { type = 'files', path = 3, x = 1 }",
            '.type: \'files\' is not one of "file", "dns", "http", "consul", "etcd" (did you mean file?)',
        ),
        ("discovery = { type = 'file' }", ".path: is required (path of a file)"),
        ("discovery = { type = 'file', path = '' }", ".path: '' is not the path of a file"),
        (
            "discovery = { type = 'file', path = 'a', interval = 3 }",
            '.interval: is not a known key of type "file"; '
            "[server_groups.app.discovery] takes type, empty_ok, max_removal, path",
        ),
        (
            "discovery = { type = 'file', path = 'a', emtpy_ok = true }",
            '.emtpy_ok: is not a known key of type "file" (did you mean empty_ok?); '
            "[server_groups.app.discovery] takes type, empty_ok, max_removal, path",
        ),
        (
            "discovery = { type = 'file', path = 'a', max_removal = '101%' }",
            '.max_removal: \'101%\' is not 0 or more, or "0%"–"100%"',
        ),
        ("discovery = { type = 'dns' }", ".name: is required (a name in the DNS)"),
        (
            "discovery = { type = 'dns', name = '_a._tcp.b', resolver = 'ns.internal' }",
            ".resolver: 'ns.internal' is not an IP address as 10.0.0.53 or [::1]:5353, nor \"\"",
        ),
        (
            "discovery = { type = 'dns', name = '_a._tcp.b', resolver = 'unix:/x' }",
            ".resolver: 'unix:/x' is not an IP address as 10.0.0.53 or [::1]:5353, nor \"\"",
        ),
        (
            "discovery = { type = 'dns', name = '_a._tcp.b', interval = 0 }",
            ".interval: 0 is not in 1–3600 s",
        ),
        (
            "discovery = { type = 'dns', name = 'a..b' }\nport = 1",
            ".name: 'a..b' is not a name, as app.internal or _http._tcp.app.internal",
        ),
        (
            "discovery = { type = 'dns', name = 'app.internal' }",
            ".name: the addresses of 'app.internal' have no port: set the group's port",
        ),
        (
            "discovery = { type = 'http' }",
            ".url: is required (http://host/path or https://host/path, without a user and a fragment)",
        ),
        (
            "servers = ['10.0.0.1:1']\ndiscovery = { type = 'file', path = 'a' }",
            ": stands beside servers: members come from one of them",
        ),
    ],
)
def test_wrong_values_of_discovery(toml: str, message: str) -> None:
    assert wrong(GROUP + toml, sources=["etcd", "consul", "http"]) == [
        f"server_groups.app.discovery{message}"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/",
        "http:/a",
        "//a/",
        "http://",
        "http://a:0/",
        "http://a:65536/",
        "http://a b/",
        "http://a/ b",
        "http://10.0.0.256/",
        "http://a/#b",
        "http://[::g]/",
        "https://me:hunter2@a/",
        3,
    ],
)
def test_what_is_no_url_of_a_source_and_is_not_shown(url: object) -> None:
    document = {"server_groups": {"app": {"discovery": {"type": "http", "url": url}}}}
    with pytest.raises(ConfigurationError) as caught:
        parse(document)
    assert [str(problem) for problem in caught.value.problems] == [
        "server_groups.app.discovery.url: is not http://host/path or https://host/path, "
        "without a user and a fragment"
    ]


def test_everything_wrong_with_a_discovery_is_told_at_once() -> None:
    toml = f"{GROUP}discovery = {{ name = 'x y', x = 1, type = 'dns', empty_ok = 2, interval = 0 }}\nport = 1"
    assert [line.partition(": ")[0].rpartition(".")[2] for line in wrong(toml)] == [
        "name",
        "x",
        "empty_ok",
        "interval",
    ]


def test_discovery_has_no_default() -> None:
    assert wrong("[defaults.server_group]\ndiscovery = {}")[0].startswith(
        "defaults.server_group.discovery: is not a known key"
    )


def test_plugins_of_schedulers() -> None:
    assert group("scheduler = 'mine'", schedulers=["mine", "yours"]).scheduler == "mine"
    assert wrong(GROUP + "scheduler = 'ours'", schedulers=["yours", "wrr", "mine"]) == [
        "server_groups.app.scheduler: 'ours' is not one of "
        '"wrr", "wlc", "source_hash", "rr", "lc", "maglev", "random", "mine", "yours" (did you mean yours?)'
    ]


NETWORKS = "[load_balancer]\nserver_networks = ['10.0.0.0/8', '2001:db8::/32', '::ffff:192.0.2.0/120']\n"


def test_networks_at_run_time() -> None:
    assert parse(tomllib.loads(NETWORKS)).load_balancer.server_networks == (
        ip_network("10.0.0.0/8"),
        ip_network("2001:db8::/32"),
        ip_network("192.0.2.0/24"),
    )


@pytest.mark.parametrize(
    "network",
    [
        "",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "10.0.0/8",
        "::/129",
        "fe80::%eth0/64",
        "10.0.0.0/+8",
    ],
)
def test_what_is_no_network(network: str) -> None:
    assert wrong(f"[load_balancer]\nserver_networks = ['{network}']") == [
        f"load_balancer.server_networks: '{network}' is not a network, as 10.0.0.0/8 or 2001:db8::/32"
    ]


def test_servers_outside_of_the_networks_are_refused() -> None:
    toml = (
        f"{NETWORKS}{GROUP}port = 80\n[server_groups.app.servers]\n"
        + """
        a = "10.0.0.1"
        b = "11.0.0.1"
        c = { address = "[2001:db9::1]" }
        d = "unix:/x"
        e = "app.internal"
        f = "[::ffff:10.0.0.1]:81"
        g = "192.0.2.1"
        [server_groups.list]
        servers = ["10.0.0.1:1", "[fe80::1%eth0]:1"]
    """
    )
    networks = "is not in load_balancer.server_networks: 10.0.0.0/8, 2001:db8::/32 and 192.0.2.0/24"
    assert wrong(toml) == [
        f"server_groups.app.servers.b: '11.0.0.1' {networks}",
        f"server_groups.app.servers.c.address: '[2001:db9::1]' {networks}",
        f"server_groups.list.servers[1]: '[fe80::1%eth0]:1' {networks}",
    ]


def test_wrong_networks_are_told_once_and_not_for_each_server() -> None:
    assert len(wrong(f"[load_balancer]\nserver_networks = ['10']\n{GROUP}servers = ['11.0.0.1:1']")) == 1


def test_no_networks_stand_for_any() -> None:
    assert within(Address("10.0.0.1", 80), ())
    assert within(Address("fe80::1%eth0", 80), [ip_network("fe80::/10")])
    assert not within(Address("10.0.0.1", 80), [ip_network("fe80::/10")])
