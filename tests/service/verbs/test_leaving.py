"""The verb that ends the process, as SIGTERM does."""

from __future__ import annotations

import pytest

from lbtwist.errors import Refused
from lbtwist.service.verbs import leaving
from tests.service.bench import Bench

TOML = '[load_balancer]\nname = "x"\nshutdown_timeout = 20\n[server_groups.app]\nservers = ["10.0.0.1:80"]\n'


@pytest.fixture
def bench() -> Bench:
    """In a process that stops its services when it is ended."""
    made = Bench(TOML)

    def end() -> None:
        made.balancer.stopService()

    made.balancer.end_process = end
    return made


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 20), (3.0, 3), (0.0, 0)])
def test_rule_70_connections_may_finish_within_the_timeout(
    bench: Bench, timeout: float | None, seconds: float
) -> None:
    (connection,) = bench.connect("app/10.0.0.1:80#1")
    told = leaving.shutdown(bench.call(), timeout, reason="kernel").data
    assert told == {"subject": "load balancer x", "connections": 0 if seconds == 0 else 1, "timeout": seconds}
    if seconds:
        bench.clock.advance(seconds - 0.1)
        assert connection.live
        bench.clock.advance(0.1)
    assert not connection.live
    receipt = bench.balancer.drains.receipts[-1]
    assert (receipt.cause, receipt.who, receipt.why) == ("shutdown", bench.call().caller.name, "kernel")


def test_a_dry_run_says_so_and_ends_nothing(bench: Bench) -> None:
    assert leaving.shutdown(bench.call(), 5.0, dry_run=True).data["timeout"] == 5
    assert not bench.balancer.leaving


def test_rule_62_while_it_leaves_a_timeout_is_another_deadline(bench: Bench) -> None:
    (connection,) = bench.connect("app/10.0.0.1:80#1")
    leaving.shutdown(bench.call())
    with pytest.raises(Refused, match="already"):
        leaving.shutdown(bench.call())
    leaving.shutdown(bench.call(), 60.0)
    bench.clock.advance(59)
    assert connection.live
    leaving.shutdown(bench.call(), 0.0)
    assert not connection.live


def test_where_it_is_a_part_of_another_program_it_does_not_end_that() -> None:
    bench = Bench(TOML)
    with pytest.raises(Refused, match="another program"):
        leaving.shutdown(bench.call())
    assert not bench.balancer.leaving
