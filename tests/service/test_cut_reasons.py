"""Why connections are cut is told to the data plane: it stands in the access log."""

from __future__ import annotations

from lbtwist.model.drain import Because
from lbtwist.model.plane import CutBy
from lbtwist.service.verbs import taking_out
from tests.service.bench import Bench, pass_time

TOML = """
[load_balancer]
shutdown_timeout = 5
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app]
[server_groups.app.connection_draining]
timeout = 10
spread = {spread}
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
"""


def draining(spread: int = 0) -> Bench:
    """A server with two connections that was removed."""
    bench = Bench(TOML.format(spread=spread))
    bench.connect("app/ecs01#2", 2)
    taking_out.remove(bench.call(), ["app/ecs01"], force=True)
    return bench


def test_rule_5_a_deadline_comes() -> None:
    bench = draining()
    pass_time(bench.clock, 10)
    assert bench.plane.cuts == [CutBy.DEADLINE]


def test_rule_81_so_is_a_cut_before_it() -> None:
    bench = draining(spread=5)
    pass_time(bench.clock, 10)
    assert bench.plane.cuts == [CutBy.DEADLINE, CutBy.DEADLINE]


def test_rule_62_an_operator_cuts() -> None:
    bench = draining()
    taking_out.cut(bench.call(), "app/ecs01")
    assert bench.plane.cuts == [CutBy.OPERATOR]


def test_rule_70_a_shutdown_cuts_at_its_deadline() -> None:
    bench = Bench(TOML.format(spread=0))
    bench.connect("app/ecs01#2")
    bench.balancer.stopService()
    pass_time(bench.clock, 5)
    assert bench.plane.cuts[0] is CutBy.SHUTDOWN


def test_rule_70_and_when_it_is_hurried_or_has_no_time() -> None:
    bench = Bench(TOML.format(spread=0))
    bench.connect("app/ecs01#2")
    bench.balancer.stopService()
    bench.balancer.hurry()
    assert bench.plane.cuts[0] is CutBy.SHUTDOWN
    bench = Bench(TOML.format(spread=0))
    bench.connect("app/ecs01#2")
    bench.balancer.end_process = lambda: None
    bench.balancer.shut_down(0.0, Because("ada"))
    bench.balancer.stopService()
    assert bench.plane.cuts[0] is CutBy.SHUTDOWN
