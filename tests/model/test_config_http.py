"""What HTTP has in the file: protocols of listeners and groups, rules, cookies, and what warns of them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, PersistenceSettings, Secret, parse, plain, warnings
from lbtwist.model.network import parse_network

WEB = '[listeners.web]\nendpoint = 8080\nprotocol = "http"\n'
MAIL = '[listeners.mail]\nendpoint = 8025\nprotocol = "tcp"\n'
APP = "[server_groups.app]\n"
SERVERS = 'servers = ["10.0.0.1:80"]\n'
API = f"[server_groups.api]\n{SERVERS}"
COOKIE = "session_persistence.type = 'cookie'\n"


def read(toml: str) -> Config:
    return parse(tomllib.loads(toml))


def wrong(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(toml)
    return [str(problem) for problem in caught.value.problems]


def persistence(toml: str) -> PersistenceSettings:
    return read(WEB + APP + toml).server_groups["app"].session_persistence


def wrong_rule(rule: str) -> list[str]:
    return wrong(f"{WEB}rules = [{{ {rule} }}]\n{APP}")


# Listeners.


def test_defaults_of_an_http_listener() -> None:
    web = read(WEB + APP).listeners["web"]
    assert (web.protocol, web.idle_timeout, web.request_timeout) == ("http", 60, 60)
    assert (web.header_timeout, web.tunnel_timeout) == (10, 3600)
    assert (web.trusted_proxies, web.rules) == ((), ())
    assert type(web.idle_timeout) is float


def test_the_default_of_the_idle_timeout_is_that_of_the_protocol() -> None:
    mail = read(MAIL + APP).listeners["mail"]
    assert (mail.idle_timeout, read(WEB + "idle_timeout = 5\n" + APP).listeners["web"].idle_timeout) == (
        1800,
        5,
    )
    inherited = read("[defaults.listener]\nidle_timeout = 7\n" + WEB + APP)
    assert inherited.listeners["web"].idle_timeout == 7


def test_what_an_http_listener_says() -> None:
    web = read(WEB + 'trusted_proxies = ["10.0.0.0/8"]\nheader_timeout = "100ms"\n' + APP).listeners["web"]
    assert (web.trusted_proxies, web.header_timeout) == ((parse_network("10.0.0.0/8"),), 0.1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("request_timeout = 0", "request_timeout: 0 is not in 1–3600 s"),
        ("request_timeout = 3601", "request_timeout: 3601 is not in 1–3600 s"),
        ("header_timeout = 301", "header_timeout: 301 is not in 0.1–300 s"),
        ("tunnel_timeout = 86401", "tunnel_timeout: 86401 is not in 1–86400 s"),
        (
            "trusted_proxies = ['10.0.0.1']",
            "trusted_proxies: '10.0.0.1' is not a network, as 10.0.0.0/8 or 2001:db8::/32",
        ),
        ("rules = 5", "rules: 5 is not a list of tables"),
        ("rules = { host = 'a' }", "rules: {'host': 'a'} is not a list of tables"),
        ("rules = ['a']", "rules[0]: 'a' is not a table"),
    ],
)
def test_wrong_values_of_a_listener(line: str, message: str) -> None:
    assert wrong(f"{WEB}{line}\n{APP}") == [f"listeners.web.{message}"]


@pytest.mark.parametrize(
    "line",
    [
        "request_timeout = 60",
        "header_timeout = 10",
        "tunnel_timeout = 60",
    ],
)
def test_keys_that_only_http_has_are_refused_of_a_tcp_listener_and_not_used_where_inherited(
    line: str,
) -> None:
    name = line.partition(" ")[0]
    message = f'listeners.mail.{name}: is not a known key of protocol "tcp": it is for "http", "https"'
    assert wrong(f"{MAIL}{line}\n{APP}") == [message]
    inherited = f"[defaults.listener]\n{line}\n"
    assert read(inherited + MAIL + APP) == read(MAIL + APP)


def test_what_is_inherited_for_another_protocol_is_judged_all_the_same() -> None:
    assert wrong("[defaults.listener]\nrules = [{ host = 'a b', respond.status = 404 }]\n" + MAIL + APP) == [
        "defaults.listener.rules[0].host: 'a b' is not a host as app.example.com, *.example.com, 10.0.0.1 "
        "or [::1], without a port"
    ]


# Groups.


@pytest.mark.parametrize(
    ("listener", "protocol"), [(WEB, "http"), (MAIL, "tcp"), ("", "tcp")], ids=["http", "tcp", "none"]
)
def test_a_group_speaks_what_its_listener_does(listener: str, protocol: str) -> None:
    assert read(listener + APP).server_groups["app"].protocol == protocol


def test_a_group_that_only_a_rule_names_speaks_what_the_listener_does() -> None:
    config = read(f"{WEB}server_group = 'app'\nrules = [{{ server_group = 'api' }}]\n{APP}{API}")
    assert config.server_groups["api"].protocol == "http"
    assert config.listeners["web"].groups == ("app", "api")


def test_each_group_of_a_listener_is_told_once() -> None:
    config = read(WEB + 'rules = [{ host = "a", server_group = "app" }, { server_group = "app" }]\n' + APP)
    assert config.listeners["web"].groups == ("app",)


@pytest.mark.parametrize("line", ["keepalive = 3", COOKIE, "connection_draining.error_status = 502"])
def test_a_group_that_nothing_uses_is_http_where_it_has_keys_of_http(line: str) -> None:
    """So that its last listener can be taken out of the file."""
    assert read(APP + line).server_groups["app"].protocol == "http"


def test_a_protocol_that_differs_from_a_listener_is_refused() -> None:
    assert wrong(WEB + APP + 'protocol = "tcp"') == [
        "server_groups.app.protocol: 'tcp' differs from \"http\", the protocol of listeners.web"
    ]
    assert wrong(MAIL + APP + 'protocol = "http"') == [
        "server_groups.app.protocol: 'http' differs from \"tcp\", the protocol of listeners.mail"
    ]
    assert wrong(f"[defaults.server_group]\nprotocol = 'tcp'\n{WEB}{APP}") == [
        "defaults.server_group.protocol: 'tcp' differs from \"http\", the protocol of listeners.web"
    ]


def test_a_protocol_that_differs_from_a_listener_with_a_rule_is_refused() -> None:
    toml = f"{WEB}server_group = 'app'\nrules = [{{ respond.status = 404 }}, {{ server_group = 'api' }}]\n"
    assert wrong(f"{toml}{APP}{API}protocol = 'tcp'") == [
        "server_groups.api.protocol: 'tcp' differs from \"http\", the protocol of listeners.web.rules[1]"
    ]


def test_a_group_that_listeners_of_two_protocols_use_is_refused() -> None:
    assert wrong(WEB + MAIL + APP) == [
        "server_groups.app: is used by listeners.web (http) and listeners.mail (tcp): "
        "a group has one protocol"
    ]


def test_rules_that_a_tcp_listener_inherits_say_nothing_of_groups() -> None:
    rules = "[defaults.listener]\nserver_group = 'app'\nrules = [{ server_group = 'api' }]\n"
    config = read(f"{rules}{WEB}server_group = 'api'\n{MAIL}{APP}{API}")
    assert [group.protocol for group in config.server_groups.values()] == ["tcp", "http"]
    assert (config.listeners["mail"].rules, config.listeners["mail"].groups) == ((), ("app",))


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        (MAIL + WEB + APP, "server_groups.app"),
        (f"{WEB}{APP}protocol = 'tcp'\n", "server_groups.app.protocol"),
    ],
)
def test_while_its_protocol_is_not_known_the_keys_of_a_group_are_not_judged(toml: str, key: str) -> None:
    assert [problem.partition(":")[0] for problem in wrong(f"{toml}keepalive = 3\n{COOKIE}")] == [key]


def test_a_listener_without_a_protocol_says_nothing_of_its_group() -> None:
    toml = "[listeners.web]\nendpoint = 1\n" + APP + "keepalive = 3"
    assert wrong(toml) == ['listeners.web.protocol: is required ("tcp", "http", "tls", "https")']


def test_defaults_of_an_http_group() -> None:
    group = read(WEB + APP).server_groups["app"]
    draining, persistence = group.connection_draining, group.session_persistence
    assert (group.keepalive, group.keepalive_timeout) == (64, 4)
    assert (draining.error_status, draining.websocket_close) == (500, 1001)
    assert (persistence.cookie, persistence.secret, persistence.by_cookie) == ("SERVERID", None, False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("keepalive = -1", "keepalive: -1 is not in 0–10000"),
        ("keepalive_timeout = 0", "keepalive_timeout: 0 is not in 0.1–3600 s"),
        *(
            (
                f"connection_draining.error_status = {status}",
                f"connection_draining.error_status: {status} is not one of 500, 502, 503",
            )
            for status in (499, 501, 504)
        ),
        (
            "connection_draining.error_status = '500'",
            "connection_draining.error_status: '500' is not a whole number (500, 502, 503)",
        ),
        *(
            (
                f"connection_draining.websocket_close = {code}",
                f"connection_draining.websocket_close: {code} is not one of 0, 1001, 1012, 4000–4999",
            )
            for code in (-1, 1, 1000, 1011, 3999, 5000)
        ),
        (
            "connection_draining.websocket_close = false",
            "connection_draining.websocket_close: False is not a whole number (0, 1001, 1012, 4000–4999)",
        ),
    ],
)
def test_wrong_values_of_a_group(line: str, message: str) -> None:
    assert wrong(f"{WEB}{APP}{line}") == [f"server_groups.app.{message}"]


@pytest.mark.parametrize("code", [0, 1001, 1012, 4000, 4999])
def test_codes_of_close_frames(code: int) -> None:
    group = read(f"{WEB}{APP}connection_draining.websocket_close = {code}").server_groups["app"]
    assert group.connection_draining.websocket_close == code


@pytest.mark.parametrize(
    "key",
    [
        "keepalive",
        "keepalive_timeout",
        "connection_draining.error_status",
        "connection_draining.websocket_close",
    ],
)
def test_keys_that_only_http_has_are_refused_of_a_tcp_group_and_not_used_where_inherited(key: str) -> None:
    value = {"connection_draining.error_status": 502, "connection_draining.websocket_close": 1012}.get(key, 9)
    assert wrong(f"{MAIL}{APP}{key} = {value}") == [
        f'server_groups.app.{key}: is not a known key of protocol "tcp": it is for "http"'
    ]
    assert read(f"[defaults.server_group]\n{key} = {value}\n{MAIL}{APP}") == read(MAIL + APP)


# Session persistence.


def test_persistence_by_cookie() -> None:
    settings = persistence(COOKIE + "session_persistence.timeout = 5")
    assert (settings.by_cookie, settings.seconds, settings.cookie, settings.secret) == (
        True,
        5,
        "SERVERID",
        None,
    )


def test_persistence_by_cookie_is_not_for_tcp() -> None:
    key = "session_persistence.type"
    message = f'{key}: \'cookie\' is not for protocol "tcp" of server_groups.app: it is for "http"'
    assert wrong(MAIL + APP + COOKIE) == [f"server_groups.app.{message}"]
    assert wrong(f"[defaults.server_group]\n{COOKIE}{MAIL}{APP}") == [f"defaults.server_group.{message}"]
    own = f"[defaults.server_group]\n{COOKIE}{MAIL}{APP}session_persistence.type = 'none'"
    assert read(own).server_groups["app"].session_persistence.seconds == 0


@pytest.mark.parametrize("key", ["cookie = 'A'", "secret = '0123456789abcdef'"])
def test_keys_of_cookies_are_for_the_type_cookie(key: str) -> None:
    name = key.partition(" ")[0]
    line = f"session_persistence = {{ type = 'source_ip', {key} }}"
    assert wrong(WEB + APP + line) == [
        f'server_groups.app.session_persistence.{name}: is not a known key of type "source_ip": '
        'it is for "cookie"'
    ]


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", '"a"', "ä", "x" * 64])
def test_what_is_no_name_of_a_cookie(name: str) -> None:
    assert wrong(f"{WEB}{APP}{COOKIE}session_persistence.cookie = '{name}'") == [
        f"server_groups.app.session_persistence.cookie: {name!r} is not the name of a cookie: "
        "a token of 1–63 characters (RFC 6265, 4.1.1)"
    ]


@pytest.mark.parametrize(
    "secret", ["hunter2-hunter2", "hunter2 hunter2 hunter2", "hunter2" * 37, "hunter2ä" * 4]
)
def test_a_wrong_secret_is_told_and_not_shown(secret: str) -> None:
    (problem,) = wrong(f"{WEB}{APP}{COOKIE}session_persistence.secret = '{secret}'")
    assert (
        problem
        == "server_groups.app.session_persistence.secret: is not 16–255 ASCII characters without spaces"
    )


def test_a_secret_is_read_back_and_never_shown() -> None:
    config = read(WEB + APP + COOKIE + "session_persistence.secret = 'hunter2-hunter2-hunter2'")
    secret = config.server_groups["app"].session_persistence.secret
    assert secret is not None
    assert secret.value == b"hunter2-hunter2-hunter2"
    assert parse(plain(config)) == config
    for shown in (repr(config), str(config), repr(plain(config)), f"{secret}"):
        assert "hunter2" not in shown
        assert "***" in shown


def test_a_secret_is_another_when_it_says_something_else() -> None:
    assert Secret("0123456789abcdef") == Secret("0123456789abcdef")
    assert len({Secret("0123456789abcdef"), Secret("0123456789abcdef"), Secret("fedcba9876543210")}) == 2


# Rules.


def test_rules() -> None:
    web = read(
        f"""{WEB}server_group = "app"
        [[listeners.web.rules]]
        host = "WWW.Example.com"
        path_prefix = "/api"
        server_group = "api"
        [[listeners.web.rules]]
        host = "*.example.com"
        redirect = "https://{{host}}{{target}}"
        [[listeners.web.rules]]
        respond = {{ status = 404 }}
        {APP}{API}"""
    ).listeners["web"]
    first, second, last = web.rules
    assert (first.host, first.path_prefix, first.server_group) == ("www.example.com", "/api", "api")
    assert (second.host, second.path_prefix, second.redirect) == (
        "*.example.com",
        None,
        "https://{host}{target}",
    )
    assert last.respond is not None
    assert (last.respond.status, last.matches_all, second.matches_all) == (404, True, False)
    assert (
        not read(f"{WEB}rules = [{{ path_prefix = '/', respond.status = 404 }}]\n{APP}")
        .listeners["web"]
        .rules[0]
        .matches_all
    )


@pytest.mark.parametrize(
    "host",
    ["example.com", "a", "*.example.com", "a_b.example.com", "10.0.0.1", "[::1]", "[2001:db8::1]"],
)
def test_hosts_of_rules(host: str) -> None:
    (rule,) = (
        read(f"{WEB}rules = [{{ host = '{host}', respond.status = 404 }}]\n{APP}").listeners["web"].rules
    )
    assert rule.host == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        "*",
        "*.",
        "a.*",
        "*a.example.com",
        "*.*.example.com",
        "example.com:80",
        "example.com.",
        "a b",
        "a/b",
        "ä.example.com",
        "::1",
        "[::1",
        "[::1]:80",
        "*.[::1]",
        "*.10.0.0.1",
        "10.0.0.256",
        "1.2.3",
        "u@a",
        "a\\u0000",
        "a" * 254,
    ],
)
def test_what_is_no_host_of_a_rule(host: str) -> None:
    (problem,) = wrong_rule(f'host = "{host}", respond.status = 404')
    assert problem.startswith("listeners.web.rules[0].host: ")
    assert problem.endswith(
        "is not a host as app.example.com, *.example.com, 10.0.0.1 or [::1], without a port"
    )


@pytest.mark.parametrize(
    "prefix", ["/", "/api", "/api/", "/a.b", "/.well-known/x", "/a%20b", "/a;b", "/...", "//"]
)
def test_prefixes_of_paths(prefix: str) -> None:
    (rule,) = (
        read(f"{WEB}rules = [{{ path_prefix = '{prefix}', respond.status = 404 }}]\n{APP}")
        .listeners["web"]
        .rules
    )
    assert rule.path_prefix == prefix


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "api",
        "*",
        "/a b",
        "/a?b",
        "/a#b",
        "/ä",
        "/a\\u0000",
        "/a\\n",
        "/a\\\\b",
        "/.",
        "/..",
        "/./a",
        "/a/../b",
        "/a/..",
        "/a/..;x",
        "/a/%2e%2E/b",
        "/a/.%2e",
        "/a%2fb",
        "/a%5Cb",
        "/" + "a" * 2048,
    ],
)
def test_what_is_no_prefix_of_a_path(prefix: str) -> None:
    """Such a path is refused, or never asked for: the rule would never match."""
    (problem,) = wrong_rule(f'path_prefix = "{prefix}", respond.status = 404')
    assert problem.startswith("listeners.web.rules[0].path_prefix: ")
    assert "is not a path of at most 2048 ASCII characters that begins with `/`" in problem


@pytest.mark.parametrize(
    "redirect",
    [
        "https://{host}{target}",
        "http://{host}:8080{target}",
        "https://www.{host}/",
        "https://example.com",
        "https://example.com/a?b={host}#c",
        "https://[::1]:8443{target}",
        "/new{target}",
        "/",
        "/a/{host}",
        "/{host}{target}",
    ],
)
def test_redirects(redirect: str) -> None:
    (rule,) = read(f"{WEB}rules = [{{ redirect = '{redirect}' }}]\n{APP}").listeners["web"].rules
    assert rule.redirect == redirect


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "{target}",
        "{host}",
        "example.com",
        "ftp://example.com",
        "HTTPS://example.com",
        "https://",
        "https:///a",
        "https://{target}",
        "https://u@example.com/",
        "https://example.com:port/",
        "https://{host}{path}",
        "https://{HOST}",
        "https://example.com/{",
        "https://example.com/}",
        "https://example.com/{{host}}",
        "//example.com",
        "/{target}",
        "/a b",
        "/a\\r\\nSet-Cookie: a",
        "/\\\\example.com",
        "/ä",
        "/<a>",
    ],
)
def test_what_is_no_redirect(redirect: str) -> None:
    """`//host` and `/{target}` would lead to any host that a client names."""
    (problem,) = wrong_rule(f'redirect = "{redirect}"')
    assert problem.startswith("listeners.web.rules[0].redirect: ")
    assert "is not http://… or https://… with a host, or a path that begins with one `/`" in problem


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "host = 'a'",
            ": does nothing with a request: exactly one of server_group, redirect and respond is needed",
        ),
        (
            "redirect = '/', respond.status = 404",
            ": has redirect and respond: exactly one of server_group, redirect and respond is needed",
        ),
        ("respond.status = 199", ".respond.status: 199 is not in 200–599"),
        ("respond.status = 600", ".respond.status: 600 is not in 200–599"),
        ("respond = 404", ".respond: 404 is not a table"),
        ("respond = {}", ".respond.status: is required (200–599)"),
        ("server_group = 'ap'", ".server_group: 'ap' is no server group (did you mean app?); there are app"),
        (
            "hots = 'a', respond.status = 404",
            ".hots: is not a known key (did you mean host?); [listeners.web.rules[0]] takes host, "
            "path_prefix, server_name, alpn, server_group, redirect, respond, refuse",
        ),
    ],
)
def test_wrong_rules(rule: str, message: str) -> None:
    assert wrong_rule(rule) == [f"listeners.web.rules[0]{message}"]


def test_a_wrong_rule_that_listeners_inherit_is_told_once() -> None:
    rules = "rules = [{ respond.status = 404 }, { host = 'a:1' }, { server_group = 'x', respond = {} }]"
    told = wrong(f"[defaults.listener]\n{rules}\n{WEB}{WEB.replace('web', 'two').replace('8080', '81')}{APP}")
    assert [problem.partition(": ")[0] for problem in told] == [
        "defaults.listener.rules[1]",
        "defaults.listener.rules[1].host",
        "defaults.listener.rules[2]",
        "defaults.listener.rules[2].server_group",
        "defaults.listener.rules[2].respond.status",
    ]


def test_everything_of_http_reads_back_to_the_same() -> None:
    config = read(
        f"{WEB}server_group = 'app'\ntrusted_proxies = ['::/0']\n"
        "rules = [{ host = 'a', respond.status = 404 }, { path_prefix = '/b', server_group = 'api' }]\n"
        f"{APP}{COOKIE}keepalive = 0\nconnection_draining.error_status = 503\n{API}"
    )
    assert plain(config)["listeners"]["web"]["rules"] == [
        {"host": "a", "respond": {"status": 404}},
        {"path_prefix": "/b", "server_group": "api"},
    ]
    assert parse(plain(config)) == config


def test_a_tcp_file_is_written_without_what_is_of_http() -> None:
    values: dict[str, Any] = plain(read(MAIL + APP))
    assert "request_timeout" not in values["listeners"]["mail"]
    assert "keepalive" not in values["server_groups"]["app"]
    assert "error_status" not in values["server_groups"]["app"]["connection_draining"]
    assert "cookie" not in values["server_groups"]["app"]["session_persistence"]
    assert parse(values) == read(MAIL + APP)


# Warnings.


def test_rules_after_one_that_matches_every_request_are_warned_about() -> None:
    rules = "rules = [{ host = 'a', redirect = '/' }, { redirect = '/' }, { host = 'b', redirect = '/' }]\n"
    assert warnings(read(WEB + rules + APP + SERVERS)) == [
        "listeners.web.rules[2]: is never reached: rules[1] matches every request"
    ]


def test_a_group_that_a_rule_names_is_used() -> None:
    rules = "server_group = 'app'\nrules = [{ server_group = 'api' }]\n"
    assert warnings(read(WEB + rules + APP + SERVERS + API)) == []


@pytest.mark.parametrize(
    ("timeout", "what"),
    [
        ("30", "a request that may still be answered in time is cut when its server is removed"),
        ("60", "a request that may still be answered in time is cut when its server is removed"),
        ("0", "draining is off, and every request in flight is cut at once when its server is removed"),
    ],
)
def test_a_drain_that_is_not_longer_than_a_request_is_warned_about(timeout: str, what: str) -> None:
    """rule 43"""
    config = read(f"{WEB}{APP}{SERVERS}connection_draining.timeout = {timeout}")
    assert warnings(config) == [
        f"server_groups.app.connection_draining.timeout: {timeout} s is not longer than "
        f"listeners.web.request_timeout (60 s): {what}"
    ]


@pytest.mark.parametrize("timeout", ["60.1", "'never'"])
def test_a_drain_that_is_longer_than_a_request_is_not_warned_about(timeout: str) -> None:
    """rule 43"""
    assert warnings(read(f"{WEB}{APP}{SERVERS}connection_draining.timeout = {timeout}")) == []


def test_a_drain_is_compared_with_each_listener_that_uses_the_group_by_a_rule_too() -> None:
    """rule 43"""
    rules = "server_group = 'app'\nrequest_timeout = 400\nrules = [{ server_group = 'api' }]\n"
    told = warnings(read(WEB + rules + APP + SERVERS + "connection_draining.timeout = 500\n" + API))
    assert [warning.partition(":")[0] for warning in told] == [
        "server_groups.api.connection_draining.timeout"
    ]
    assert "listeners.web.request_timeout (400 s)" in told[0]


def test_a_tcp_listener_has_no_requests_to_warn_about() -> None:
    """rule 43"""
    assert warnings(read(f"{MAIL}{APP}{SERVERS}connection_draining.timeout = 1")) == []


def test_rules_behind_what_is_no_table_are_judged_too() -> None:
    rules = "rules = [1, { path_prefix = '/a' }, { path_prefix = '/b', server_group = 'x' }]\n"
    assert wrong(f"{WEB}{rules}") == [
        "listeners.web.server_group: there is no server group",
        "listeners.web.rules[0]: 1 is not a table",
        "listeners.web.rules[1]: does nothing with a request: "
        "exactly one of server_group, redirect and respond is needed",
        "listeners.web.rules[2].server_group: 'x' is no server group; there is none",
    ]
