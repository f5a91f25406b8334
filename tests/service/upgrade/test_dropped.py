"""Rules 72 and 75: listeners that the next generation's configuration drops or moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lbtwist.model.drain import Because
from lbtwist.net.mirror import LAST_REQUESTS
from lbtwist.net.reporting import INTERVAL
from lbtwist.service import switching
from tests.conftest import Flush, LoggedError
from tests.service.upgrade.test_upgrade import TOML, Bench, Generation

WEB = TOML["listeners"]["web"]
LIVE = {"connections": 1, "finished": 0, "cut": 1, "kept": 0}


def over(**listeners: dict[str, Any]) -> dict[str, Any]:
    return {**TOML, "listeners": listeners}


@pytest.fixture
def bench(flush_logged_errors: Flush) -> Iterator[Bench]:
    yield Bench()
    flush_logged_errors(LoggedError)


def drains(generation: Generation) -> list[tuple[str, int, float]]:
    return [(each.drain.subject, each.live(), each.left()) for each in generation.balancer.drains]


@pytest.mark.parametrize(
    "listeners",
    [
        {"api": {**WEB, "endpoint": "10.0.0.1:81"}},
        {"api": WEB},
        {"web": {**WEB, "endpoint": "10.0.0.1:81"}},
        {"web": {**WEB, "protocol": "http"}},
    ],
    ids=["dropped", "renamed", "moved", "other protocol"],
)
def test_rule_72_connections_of_one_that_is_dropped_get_the_groups_timeout(
    bench: Bench, listeners: dict[str, Any]
) -> None:
    connection = bench.old.connect("app/ecs01")
    new = bench.upgrade(over(**listeners))
    assert drains(new) == [("listener web", 1, 300)]
    (name,) = listeners
    assert new.plane.tally(new.balancer.listeners[name].scope).total == 0
    assert new.live("app/ecs01") == 1
    bench.clock.advance(300 - 0.1)
    assert connection.live
    bench.clock.advance(0.1)
    assert not connection.live
    receipt = new.balancer.drains.receipts[-1]
    assert {name: getattr(receipt, name) for name in LIVE} == LIVE
    assert (receipt.outcome, receipt.cause, receipt.who) == ("cut", "deregistered", "upgrade")


def test_rule_73_one_with_other_limits_goes_on(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    new = bench.upgrade(over(web={**WEB, "max_connections": 7}))
    assert drains(new) == []
    assert new.plane.tally(new.balancer.listeners["web"].scope).live == 1


def test_rule_72_the_longest_timeout_of_its_groups_counts(bench: Bench) -> None:
    groups = {
        "app": {"protocol": "http", **TOML["server_groups"]["app"]},
        "slow": {"protocol": "http", "servers": {"s": "10.0.0.9:80"}},
        "endless": {
            "protocol": "http",
            "servers": {"s": "10.0.0.8:80"},
            "connection_draining": {"timeout": "never"},
        },
    }
    rules = [{"path_prefix": f"/{name}", "server_group": name} for name in ("slow", "endless")]
    web = {**WEB, "protocol": "http", "rules": rules}
    bench = Bench({**TOML, "server_groups": groups, "listeners": {"web": web}})
    bench.old.connect("app/ecs01")
    new = bench.upgrade({**TOML, "server_groups": groups, "listeners": {"api": web}})
    assert drains(new) == [("listener web", 1, float("inf"))]


def test_rule_71_a_last_request_that_comes_later_is_drained_too(bench: Bench) -> None:
    bench.begin()
    new = bench.succeed(over(api=WEB))
    bench.old.connect("app/ecs01")
    bench.clock.advance(LAST_REQUESTS - 0.1)
    assert drains(new) == []
    bench.clock.advance(0.1)
    assert drains(new) == [("listener web", 1, 300)]


def test_one_that_was_empty_leaves_nothing(bench: Bench) -> None:
    bench.old.connect("app/ecs01").end()
    new = bench.upgrade(over(api=WEB))
    (mirror,) = new.plane.mirrors
    assert mirror.report().listeners != {}
    bench.clock.advance(LAST_REQUESTS)
    assert (drains(new), list(new.balancer.drains.receipts), mirror.report().listeners) == ([], [], {})


def test_whoever_leaves_meanwhile_drains_everything_at_once(bench: Bench) -> None:
    bench.begin()
    new = bench.succeed(over(api=WEB))
    bench.old.connect("app/ecs01")
    bench.clock.advance(INTERVAL)
    new.balancer.stopService()
    bench.clock.advance(LAST_REQUESTS)
    assert [subject for subject, *_ in drains(new)] == ["load balancer lbtwist"]


def test_rule_72_one_that_is_disabled_has_its_own_drain(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    switching.disable(bench.old.balancer, "web", Because("ada", "moving"))
    bench.clock.advance(100)
    new = bench.upgrade(over(api={**WEB, "endpoint": "10.0.0.1:81"}))
    bench.clock.advance(LAST_REQUESTS)
    assert drains(new) == [("listener web", 1, 300 - 100 - LAST_REQUESTS)]


def test_rules_72_and_75_its_drain_goes_on_over_a_second_upgrade(bench: Bench) -> None:
    connection = bench.old.connect("app/ecs01")
    second = bench.upgrade(over(api=WEB))
    bench.clock.advance(100)
    bench.old, bench.outcome = second, []
    third = bench.upgrade(over(api=WEB))
    assert drains(third) == [("listener web", 1, 200)]
    connection.end()
    receipt = third.balancer.drains.receipts[-1]
    assert (receipt.outcome, receipt.connections, receipt.finished) == ("completed", 1, 1)


def test_rule_72_one_that_crashes_interrupts_its_drain(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    new = bench.upgrade(over(api=WEB))
    bench.old.next.channel.close()
    (receipt,) = new.balancer.drains.receipts
    assert (receipt.subject, receipt.outcome, receipt.kept) == ("listener web", "interrupted", 1)
