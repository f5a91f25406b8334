"""Under load of kept connections servers come and go, and no request is lost."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional.balancer import Balancer
from tests.functional.checked import becomes, health_check
from tests.functional.http_harness import Asked, Kept, Worker, Wrk, over, url, workers
from tests.functional.real_servers import HealthPage
from tests.functional.scale import scaled, told
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SECONDS = scaled(20, 2)
SLOW = 2.0
"""Seconds that an answer takes, where requests are to wait."""
WAITING = 10
"""Requests that each server has then."""
CLIENTS = 16
CUT = 3
"""How a verb that waited for a cut ends."""


def busy(server: Worker, count: int = 100) -> None:
    """Wait until so many more requests have come to it."""
    before = len(server.requests)
    eventually(lambda: len(server.requests) >= before + count, what=lambda: f"requests at {server.name}")


def sent_to(server: Worker, row: Mapping[str, Any]) -> int:
    """How many requests had been sent to it when `row` was told, just now.

    A clock would not tell: a server may read late what was sent before. One that is gone has answered all.
    """
    return len(server.requests) if row["membership"] == "gone" else int(row["total"])


def assert_nothing_lost(wrk: Wrk, servers: Sequence[Worker]) -> None:
    """Every answer was right, and no request was sent that nobody waited for but at wrk's own end."""
    told(f"{wrk.requests} requests answered; {wrk.errors or 'no error'}")
    assert wrk.errors == []
    sent = sum(len(server.requests) for server in servers)
    assert wrk.requests <= sent <= wrk.requests + wrk.CONNECTIONS


@pytest.mark.parametrize("verb", ["remove", "drain"])
def test_rules_1_and_15_a_server_leaves_and_no_request_is_lost(tmp_path: Path, verb: str) -> None:
    """Nor does one come to it when the call has returned."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers)) as lb,
        Wrk(url(lb), SECONDS) as wrk,
    ):
        busy(servers[0])
        (row,) = lb.ask(verb, "app/ecs01")
        sent = sent_to(servers[0], row)
        busy(servers[1])
        wrk.ends()
        assert len(servers[0].requests) == sent
        assert_nothing_lost(wrk, servers)
        receipt = lb.receipt()
        assert (receipt["outcome"], receipt["cut"]) == ("completed", 0)


def test_rule_20_a_server_fails_its_checks_and_no_request_is_lost(tmp_path: Path) -> None:
    """It still answers what it has: nothing new comes to it, until it passes again (rule 25)."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        HealthPage((servers[0].host, 0)) as failing,
        HealthPage((servers[1].host, failing.port)),
    ):
        check = health_check(f'type = "http"\nport = {failing.port}')
        with Balancer(tmp_path, over(servers, group=check)) as lb, Wrk(url(lb), SECONDS + 3) as wrk:
            busy(servers[0])
            failing.status = 500
            becomes(lb, "app/ecs01", "failing")
            sent = sent_to(servers[0], lb.state("app/ecs01"))
            busy(servers[1])
            eventually(lambda: lb.state("app/ecs01")["connections"] == 0)
            assert len(servers[0].requests) == sent
            failing.status = 200
            becomes(lb, "app/ecs01", "passing")
            busy(servers[0])
            wrk.ends()
            assert_nothing_lost(wrk, servers)


def test_rule_71_the_load_balancer_leaves_and_only_connects_are_refused(tmp_path: Path) -> None:
    """Rule 70: every request that was accepted is answered."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=60)) as lb,
        Wrk(url(lb), SECONDS) as wrk,
    ):
        busy(servers[0])
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
        sent = sum(len(server.requests) for server in servers)
        wrk.ends()
        told(f"{wrk.requests} of {sent} requests answered; {wrk.errors}")
        assert wrk.requests == sent
        # wrk tells a refused connect when it first writes.
        assert set(+wrk.socket_errors) <= {"connect", "write"}
        assert [error for error in wrk.errors if not error.startswith("Socket errors")] == []
        assert " 0 cut + 0 kept" in lb.log


def test_a_killed_server_s_requests_go_to_another(tmp_path: Path) -> None:
    """GET may be sent twice: those that it had not begun to answer are answered by the other."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers)) as lb,
        Wrk(url(lb), SECONDS) as wrk,
    ):
        busy(servers[0])
        servers[0].kill()
        wrk.ends()
        told(f"{wrk.requests} requests answered; {wrk.errors or 'no error'}")
        assert wrk.errors == []


def test_rules_70_and_71_no_kept_connection_is_reset(tmp_path: Path) -> None:
    """Each client that finds its connection closed before a request connects again, until it is refused."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=60)) as lb,
        Kept(lb.address, CLIENTS) as kept,
    ):
        busy(servers[0])
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
        kept.ends()
        told(f"{kept.answered} requests answered, {kept.crossed} crossed the end; {kept.errors}")
        assert kept.errors == []
        assert kept.answered == sum(len(server.requests) for server in servers)
        assert kept.refused == CLIENTS


def test_rules_6_and_61_maint_now_cuts_requests_that_wait(tmp_path: Path) -> None:
    """They get the drain's error_status, and those at the other server their answers."""
    with workers(tmp_path, "ecs01", "ecs02") as servers, Balancer(tmp_path, over(servers)) as lb:
        asked = [Asked(lb.address, f"/slow/{SLOW}") for _ in range(2 * WAITING)]
        eventually(lambda: all(len(server.requests) == WAITING for server in servers))
        lb.ask("maint", "app/ecs01", "--now", "--wait", status=CUT)
        receipt = lb.receipt()
        after = Asked(lb.address, "/")
        for each in (*asked, after):
            each.ends()
        assert Counter(each.status for each in asked) == {500: WAITING, 200: WAITING}
        for each in asked:
            closes = each.status == 500
            assert (each.fields.get("Connection") == "close") == closes
            assert each.fields["Via"] == "1.1 lbtwist"
        assert after.body == b"hello, this is ecs02\n"
        assert (receipt["connections"], receipt["cut"], receipt["responses_5xx"]) == (WAITING,) * 3
        assert lb.state("app/ecs01")["state"] == "maintenance"
