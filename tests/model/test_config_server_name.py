"""Rules of tcp listeners in the file: on what a client's ClientHello asks for."""

from __future__ import annotations

import tomllib

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, RuleSettings, parse, plain, warnings
from tests.model.test_config_http import API, APP, MAIL, SERVERS, WEB

TLS = '[listeners.safe]\nendpoint = 8443\nprotocol = "tls"\n'
CERTIFICATES = 'certificates = [{ certificate = "a.pem", key = "a.key" }]\n'
OWN = "server_group = 'app'\n"


def read(toml: str) -> Config:
    return parse(tomllib.loads(toml))


def wrong(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(toml)
    return [str(problem) for problem in caught.value.problems]


def rules_of(toml: str) -> tuple[RuleSettings, ...]:
    return read(toml).listeners["mail"].rules


def wrong_rule(rule: str) -> list[str]:
    return wrong(f"{MAIL}rules = [{{ {rule} }}]\n{APP}")


def test_rules_on_connections() -> None:
    rules = rules_of(
        f"""{MAIL}{OWN}
        [[listeners.mail.rules]]
        server_name = "*.Example.com"
        alpn = "h2"
        server_group = "api"
        [[listeners.mail.rules]]
        alpn = ["acme-tls/1", "http/1.1"]
        refuse = true
        {APP}{API}"""
    )
    assert [(r.server_name, r.alpn, r.server_group, r.refuse) for r in rules] == [
        ("*.example.com", ("h2",), "api", None),
        (None, ("acme-tls/1", "http/1.1"), None, True),
    ]
    assert not any(rule.matches_all for rule in rules)


def test_the_groups_of_the_rules_are_used_and_are_tcp() -> None:
    config = read(f"{MAIL}{OWN}rules = [{{ server_group = 'api' }}]\n{APP}{SERVERS}{API}")
    assert config.listeners["mail"].groups == ("app", "api")
    assert config.server_groups["api"].protocol == "tcp"
    assert warnings(config) == []


def test_a_group_of_http_is_refused() -> None:
    toml = f"{MAIL}{OWN}rules = [{{ server_name = 'a', server_group = 'api' }}]\n{APP}{API}"
    assert wrong(f"{toml}protocol = 'http'") == [
        "server_groups.api.protocol: 'http' differs from \"tcp\", the protocol of listeners.mail.rules[0]"
    ]
    assert wrong(f"{toml}keepalive = 3") == [
        'server_groups.api.keepalive: is not a known key of protocol "tcp": it is for "http"'
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "server_name = 'a'",
            ": does nothing with a connection: exactly one of server_group and refuse is needed",
        ),
        (
            "server_group = 'app', refuse = true",
            ": has server_group and refuse: exactly one of server_group and refuse is needed",
        ),
        ("server_group = 'ap'", ".server_group: 'ap' is no server group (did you mean app?)"),
        ("refuse = false", ".refuse: False is not true"),
        ("refuse = 1", ".refuse: 1 is not true"),
        (
            "host = 'a', refuse = true",
            '.host: is not a known key of protocol "tcp": it is for "http", "https"',
        ),
        ("path_prefix = '/a', refuse = true", ".path_prefix: is not a known key of protocol"),
        ("redirect = '/a'", ".redirect: is not a known key of protocol"),
        ("respond.status = 404", ".respond: is not a known key of protocol"),
    ],
)
def test_wrong_rules(rule: str, message: str) -> None:
    (problem,) = wrong_rule(rule)
    assert problem.startswith(f"listeners.mail.rules[0]{message}")


@pytest.mark.parametrize("name", ["", "*", "*.", "a b", "10.0.0.1", "[::1]", "a.", "a..b", "www.*.com", "ä"])
def test_what_is_no_server_name(name: str) -> None:
    assert wrong_rule(f"server_name = '{name}', refuse = true") == [
        f"listeners.mail.rules[0].server_name: '{name}' is not a name as www.example.com or *.example.com"
    ]


@pytest.mark.parametrize("value", ["''", "[]", "['h2', '']", "5", "[5]", "'a b'", "'ä'", f"'{'a' * 256}'"])
def test_what_is_no_alpn(value: str) -> None:
    (problem,) = wrong_rule(f"alpn = {value}, refuse = true")
    assert problem.startswith("listeners.mail.rules[0].alpn: ")
    assert problem.endswith(' is not the name of a protocol, as "h2", or a list of some')


