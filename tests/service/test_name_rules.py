"""Rules on server names from the file to the data plane, live and by a reload."""

from __future__ import annotations

import pytest

from lbtwist.errors import Refused
from lbtwist.model.name_rule import NameRule
from lbtwist.model.plane import ListenerPolicy
from tests.service.bench import Bench
from tests.service.filed import Filed

EDGE = '[listeners.edge]\nendpoint = "127.0.0.1:8443"\nprotocol = "tcp"\nserver_group = "app"\n'
RULES = 'rules = [{ server_name = "*.Example.com", alpn = "h2", server_group = "api" }, { refuse = true }]\n'
GROUPS = (
    '[server_groups.app.servers]\none = "10.0.0.1:443"\n[server_groups.api.servers]\none = "10.0.1.1:443"\n'
)
TOML = f"{EDGE}hello_timeout = 3\n{RULES}{GROUPS}"
API = NameRule(b"*.example.com", (b"h2",), "api")


@pytest.fixture
def filed() -> Filed:
    return Filed(TOML)


def policy(bench: Bench) -> ListenerPolicy:
    return bench.plane.policies[bench.balancer.listeners["edge"].number]


def test_the_policy_of_a_tcp_listener() -> None:
    bench = Bench(TOML)
    told = policy(bench)
    assert (told.group, told.protocol, told.hello_timeout) == ("app", "tcp", 3.0)
    assert (told.name_rules, told.rules) == ((API, NameRule()), ())


def test_an_http_listener_has_none() -> None:
    http = EDGE.replace('"tcp"', '"http"') + 'rules = [{ host = "a", server_group = "api" }]\n'
    told = policy(Bench(http + GROUPS))
    assert (len(told.rules), told.name_rules) == (1, ())


def test_rule_73_a_reload_with_other_rules_touches_no_connection(filed: Filed) -> None:
    (connection,) = filed.bench.connect("api/one#3")
    number = filed.balancer.listeners["edge"].number
    assert filed.reload(EDGE + 'rules = [{ server_name = "a", server_group = "api" }]\n' + GROUPS) == [
        "listener edge changed"
    ]
    assert filed.balancer.listeners["edge"].number == number
    assert policy(filed.bench).name_rules == (NameRule(b"a", (), "api"),)
    assert connection.live


def test_rules_are_shown_as_they_are_written(filed: Filed) -> None:
    (row,) = filed.get("listeners.edge.rules")
    assert row["value"] == [
        {"server_name": "*.example.com", "alpn": "h2", "server_group": "api"},
        {"refuse": True},
    ]


def test_a_listener_with_rules_can_be_applied(filed: Filed) -> None:
    filed.apply(EDGE.replace("edge", "two").replace("8443", "8444") + RULES)
    two = filed.balancer.listeners["two"]
    assert filed.bench.plane.policies[two.number].name_rules == (API, NameRule())


def test_rules_are_set_live_and_taken_back(filed: Filed) -> None:
    filed.set("listeners.edge.rules", "[{ server_name = 'B', refuse = true }]")
    assert policy(filed.bench).name_rules == (NameRule(b"b"),)
    filed.set("listeners.edge.rules", "[]")
    filed.set("listeners.edge.hello_timeout", "500ms")
    assert (policy(filed.bench).name_rules, policy(filed.bench).hello_timeout) == ((), 0.5)
    assert filed.live == ["listeners.edge.rules", "listeners.edge.hello_timeout"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("[{ host = 'a', refuse = true }]", r"rules\[0\].host: is not a known key of protocol \"tcp\""),
        ("[{ server_name = 'a' }]", r"rules\[0\]: does nothing with a connection"),
        ("[{ server_group = 'zzz' }]", r"rules\[0\].server_group: 'zzz' is no server group"),
    ],
)
def test_rules_that_are_wrong_change_nothing(filed: Filed, rules: str, message: str) -> None:
    before = policy(filed.bench)
    with pytest.raises(Refused, match=message):
        filed.set("listeners.edge.rules", rules)
    assert policy(filed.bench) == before
