"""What operators do with servers that are checked: maint, replace, ready, probe and why."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.certificates import DAY, authority, issue
from tests.functional.bad_servers import refusing, silent
from tests.functional.balancer import Balancer, app, section
from tests.functional.checked import becomes, health_check, named
from tests.functional.load import client_of, talks
from tests.functional.peers import Watch, asked, talking
from tests.functional.real_servers import CheckedServer, HealthPage, checked_servers
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 0.5
"""Seconds of a drain, where nothing else is said."""
RETURN = 2.0
"""Seconds of a maintenance: more than a drain and an interval of checks."""
OTHER = "127.0.0.3"
DONE, REFUSED, CUT, LIMIT = 0, 1, 3, 4
"""How a verb ends."""


def over(servers: Sequence[CheckedServer], timeout: float = TIMEOUT) -> str:
    """One group of them, which are checked by HTTP."""
    check = f'type = "http"\nport = {servers[0].page.port}'
    return app(named(servers), group=health_check(check), draining=f"timeout = {timeout}")


def test_rules_61_and_65_a_host_in_maintenance_comes_back_by_itself(tmp_path: Path, watch: Watch) -> None:
    with checked_servers(watch, "ecs01", "ecs02") as servers:
        text = over(servers) + section(
            named(servers[:1]),
            name="other",
            endpoint=f"{OTHER}:0",
            group="min_healthy = 0",
            draining="timeout = 60",
        )
        host, page = servers[0].page.host, servers[0].page
        with Balancer(tmp_path, text) as lb, talking(watch, lb.address, servers[0]) as talk:
            lb.ask("set", "server_groups.other.min_healthy", "1")
            assert "other would be left with 0" in lb.ssh("maint", "--host", host).stderr
            assert [row["admin"] for row in lb.ask("servers")] == ["ready"] * 3
            lb.ask("revert", "server_groups.other.min_healthy")

            began = time.monotonic()
            lb.ask("maint", "--host", host, "--for", str(RETURN), "--timeout", str(TIMEOUT))
            assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02"}
            talk.ends()
            lb.wait_for_log("drain of app/ecs01", 2)
            told = page.asked
            assert [row["state"] for row in lb.ask("servers")] == ["maintenance", "healthy", "maintenance"]
            why = lb.ask("why", "app/ecs01")
            assert (why["first_no"], why["reason"]) == ("admin", "maintenance")
            assert 0 < why["seconds_left"] < RETURN
            time.sleep(max(0.0, began + RETURN - 0.2 - time.monotonic()))
            assert page.asked == told
            eventually(lambda: lb.state("app/ecs01")["state"] == "healthy", 2)
            assert page.asked > told
            assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}
            assert lb.state("other/ecs01")["state"] == "healthy"


def test_rules_60_and_61_cut_now_and_ready_when_a_check_has_passed(tmp_path: Path, watch: Watch) -> None:
    with checked_servers(watch, "ecs01", "ecs02") as servers, Balancer(tmp_path, over(servers)) as lb:
        client, page = client_of("ecs01", watch, lb.address), servers[0].page
        (receipt,) = lb.ask("maint", "app/ecs01", "--now", "--wait", status=CUT)
        assert (receipt["cause"], receipt["cut"]) == ("maintenance", 1)
        assert receipt["seconds"] < 0.1
        client.ended()
        told = page.asked
        (row,) = lb.ask("ready", "app/ecs01", "--wait", "--limit", "5")
        assert (row["state"], page.asked > told) == ("healthy", True)

        lb.ask("drain", "app/ecs01", "--wait")
        page.status = 503
        (row,) = lb.ask("ready", "app/ecs01", "--wait", "--limit", "0.5", status=LIMIT)
        assert (row["admin"], row["last_check"]) == ("ready", "status 503 not in 200-399")
        page.status = 200
        lb.ask("ready", "app/ecs01", "--wait", "--limit", "5")
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}


def test_replace_removes_the_old_server_when_the_new_one_serves(tmp_path: Path, watch: Watch) -> None:
    with checked_servers(watch, "ecs01", "ecs02", "ecs03") as servers:
        old, stays, new = servers
        new.page.status = 503
        with Balancer(tmp_path, over([old, stays])) as lb, talking(watch, lb.address, old) as talk:
            (row,) = lb.ask("replace", "app/ecs01", "bad", str(new), "--limit", "0.5", status=LIMIT)
            assert (row["server"].partition("#")[0], row["state"]) == ("app/bad", "unhealthy")
            assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}
            lb.ask("remove", "app/bad", "--wait")

            replacing = lb.begin("replace", "app/ecs01", "ecs03", str(new))
            becomes(lb, "app/ecs03", "failing")
            assert lb.state("app/ecs01")["state"] == "healthy"
            new.page.status = 200
            assert (replacing.communicate(timeout=10), replacing.returncode)[1] == DONE
            assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02", "ecs03"}
            talk.ends()
            assert lb.receipt()["cause"] == "deregistered"
            assert [row["server"].partition("#")[0] for row in lb.ask("servers")] == [
                "app/ecs02",
                "app/ecs03",
            ]


def test_probe_tells_what_is_wrong_in_steps(tmp_path: Path, watch: Watch) -> None:
    ours, host = authority(), "127.0.1.1"
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    valid, expired = issue(ours, [host]), issue(ours, [host], (-2 * DAY, -DAY))
    with (
        HealthPage((host, 0), valid, tmp_path) as well,
        HealthPage((host, 0), valid, tmp_path) as wrong,
        HealthPage((host, 0), expired, tmp_path) as late,
        refusing(watch) as nobody,
        silent(watch) as silence,
    ):
        wrong.status = 404
        servers = {"well": well, "wrong": wrong, "late": late, "nobody": nobody, "silence": silence}
        text = app(
            {name: str(address) for name, address in servers.items()},
            group=health_check('type = "https"\nca = "ca.pem"'),
        )
        expected: Mapping[str, tuple[int, str, list[str]]] = {
            "well": (DONE, "status 200", ["connect", "tls", "response"]),
            "wrong": (REFUSED, "status 404 not in 200-399", ["connect", "tls", "response"]),
            "late": (REFUSED, "certificate has expired", ["connect"]),
            "nobody": (REFUSED, "refused", []),
            "silence": (REFUSED, "timed out after 0.5 s", []),
        }
        with Balancer(tmp_path, text) as lb:
            for name, (status, reason, steps) in expected.items():
                found = lb.ask("probe", f"app/{name}", status=status)
                assert (found["passed"], found["reason"]) == (status == DONE, reason)
                assert [step["step"] for step in found["steps"]] == steps
                assert sum(step["seconds"] for step in found["steps"]) <= found["seconds"] + 0.001
                assert found["seconds"] == pytest.approx(0.5 if name == "silence" else 0.0, abs=0.2)


def test_why_tells_the_first_condition_that_says_no(tmp_path: Path, watch: Watch) -> None:
    with checked_servers(watch, *(f"ecs0{number}" for number in range(1, 9))) as servers:
        text = over(servers, timeout=60)
        expected = {
            "ecs01": (None, ""),
            "ecs02": ("admin", "operator"),
            "ecs03": ("admin", "maintenance"),
            "ecs04": ("weight", "weight_zero"),
            "ecs05": ("turn", "standby"),
            "ecs06": ("limit", "full"),
            "ecs07": ("health", "failed_health_checks"),
            "ecs08": ("membership", "deregistered"),
        }
        with Balancer(tmp_path, text) as lb, contextlib.ExitStack() as stack:
            stack.enter_context(talking(watch, lb.address, servers[0]))
            for server in servers[1:]:
                client_of(server.name, watch, lb.address)
            servers[6].page.status = 503
            lb.ask("drain", "app/ecs02")
            lb.ask("maint", "app/ecs03")
            lb.ask("weight", "app/ecs04", "0")
            lb.ask("set", "server_groups.app.servers.ecs05.backup", "true")
            lb.ask("set", "server_groups.app.servers.ecs06.max_connections", "1")
            lb.ask("remove", "app/ecs08")
            becomes(lb, "app/ecs07", "failing")
            for name, (first_no, reason) in expected.items():
                why = lb.ask("why", f"app/{name}")
                assert (name, why["first_no"], why["reason"]) == (name, first_no, reason)
                assert why["takes_new"] is (first_no is None)
                assert why["listeners"] == ["app"]
            assert asked(watch, lb.address) == "ecs01"
            talks(client_of("ecs01", watch, lb.address))
