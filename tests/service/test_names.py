from __future__ import annotations

from lbtwist.service.names import Names
from lbtwist.service.verbs import membership, taking_out
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
