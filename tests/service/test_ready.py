"""Whether the whole is to be sent traffic: /readyz and what else asks."""

from __future__ import annotations

import pytest

from lbtwist.model.health import CheckResult
from lbtwist.service.readiness import CHECKING, LEAVING, STARTING, Readiness
from tests.service.bench import Bench, address
from tests.service.test_notify import Started
from tests.service.world import FAILS, PASSES

CHECKED = f"""
[load_balancer]
shutdown_timeout = 0
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app]
servers = ["{address(1)}"]
[server_groups.app.health_check]
"""


def started(bench: Bench) -> Readiness:
    """Of a balancer that the reactor has just begun to run."""
    reactor = Started()
    readiness = Readiness(bench.balancer, reactor)
    bench.plane.slow = True
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    readiness.startService()
    assert readiness.problem == STARTING
    reactor.run()
    return readiness


@pytest.fixture
def bench() -> Bench:
    """One that waits for its listener, and then for a check."""
    bench = Bench(CHECKED, start=False)
    bench.world.servers.held = {address(1)}
    return bench


@pytest.mark.parametrize("result", [PASSES, FAILS])
def test_rule_30_ready_when_it_accepts_and_each_server_was_checked(bench: Bench, result: CheckResult) -> None:
    readiness = started(bench)
    bench.clock.advance(0.1)
    assert readiness.problem == STARTING
    bench.plane.catch_up()
    assert readiness.problem == CHECKING
    bench.world.servers.answer(address(1), result)
    assert readiness.problem == ""


def test_not_ready_with_a_listener_that_does_not_accept(bench: Bench) -> None:
    readiness = started(bench)
    bench.clock.advance(0.1)
    bench.plane.catch_up()
    bench.world.servers.answer(address(1), PASSES)
    bench.balancer.listeners["web"].stop_accepting()
    assert readiness.problem == "not every listener accepts: web is closed"


def test_rule_70_not_ready_while_it_leaves(bench: Bench) -> None:
    readiness = started(bench)
    bench.clock.advance(0.1)
    bench.plane.catch_up()
    bench.world.servers.answer(address(1), PASSES)
    bench.balancer.stopService()
    assert readiness.problem == LEAVING
    bench.plane.catch_up()
