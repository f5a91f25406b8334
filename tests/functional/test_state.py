"""Rule 67: what operators want survives a restart, also one without a word."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Server, Watch, asked, talking
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]


def over(pair: Pair, **tables: str) -> str:
    """One group of both servers, which keeps its state."""
    servers = {server.name: str(server) for server in pair}
    text = app(servers, shutdown_timeout=0, draining="timeout = 60", **tables)
    return text.replace("[load_balancer]\n", '[load_balancer]\nstate_file = "state.json"\n')


def kill(lb: Balancer, holds: str) -> None:
    """kill -9, when the state file says `holds`."""
    file = lb.directory / "state.json"
    eventually(lambda: file.exists() and holds in file.read_text(), what=file.read_text)
    lb.signal(signal.SIGKILL)
    lb.wait()


def killed(tmp_path: Path, text: str, pair: Pair, watch: Watch, *verb: str) -> None:
    """A load balancer in which `verb` was said while a client talked to ecs01, killed."""
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]):
        lb.ask(*verb)
        kill(lb, '"interrupted"')


def test_rule_67_drained_killed_and_started(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair)
    killed(tmp_path, text, pair, watch, "drain", "app/ecs01", "--reason", "new disk")
    state, receipts = tmp_path / "state.json", tmp_path / "receipts.jsonl"
    with Balancer(tmp_path, text) as lb:
        assert (lb.state("app/ecs01")["state"], lb.state("app/ecs02")["state"]) == ("drained", "healthy")
        assert {asked(watch, lb.address) for _ in range(20)} == {"ecs02"}
        assert lb.state("app/ecs01")["total"] == 0
        receipt = lb.receipt()
        assert receipt["subject"].startswith("app/ecs01#")
        assert (receipt["outcome"], receipt["why"], receipt["kept"]) == ("interrupted", "new disk", 1)
        assert lb.ask("wait", "app/ecs01", status=5) == [receipt]
        lb.ask("ready", "app/ecs01")
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}
        eventually(lambda: "10.0.0" not in state.read_text() and '"drain"' not in state.read_text())
    with Balancer(tmp_path, text) as lb:
        assert lb.state("app/ecs01")["state"] == "healthy"
        assert lb.ask("receipts") == [receipt, *lb.ask("receipts")[1:]]
        assert [row["outcome"] for row in lb.ask("receipts")].count("interrupted") == 1
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (state, receipts)] == [0o600, 0o600]


def test_rule_67_a_removed_server_stays_removed_after_a_clean_stop(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = over(pair)
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]):
        lb.ask("remove", "app/ecs01", "--reason", "for good")
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
    with Balancer(tmp_path, text) as lb:
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02"}
        assert [row["server"].partition("#")[0] for row in lb.ask("servers")] == ["app/ecs02"]
        outcomes = {row["cause"]: row["outcome"] for row in lb.ask("receipts")}
        assert outcomes == {"deregistered": "cut", "shutdown": "cut"}
        assert lb.ask("add", "app", "ecs01", str(pair[0]))[0]["state"] == "healthy"
    with Balancer(tmp_path, text.replace(f'"{pair[0]}"', f'{{ address = "{pair[0]}", weight = 50 }}')) as lb:
        assert lb.state("app/ecs01")["weight"] == 50


def test_rule_67_the_file_s_edit_wins_over_a_removal(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair)
    killed(tmp_path, text, pair, watch, "remove", "app/ecs01")
    edited = text.replace(f'"{pair[0]}"', f'{{ address = "{pair[0]}", weight = 50 }}')
    with Balancer(tmp_path, edited) as lb:
        assert (lb.state("app/ecs01")["weight"], lb.state("app/ecs01")["state"]) == (50, "healthy")
        assert "app/ecs01: it was removed live; the file has changed it since, and wins" in lb.log


def test_rule_67_a_maintenance_goes_on_counting(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair)
    killed(tmp_path, text, pair, watch, "maint", "app/ecs01", "--for", "3")
    with Balancer(tmp_path, text) as lb:
        first = lb.state("app/ecs01")["state"]
        assert first in ("maintenance", "healthy")
        eventually(lambda: lb.state("app/ecs01")["state"] == "healthy", 4)


def test_rules_67_and_73_a_drain_goes_on_when_another_part_of_the_file_is_edited(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = over(pair)
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.ask("drain", "app/ecs01")
        (before,) = lb.ask("drains")
        lb.configure(text.replace("timeout = 60", "timeout = 61"))
        lb.signal(signal.SIGHUP)
        lb.wait_for_log("reload: server group app changed")
        (after,) = lb.ask("drains")
        assert (after["deadline"], after["state"]) == (before["deadline"], "running")
        talk.goes_on()

        lb.configure(over((pair[1], pair[1])).replace("ecs01 = ", "ecs03 = ", 1))
        lb.signal(signal.SIGHUP)
        lb.wait_for_log("removed")
        assert lb.ask("drains")[0]["cause"] == "deregistered"
        talk.goes_on()
        lb.ask("cut", "app/ecs01")
        eventually(lambda: "app/ecs01" not in json.dumps(lb.ask("servers")))


def test_rule_67_what_was_set_live(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair)
    scheduler, retries = "server_groups.app.scheduler", "server_groups.app.retries"
    with Balancer(tmp_path, text) as lb:
        lb.ask("set", scheduler, "lc")
        lb.ask("set", retries, "3")
        lb.ask("weight", "app/ecs02", "7")
        kill(lb, '"live"')
    with Balancer(
        tmp_path, text.replace("[server_groups.app]\n", "[server_groups.app]\nretries = 1\n")
    ) as lb:
        rows = {row["key"]: (row["value"], row["from"]) for row in lb.ask("get", "server_groups.app")}
        assert (rows[scheduler], rows[retries]) == (("lc", "live"), (1, "file"))
        assert lb.state("app/ecs02")["weight"] == 7
        assert f"{retries} was set live; the file has changed it since, and wins" in lb.log


def test_rule_67_a_damaged_file_is_set_aside(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    (tmp_path / "state.json").write_text('{"lbtwist_state": 1, "sha')
    (tmp_path / "receipts.jsonl").write_text("{}\n")
    with Balancer(tmp_path, over(pair)) as lb:
        first, second = lb.ask("status")["problems"]
        (aside,) = tmp_path.glob("state.json.damaged-*")
        assert (aside.name in first, "receipts.jsonl" in second) == (True, True)
        assert aside.read_text() == '{"lbtwist_state": 1, "sha'
        assert asked(watch, lb.address) in ("ecs01", "ecs02")


def test_rule_67_without_a_state_file_the_first_change_warns(tmp_path: Path, pair: Pair) -> None:
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text) as lb:
        assert "state_file" not in lb.ssh("drain", "app/ecs01", "--dry-run").stderr
        assert "warning: there is no load_balancer.state_file" in lb.ssh("drain", "app/ecs01").stderr
        assert "state_file" not in lb.ssh("ready", "app/ecs01").stderr
        assert lb.log.count("no load_balancer.state_file") == 1
