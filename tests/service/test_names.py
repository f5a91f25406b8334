from __future__ import annotations

import shlex

import pytest

from lbtwist.service.names import Names
from lbtwist.service.verbs import membership, settings, taking_out
from tests.service.bench import Bench

TOML = """
[listeners.web]
endpoint = 8080
protocol = "tcp"
server_group = "app"
[listeners.admin]
endpoint = 8081
protocol = "tcp"
server_group = "api"
[server_groups.app]
servers = ["10.0.0.1:80"]
[server_groups.api.servers]
b = "10.0.1.2:80"
a = "10.0.1.1:80"
"""


def test_everything_has_its_name_in_the_order_of_names() -> None:
    names = Names(Bench(TOML).balancer)
    assert names.groups() == ["api", "app"]
    assert names.listeners() == ["admin", "web"]
    assert names.servers() == ["api/a", "api/b", "app/10.0.0.1:80"]
    assert names.registrations() == ["api/a#5", "api/b#4", "app/10.0.0.1:80#3"]


def test_one_that_leaves_and_one_that_comes_back_under_its_name_are_one_server() -> None:
    bench = Bench(TOML)
    names = Names(bench.balancer)
    bench.connect("api/a#5")
    taking_out.remove(bench.call(), ["api/a"])
    membership.add(bench.call(), "api", "a", "10.0.1.9:80")
    assert names.servers() == ["api/a", "api/b", "app/10.0.0.1:80"]
    assert names.registrations() == ["api/a#5", "api/a#6", "api/b#4", "app/10.0.0.1:80#3"]


def test_names_are_those_of_this_moment() -> None:
    bench = Bench(TOML)
    names = Names(bench.balancer)
    taking_out.remove(bench.call(), ["api/a"])
    assert names.servers() == ["api/b", "app/10.0.0.1:80"]


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("", "listeners."),
        ("server_groups.app.sch", "server_groups.app.scheduler"),
        ("server_groups.app.", "server_groups.app.connection_draining."),
        ("server_groups.app.connection_draining.", "server_groups.app.connection_draining.timeout"),
        ("server_groups.app.servers.", r"server_groups.app.servers.\"10.0.0.1:80\"."),
        (r"server_groups.app.servers.\"10.0", r"server_groups.app.servers.\"10.0.0.1:80\"."),
        (r"server_groups.app.servers.\"10.0.0.1:80\".", r"server_groups.app.servers.\"10.0.0.1:80\".weight"),
        ('server_groups.app.servers."10.0.0.1:80".w', 'server_groups.app.servers."10.0.0.1:80".weight'),
    ],
)
def test_paths_of_settings_are_offered_a_step_at_a_time(begun: str, offered: str) -> None:
    names = Names(Bench(TOML).balancer)
    assert offered in names.keys(begun)


@pytest.mark.parametrize("begun", ["nothing.", "server_groups.app.scheduler.x", "server_groups..", "a.\\"])
def test_no_path_goes_on_from_nothing(begun: str) -> None:
    assert Names(Bench(TOML).balancer).keys(begun) == []


def test_every_path_that_is_offered_can_be_read_once_it_is_whole() -> None:
    bench = Bench(TOML)
    names, waiting = Names(bench.balancer), [""]
    seen: list[str] = []
    while waiting:
        for key in names.keys(waiting.pop()):
            (waiting if key.endswith(".") else seen).append(key)
    assert len(seen) > 40
    for key in seen:
        (word,) = shlex.split(key)
        assert settings.get(bench.call(), word).data[0]["key"]
