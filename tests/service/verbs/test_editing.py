"""`apply`, `remove listener` and `remove group`: whole parts of a file, live."""

from __future__ import annotations

import pytest

from lbtwist.errors import Refused, UsageError
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.service.verbs import editing
from tests.service.filed import Filed

FILE = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app]
retries = 1
scheduler = "wlc"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = "10.0.0.2:80"
[server_groups.spare.servers]
one = "10.0.1.1:80"
"""
NEW = """
[listeners.admin]
endpoint = "127.0.0.1:8081"
protocol = "tcp"
server_group = "api"
[server_groups.api]
servers = ["10.0.2.1:80"]
[server_groups.api.health_check]
interval = 9
"""


@pytest.fixture
def filed() -> Filed:
    return Filed(FILE)


def names(filed: Filed) -> list[str]:
    return [r.name for r in filed.balancer.groups["app"].members if r.registered]


def test_a_listener_its_group_and_its_checks_are_made_from_nothing(filed: Filed) -> None:
    (connection,) = filed.bench.connect("app/ecs01#2")
    told = filed.apply(NEW)
    assert told[:2] == ["--- lb.toml", "+++ lb.toml"]
    assert {line for line in told[2:] if line[0] == "+"} >= {"+[listeners.admin]", "+interval = 9"}
    assert filed.bench.plane.told[-1] == ("serve", filed.balancer.listeners["admin"].number)
    assert (filed.bench.rotation("api"), connection.live) == (["api/10.0.2.1:80#6"], True)
    assert filed.live == [
        "listeners.admin.endpoint",
        "listeners.admin.protocol",
        "listeners.admin.server_group",
        'server_groups.api.servers."10.0.2.1:80".address',
        "server_groups.api.health_check.interval",
    ]
    filed.balancer.stopService()


def test_the_endpoint_is_opened_before_anything_else_is_changed(filed: Filed) -> None:
    filed.bench.plane.taken = [parse_endpoint("127.0.0.1:8081")]
    before = filed.config
    with pytest.raises(
        Refused, match=r"listeners\.admin\.endpoint: 127\.0\.0\.1:8081: address already in use"
    ):
        filed.apply(NEW + "[server_groups.app]\nretries = 5\n")
    assert (filed.config, filed.live, list(filed.balancer.groups)) == (before, [], ["app", "spare"])


def test_what_a_fragment_does_not_say_stays(filed: Filed) -> None:
    filed.apply('[server_groups.app]\nretries = 5\n[server_groups.app.servers]\necs03 = "10.0.0.3:80"\n')
    app = filed.config.server_groups["app"]
    assert (app.retries, app.scheduler, names(filed)) == (5, "wlc", ["ecs01", "ecs02", "ecs03"])


def test_with_prune_what_it_names_becomes_what_it_says(filed: Filed) -> None:
    filed.apply(
        '[server_groups.app]\nretries = 5\n[server_groups.app.servers]\necs01 = "10.0.0.1:80"\n', prune=True
    )
    app = filed.config.server_groups["app"]
    assert (app.retries, app.scheduler, names(filed)) == (5, "wrr", ["ecs01"])
    assert list(filed.config.listeners) == ["web"]
    assert list(filed.config.server_groups) == ["app", "spare"]


def test_all_of_a_fragment_or_nothing_and_all_that_is_wrong_is_told(filed: Filed) -> None:
    with pytest.raises(Refused) as refused:
        filed.apply('[server_groups.app]\nretries = 99\n[listeners.web]\nserver_group = "zzz"\n')
    assert "server_groups.app.retries: 99 is not in 0–10" in str(refused.value)
    assert "listeners.web.server_group" in str(refused.value)
    assert (filed.live, filed.config.server_groups["app"].retries) == ([], 1)


def test_a_dry_run_shows_the_difference_and_opens_nothing(filed: Filed) -> None:
    filed.bench.plane.told.clear()
    told = filed.apply(NEW, dry_run=True)
    assert "+[listeners.admin]" in told
    assert (filed.bench.plane.told, filed.live) == ([], [])


def test_a_fragment_that_changes_nothing(filed: Filed) -> None:
    assert filed.apply("[server_groups.app]\nretries = 1\n") == ["nothing has changed"]
    assert filed.live == []


@pytest.mark.parametrize(
    ("fragment", "kind", "message"),
    [
        ("", UsageError, "standard input is empty"),
        ("[server_groups", UsageError, "standard input: Expected"),
        ('include = ["a"]', Refused, "include"),
        ("[console]\nmax_sessions = 3\n", Refused, "console"),
        ("servers = 1", Refused, "servers: is not a known key"),
    ],
)
def test_what_is_no_fragment(filed: Filed, fragment: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        filed.apply(fragment)


def test_rule_72_a_listener_is_removed_and_its_connections_drain(filed: Filed) -> None:
    (connection,) = filed.bench.connect("app/ecs01#2")
    assert "-[listeners.web]" in filed.run(editing.remove_listener, "web", dry_run=True)
    assert filed.run(editing.remove_listener, "web") == ["listener web at 127.0.0.1:8080 removed"]
    assert (list(filed.balancer.listeners), filed.live, connection.live) == ([], ["listeners.web"], True)
    (drain,) = filed.balancer.drains
    assert drain.drain.subject == "listener web"
    with pytest.raises(Refused, match="there is no listener web"):
        filed.run(editing.remove_listener, "web")
    filed.revert()
    assert filed.balancer.listeners["web"].accepting
    connection.end()


def test_a_group_is_removed_that_nobody_uses(filed: Filed) -> None:
    assert filed.run(editing.remove_group, "spare") == ["server group spare removed"]
    assert (list(filed.balancer.groups), filed.live) == (["app"], ["server_groups.spare"])


def test_a_group_in_use_is_not_removed(filed: Filed) -> None:
    with pytest.raises(Refused, match=r"server group app is used by listeners\.web"):
        filed.run(editing.remove_group, "app")
    with pytest.raises(Refused, match="there is no server group zzz"):
        filed.run(editing.remove_group, "zzz")


def test_of_a_group_s_source_apply_takes_no_fragment(filed: Filed) -> None:
    with pytest.raises(Refused, match="app is not discovered: it has no source"):
        filed.run(editing.apply, "app")
    with pytest.raises(UsageError, match="--prune is of a fragment"):
        filed.run(editing.apply, "app", prune=True)
