"""Rules 74 to 76: one generation after the other, without a gap."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, app
from tests.functional.generations import Generations, NewConnections
from tests.functional.http_harness import over as http_over
from tests.functional.http_harness import url, workers
from tests.functional.load import Load
from tests.functional.peers import Server, Watch, asked, talking
from tests.functional.scale import scaled, told
from tests.functional.test_websocket import talking as websockets
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]
UPGRADES = scaled(10, 4)
RATE = 200


def over(pair: Pair, endpoint: str = f"{HOST}:0", draining: str = "timeout = 60", settings: str = "") -> str:
    """One group of both servers."""
    text = app({server.name: str(server) for server in pair}, draining=draining, endpoint=endpoint)
    return text.replace("[load_balancer]\n", f"[load_balancer]\n{settings}\n")


def test_rules_74_and_75_what_was_connected_is_counted_and_drained(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Generations(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        old = lb.upgrade()
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}
        talk.goes_on()
        assert lb.state("app/ecs01")["connections"] == 1
        (view,) = lb.ask("connections", "app/ecs01")
        assert view["server"] == lb.state("app/ecs01")["server"]
        lb.ask("drain", "app/ecs01", "--reason", "new disk")
        assert lb.ask("drains")[0]["connections"] == 1
        talk.goes_on()
        talk.leave()
        (receipt,) = lb.ask("wait", "app/ecs01")
        assert (receipt["outcome"], receipt["finished"]) == ("completed", 1)
        lb.gone(old)


def test_rule_74_no_new_connection_is_refused_or_reset(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Generations(tmp_path, over(pair)) as lb, Load(watch, lb.address, RATE) as load:
        for _ in range(UPGRADES):
            load.goes_on()
            lb.gone(lb.upgrade())
        load.goes_on()
        load.stop()
        assert len(load.tries) > UPGRADES * RATE / 4
        assert load.failed() == []
        assert len(set(lb.pids)) == UPGRADES + 1


@pytest.mark.parametrize("kept", [False, True])
def test_rules_71_and_74_no_request_is_lost(tmp_path: Path, kept: bool) -> None:
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Generations(tmp_path, http_over(servers)) as lb,
        NewConnections(url(lb), kept=kept) as wrk,
    ):
        for _ in range(UPGRADES):
            lb.upgrade()
        wrk.finish()
        told(f"{UPGRADES} upgrades under {wrk.requests} requests; {wrk.errors or 'no error'}")
        assert wrk.errors == []
        assert wrk.requests > 1000


def test_rule_75_connections_are_held_over_two_upgrades_and_drained(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Generations(tmp_path, over(pair)) as lb:
        with (
            talking(watch, lb.address, pair[0]) as first,
            talking(watch, lb.address, pair[1]) as other,
        ):
            lb.upgrade()
            with talking(watch, lb.address, pair[0]) as second:
                lb.ask("remove", "app/ecs01", "--timeout", "20", "--reason", "too old")
                (before,) = lb.ask("drains")
                lb.upgrade()
                (after,) = lb.ask("drains")
                assert (after["connections"], after["who"]) == (2, before["who"])
                assert (after["why"], after["start"]) == ("too old", before["start"])
                assert 10 < after["seconds_left"] <= before["seconds_left"]
                assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02"}
                other.goes_on()
                second.goes_on()
                assert lb.ask("status")["connections"] == 3
                first.leave()
                eventually(lambda: lb.ask("drains")[0]["connections"] == 1)
                lb.ask("extend", "app/ecs01", "--timeout", "2")
                began = time.monotonic()
                assert second.ends()[0].at - began < 3
                eventually(lambda: lb.ask("receipts") != [])
                receipt = lb.receipt()
                counts = [receipt[name] for name in ("connections", "finished", "cut", "kept")]
                assert (receipt["outcome"], counts) == ("cut", [2, 1, 1, 0])
                other.goes_on()
                other.leave()
        lb.gone(lb.pids[0])


def test_rules_50_and_75_a_websocket_is_held_over_two_upgrades(tmp_path: Path) -> None:
    with (
        workers(tmp_path, "ecs01") as servers,
        Generations(tmp_path, http_over(servers, draining="websocket_close = 1012")) as lb,
        websockets(lb) as (talk,),
    ):
        first = lb.upgrade()
        second = lb.upgrade()
        lb.gone(second)
        talk.goes_on()
        assert lb.state("app/ecs01")["connections"] == 1
        (receipt,) = lb.ask("drain", "app/ecs01", "--force", "--timeout", "1", "--wait", status=3)
        talk.ends()
        assert (talk.code, receipt["tunnels_closed"]) == (1012, 1)
        lb.gone(first)


def test_rule_74_a_broken_file_changes_nothing_and_is_told(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair)
    with Generations(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.configure(text.replace("timeout = 60", "timeout = 'soon'"))
        done = lb.ssh("upgrade", "--wait")
        assert done.returncode == 1
        assert "server_groups.app.connection_draining.timeout: 'soon'" in done.stderr
        talk.goes_on()
        assert lb.pids == [lb.process.pid]
        lb.configure(text)
        assert lb.ask("upgrade", "--wait")["process"] != lb.process.pid
        talk.goes_on()


def test_rule_67_what_operators_want_is_handed_on_without_a_file(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Generations(tmp_path, over(pair)) as lb:
        lb.ask("maint", "app/ecs01", "--reason", "new disk")
        lb.ask("weight", "app/ecs02", "7")
        lb.ask("set", "server_groups.app.scheduler", "lc")
        lb.upgrade()
        assert lb.state("app/ecs01")["state"] == "maintenance"
        assert lb.state("app/ecs02")["weight"] == 7
        assert lb.ask("get", "server_groups.app.scheduler")[0]["value"] == "lc"
        assert lb.receipt()["why"] == "new disk"


def test_rule_76_the_state_file_is_the_newest_ones(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    file = tmp_path / "state.json"
    with (
        Generations(tmp_path, over(pair, settings='state_file = "state.json"')) as lb,
        talking(watch, lb.address, pair[0]),
    ):
        lb.ask("drain", "app/ecs01", "--timeout", "never")
        old = lb.upgrade()
        lb.ask("weight", "app/ecs02", "7")
        eventually(lambda: '"weight": 7' in file.read_text())
        os.kill(old, signal.SIGTERM)
        os.kill(old, signal.SIGTERM)
        lb.gone(old)
        eventually(lambda: lb.state("app/ecs01")["state"] == "drained")
        assert '"weight": 7' in file.read_text()
        assert [row["outcome"] for row in lb.ask("receipts")] == ["cut"]


def test_a_unix_socket_stays(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    path = tmp_path / "lb"
    with Generations(tmp_path, over(pair, endpoint=f"unix:{path}")) as lb:
        lb.gone(lb.upgrade())
        assert asked(watch, str(path)) in ("ecs01", "ecs02")
        lb.signal(signal.SIGTERM)
        lb.wait()
    assert not path.exists()


def test_rule_70_sigterm_during_an_upgrade_ends_both(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Generations(tmp_path, over(pair)) as lb:
        lb.signal(signal.SIGUSR2)
        lb.wait_for_log("the new generation starts")
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
        assert "did not take over: the load balancer is shutting down" in lb.log
        started = int(re.findall(r"starts, process ([0-9]+)", lb.log)[0])
        lb.gone(started)


def test_kill_9_of_the_old_one_loses_what_it_had_and_no_more(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Generations(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as lost:
        old = lb.upgrade()
        lb.ask("drain", "app/ecs01", "--timeout", "never")
        with talking(watch, lb.address, pair[1]) as stays:
            os.kill(old, signal.SIGKILL)
            lost.ends()
            eventually(lambda: lb.state("app/ecs01")["state"] == "drained")
            receipt = lb.receipt()
            assert (receipt["outcome"], receipt["kept"]) == ("interrupted", 1)
            stays.goes_on()
            assert lb.ask("status")["connections"] == 1


def test_kill_9_of_the_old_one_before_it_has_handed_over(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Generations(tmp_path, over(pair)) as lb:
        address = lb.address
        lb.signal(signal.SIGUSR2)
        lb.wait_for_log("the new generation starts")
        lb.process.kill()
        eventually(lambda: lb.heard() != [] and lb.pid != lb.process.pid, 20)
        assert asked(watch, address) in ("ecs01", "ecs02")


def test_kill_9_of_the_new_one_leaves_the_old_one_draining(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair, settings="upgrade_timeout = 4")
    with Generations(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        old = lb.upgrade()
        began = time.monotonic()
        lb.signal(signal.SIGKILL)
        lb.wait_for_log("what is connected here drains on")
        talk.goes_on()
        assert 1 < talk.ends()[0].at - began < 5
        lb.gone(old)