@pytest.mark.parametrize("key", ["server_name = 'a'", "alpn = 'h2'", "refuse = true"])
def test_keys_on_connections_are_refused_of_an_http_listener(key: str) -> None:
    rule = key if key.startswith("refuse") else f"{key}, server_group = 'app'"
    assert wrong(f"{WEB}rules = [{{ {rule} }}]\n{APP}") == [
        f'listeners.web.rules[0].{key.partition(" ")[0]}: is not a known key of protocol "http": '
        'it is for "tcp"'
    ]


def test_a_listener_that_ends_tls_has_no_rules() -> None:
    assert wrong(f"{TLS}{CERTIFICATES}rules = []\n{APP}") == [
        'listeners.safe.rules: is not a known key of protocol "tls": it is for "tcp", "http", "https"'
    ]


@pytest.mark.parametrize(
    ("listener", "count"), [(MAIL, 1), (WEB, 0), (TLS + CERTIFICATES, 0)], ids=["tcp", "http", "tls"]
)
def test_rules_that_a_listener_inherits_are_for_those_that_have_such(listener: str, count: int) -> None:
    rules = "[defaults.listener]\nrules = [{ server_name = 'a', server_group = 'app' }]\n"
    config = read(f"{rules}{listener}{APP}")
    assert [len(each.rules) for each in config.listeners.values()] == [count]
    assert parse(plain(config)) == config


def test_a_listener_that_ends_tls_inherits_no_rules_on_requests_either() -> None:
    rules = "[defaults.listener]\nrules = [{ respond.status = 404 }]\n"
    assert read(rules + TLS + CERTIFICATES + APP) == read(TLS + CERTIFICATES + APP)


def test_inherited_rules_with_keys_of_both_are_those_of_tcp_and_wrong() -> None:
    rules = "[defaults.listener]\nrules = [{ server_name = 'a', host = 'a', server_group = 'app' }]\n"
    (problem,) = wrong(rules + MAIL + APP)
    assert problem.startswith('defaults.listener.rules[0].host: is not a known key of protocol "tcp"')


def test_an_inherited_rule_without_an_outcome_is_told_by_what_it_has() -> None:
    assert wrong(f"[defaults.listener]\nrules = [{{ server_name = 'a' }}]\n{MAIL}{WEB}{APP}")[0] == (
        "defaults.listener.rules[0]: does nothing with a connection: exactly one of server_group and refuse "
        "is needed"
    )


@pytest.mark.parametrize(("value", "seconds"), [("0.1", 0.1), ("'300ms'", 0.3), ("300", 300)])
def test_how_long_a_hello_is_waited_for(value: str, seconds: float) -> None:
    assert read(f"{MAIL}hello_timeout = {value}\n{APP}").listeners["mail"].hello_timeout == seconds
    assert read(MAIL + APP).listeners["mail"].hello_timeout == 10


@pytest.mark.parametrize("value", ["0", "301", "'never'"])
def test_wrong_times_of_a_hello(value: str) -> None:
    (problem,) = wrong(f"{MAIL}hello_timeout = {value}\n{APP}")
    assert problem.startswith("listeners.mail.hello_timeout: ")


@pytest.mark.parametrize("listener", [WEB, TLS + CERTIFICATES])
def test_only_tcp_has_a_time_for_hellos(listener: str) -> None:
    (problem,) = wrong(f"{listener}hello_timeout = 5\n{APP}")
    assert 'hello_timeout: is not a known key of protocol "' in problem
    assert problem.endswith(': it is for "tcp"')
    inherited = read(f"[defaults.listener]\nhello_timeout = 5\n{listener}{APP}")
    assert inherited == read(listener + APP)


def test_everything_reads_back_to_the_same() -> None:
    config = read(
        f"{MAIL}{OWN}hello_timeout = 3\nrules = [{{ server_name = '*.a', alpn = 'h2', refuse = true }}, "
        f"{{ alpn = ['b', 'c'], server_group = 'api' }}]\n{APP}{API}"
    )
    assert plain(config)["listeners"]["mail"]["rules"] == [
        {"server_name": "*.a", "alpn": "h2", "refuse": True},
        {"alpn": ["b", "c"], "server_group": "api"},
    ]
    assert parse(plain(config)) == config


def test_rules_after_one_that_matches_every_connection_are_warned_about() -> None:
    rules = "rules = [{ alpn = 'h2', refuse = true }, { refuse = true }, { alpn = 'a', refuse = true }]\n"
    assert warnings(read(MAIL + rules + APP + SERVERS)) == [
        "listeners.mail.rules[2]: is never reached: rules[1] matches every connection"
    ]
