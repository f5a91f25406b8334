"""Servers that die, stop and come back under a steady load of new clients."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from tests.certificates import DAY, authority, issue
from tests.functional.bad_servers import refusing
from tests.functional.balancer import Balancer, app, section
from tests.functional.checked import becomes, health_check, named
from tests.functional.load import Load, client_of, talks
from tests.functional.peers import Watch, asked
from tests.functional.real_servers import HealthPage, checked_servers, processes
from tests.functional.scale import told
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 2.5
"""Seconds of a drain: two intervals of checks and what comes with them."""
RESUMING = "127.0.0.3"
BACKLOG = 4
LATE = 1.0
"""Seconds that no client waits for its answer, unless its server is stopped."""


def test_rules_20_and_27_a_server_is_killed_and_started_again(tmp_path: Path, watch: Watch) -> None:
    with processes("ecs01", "ecs02", "ecs03") as servers:
        text = app(named(servers), group=health_check('type = "tcp"', unhealthy_threshold=2))
        with Balancer(tmp_path, text) as lb, Load(watch, lb.address) as load:
            load.goes_on()
            servers[0].kill()
            killed = time.monotonic()
            fell = becomes(lb, "app/ecs01", "failing")
            row = lb.state("app/ecs01")
            assert (row["state"], row["reason"]) == ("unhealthy", "failed_health_checks")
            assert (row["connections"], row["last_check"]) == (0, "refused")
            load.goes_on()
            again = lb.state("app/ecs01")
            assert (again["total"], again["failed"]) == (row["total"], row["failed"])
            started = time.monotonic()
            servers[0].start()
            load.reaches("ecs01")
            assert lb.state("app/ecs01")["state"] == "healthy"
            load.stop()
            told(f"it fell {fell - killed:.2f} s after its end")
            assert load.servers(fell, started).keys() == {"ecs02", "ecs03"}
            assert load.failed(since=killed) == []
            assert load.late(LATE, since=killed) == []


def test_rules_20_to_25_a_server_is_stopped_and_goes_on(tmp_path: Path, watch: Watch) -> None:
    """Two groups have it: latched, its connections are cut at the deadline; resuming, they stay."""
    with processes("ecs01", "ecs02") as servers:
        check = f'type = "http"\nport = {servers[0].health_port}'
        text = app(
            named(servers), group=health_check(check, unhealthy_threshold=2), draining=f"timeout = {TIMEOUT}"
        ) + section(
            named(servers),
            name="resuming",
            endpoint=f"{RESUMING}:0",
            group=health_check(check, "resuming", unhealthy_threshold=2),
            draining=f'timeout = {TIMEOUT}\nrecovery = "resume"',
        )
        with Balancer(tmp_path, text) as lb, contextlib.ExitStack() as stack:
            latched = client_of("ecs01", watch, lb.address)
            resumed = client_of("ecs01", watch, (RESUMING, lb.port(RESUMING)))
            load = stack.enter_context(Load(watch, lb.address))
            stopped = time.monotonic()
            servers[0].stop()
            fell = becomes(lb, "app/ecs01", "failing")
            row = lb.state("app/ecs01")
            assert (row["state"], row["reason"]) == ("unhealthy.draining", "failed_health_checks")
            becomes(lb, "resuming/ecs01", "failing")
            servers[0].go_on()
            becomes(lb, ["app/ecs01", "resuming/ecs01"], "passing")
            rows = lb.state("app/ecs01"), lb.state("resuming/ecs01")
            assert [(row["state"], row["reason"]) for row in rows] == [
                ("unhealthy.draining", "latched"),
                ("healthy", ""),
            ]
            talks(latched)
            talks(resumed)
            assert servers[0].accepted == row["total"] + rows[1]["total"]
            end = latched.ended()
            load.reaches("ecs01")
            load.stop()
            talks(resumed)
            receipts = {each["subject"].partition("#")[0]: each for each in lb.ask("receipts")}
            cut, cancelled = receipts["app/ecs01"], receipts["resuming/ecs01"]
            assert (cut["outcome"], cut["cause"]) == ("cut", "failed_health_checks")
            assert -0.002 <= end.at - monotonic_of(cut["deadline"]) <= LATENESS
            assert cut["seconds"] == pytest.approx(TIMEOUT, abs=LATENESS)
            assert (cancelled["outcome"], cancelled["kept"]) == ("cancelled", 1)
            assert load.servers(fell, end.at).keys() == {"ecs02"}
            late = load.late(LATE)
            assert late
            assert all(stopped - LATE < each.began < fell for each in late)


def test_a_server_with_a_full_backlog_is_passed_by(tmp_path: Path, watch: Watch) -> None:
    """Who comes while it is not known waits for `connect_timeout`, and gets another (rule 20)."""
    with processes("ecs01", "ecs02", ecs01=BACKLOG) as servers:
        text = app(
            named(servers),
            group=health_check('type = "tcp"', unhealthy_threshold=2),
            listener="connect_timeout = 0.3",
        )
        with Balancer(tmp_path, text) as lb, contextlib.ExitStack() as stack:
            client = client_of("ecs01", watch, lb.address)
            load = stack.enter_context(Load(watch, lb.address))
            servers[0].stop()
            fell = becomes(lb, "app/ecs01", "failing")
            row = lb.state("app/ecs01")
            assert row["state"] == "unhealthy.draining"
            load.goes_on()
            late = load.late(LATE)
            assert lb.state("app/ecs01")["total"] == row["total"]
            servers[0].go_on()
            becomes(lb, "app/ecs01", "passing")
            assert lb.state("app/ecs01")["reason"] == "latched"
            talks(client)
            load.goes_on()
            load.stop()
            assert load.failed() == []
            # The kernel took one more than the backlog for it, and it may have been talking to some.
            assert 0 < len(late) <= BACKLOG + 3
            assert load.servers(fell).keys() == {"ecs02"}


def test_rule_26_checks_at_a_wrong_port_cut_nothing(tmp_path: Path, watch: Watch) -> None:
    key = "server_groups.app.health_check.port"
    both = ["app/ecs01", "app/ecs02"]
    with processes("ecs01", "ecs02") as servers, refusing(watch) as wrong:
        text = app(named(servers), group=health_check('type = "tcp"'), draining="timeout = 0.5")
        with Balancer(tmp_path, text) as lb:
            clients = [client_of(server.name, watch, lb.address) for server in servers]
            lb.ask("set", key, wrong.partition(":")[2])
            becomes(lb, both, "failing")
            rows = lb.ask("servers")
            assert [(row["state"], row["connections"]) for row in rows] == [("unhealthy", 1)] * 2
            refused = watch.connect(lb.address)
            refused.ended()
            assert refused.heard == b""
            lb.ask("unset", key)
            becomes(lb, both, "passing")
            assert {asked(watch, lb.address) for _ in range(2)} == {"ecs01", "ecs02"}
            for client in clients:
                talks(client)
            assert (lb.ask("drains"), lb.ask("receipts")) == ([], [])


def test_rule_31_a_server_asks_to_be_drained(tmp_path: Path, watch: Watch) -> None:
    """By a field, and by a status; it may be drained by then or not."""
    with checked_servers(watch, "ecs01", "ecs02", "ecs03") as servers:
        check = f'type = "http"\nport = {servers[0].page.port}\ndrain_header = "X-Drain"\ndrain_codes = [429]'
        text = app(named(servers), group=health_check(check), draining=f"timeout = {TIMEOUT}")
        with Balancer(tmp_path, text) as lb, contextlib.ExitStack() as stack:
            clients = [client_of(server.name, watch, lb.address) for server in servers]
            load = stack.enter_context(Load(watch, lb.address))
            servers[0].page.fields["x-drain"] = "1"
            servers[1].page.status = 429
            eventually(lambda: len(lb.ask("drains")) == 2)
            asked_by = time.monotonic()
            rows = lb.ask("servers")
            assert [(row["state"], row["health"], row["reason"]) for row in rows] == [
                ("draining", "passing", "server_requested"),
                ("draining", "passing", "server_requested"),
                ("healthy", "passing", ""),
            ]
            servers[0].page.fields.clear()
            load.reaches("ecs01")
            taken_back = lb.receipt()
            assert (taken_back["cause"], taken_back["outcome"]) == ("server_requested", "cancelled")
            talks(clients[0])
            clients[1].ended()
            assert lb.state("app/ecs02")["state"] == "drained"
            assert lb.receipt()["outcome"] == "cut"
            still = load.goes_on()
            servers[1].page.status = 200
            load.reaches("ecs02")
            load.stop()
            assert load.servers(asked_by, still)["ecs02"] == 0
            assert load.failed() == []
            talks(clients[0])


def test_rule_30_ready_is_said_when_it_is_known_who_is_well(tmp_path: Path, watch: Watch) -> None:
    with checked_servers(watch, "ecs01", "ecs02") as servers:
        for server in servers:
            server.page.delay = 0.2
        servers[0].page.status = 503
        text = app(named(servers), group=health_check(f'type = "http"\nport = {servers[0].page.port}'))
        with Balancer(tmp_path, text) as lb:
            assert [asked(watch, lb.address) for _ in range(4)] == ["ecs02"] * 4


def test_https_checks_believe_the_authority_of_ca_alone(tmp_path: Path, watch: Watch) -> None:
    ours, (host, other) = authority(), ("127.0.1.1", "127.0.1.2")
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    good, expired, self_signed, misnamed = (
        issue(ours, [host]),
        issue(ours, [host], (-2 * DAY, -DAY)),
        issue(None, [host]),
        issue(ours, [other]),
    )
    with (
        HealthPage((host, 0), good, tmp_path) as well,
        HealthPage((host, 0), expired, tmp_path) as late,
        HealthPage((host, 0), self_signed, tmp_path) as own,
        HealthPage((host, 0), misnamed, tmp_path) as elsewhere,
    ):
        text = app(
            {"well": str(well), "late": str(late), "own": str(own), "elsewhere": str(elsewhere)},
            group=health_check('type = "https"\nca = "ca.pem"\n'),
        )
        with Balancer(tmp_path, text) as lb:
            eventually(lambda: all(row["last_check"] for row in lb.ask("servers")))
            assert [(row["state"], row["last_check"]) for row in lb.ask("servers")] == [
                ("healthy", "status 200"),
                ("unhealthy", "certificate has expired"),
                ("unhealthy", "certificate is not trusted: self-signed"),
                ("unhealthy", f"certificate is not for {host}"),
            ]
            assert (well.asked, late.asked, own.asked, elsewhere.asked) == (1, 0, 0, 0)
