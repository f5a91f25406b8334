"""Rule 30: readiness waits for the first results of the health checks, at most one check's timeout."""

from __future__ import annotations

from pathlib import Path

import pytest

from lbtwist.service.notify import Notifier
from tests.service.bench import Bench, address
from tests.service.test_notify import Manager, Started
from tests.service.world import FAILS, OWN_FAULT, PASSES

TIMEOUT = 2.0
CHECKED = f"""
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app]
servers = ["{address(1)}", "{address(2)}"]
[server_groups.app.health_check]
interval = 5
timeout = {TIMEOUT}
"""


@pytest.fixture
def bench() -> Bench:
    """A started one, whose checks are under way."""
    bench = Bench(CHECKED, start=False)
    bench.world.servers.held = {address(1), address(2)}
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    bench.clock.advance(0.1)
    return bench


def test_rule_30_every_first_result_is_waited_for(bench: Bench) -> None:
    checked = bench.balancer.checked()
    bench.world.servers.answer(address(1), FAILS)
    assert not checked.called
    bench.world.servers.answer(address(2), PASSES)
    assert checked.called
    assert bench.rotation() == [f"app/{address(2)}#3"]
    assert bench.balancer.checked().called


def test_rule_30_whoever_waits_finds_the_rotation_that_the_last_result_made(bench: Bench) -> None:
    seen: list[list[str]] = []
    bench.balancer.checked().addCallback(lambda _: seen.append(bench.rotation()))
    bench.world.servers.answer(address(2), PASSES)
    bench.world.servers.answer(address(1), PASSES)
    assert seen == [[f"app/{address(1)}#2", f"app/{address(2)}#3"]]


def test_rule_30_it_waits_for_one_timeout_at_most(bench: Bench) -> None:
    checked = bench.balancer.checked()
    bench.world.servers.answer(address(1), PASSES)
    bench.world.servers.answer(address(2), OWN_FAULT)
    bench.clock.advance(TIMEOUT - 0.1)
    assert not checked.called
    bench.clock.advance(0.2)
    assert checked.called
    bench.world.servers.held.clear()
    bench.clock.advance(10)


def test_without_checks_there_is_nothing_to_wait_for() -> None:
    toml = CHECKED.partition("[server_groups.app.health_check]")[0]
    assert Bench(toml).balancer.checked().called


def test_one_that_is_stopped_waits_no_longer(bench: Bench) -> None:
    checked = bench.balancer.checked()
    bench.balancer.stopService()
    assert checked.called
    assert bench.clock.getDelayedCalls() == []


def test_ready_is_said_after_the_first_results(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    bench = Bench(CHECKED, start=False)
    bench.world.servers.held = {address(1), address(2)}
    reactor = Started()
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    Notifier(bench.balancer, reactor, environ).setServiceParent(bench.balancer)
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    reactor.run()
    bench.clock.advance(0.1)
    assert manager.heard() == []
    for number in (1, 2):
        bench.world.servers.answer(address(number), FAILS)
    assert manager.heard()[0][0] == "READY=1"
    manager.socket.close()
