"""Settings that an operator changes live: they hold at once, and touch no connection (rule 73)."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.load import turned_away
from tests.functional.peers import Server, Watch, asked, talking
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

GROUP = "server_groups.app"
NOT_SAID = "fail_open"
"""A key of the group that the file does not have."""

Pair = tuple[Server, Server]


def got(lb: Balancer, key: str) -> tuple[Any, str]:
    """Its value, and where that comes from."""
    (row,) = lb.ask("get", key)
    return row["value"], row["from"]


@pytest.fixture
def both(pair: Pair) -> str:
    """A configuration with both servers in one group."""
    return app({server.name: str(server) for server in pair}, draining="timeout = 60")


def test_rule_73_no_connection_is_touched(tmp_path: Path, pair: Pair, watch: Watch, both: str) -> None:
    with Balancer(tmp_path, both) as lb, contextlib.ExitStack() as stack:
        talks = [stack.enter_context(talking(watch, lb.address, server)) for server in pair]
        changes = {
            f"{GROUP}.scheduler": "lc",
            f"{GROUP}.retries": "0",
            f"{GROUP}.max_queue": "1",
            f"{GROUP}.session_persistence.type": "source_ip",
            f"{GROUP}.connection_draining.timeout": "1",
            f"{GROUP}.health_check.type": "tcp",
            f"{GROUP}.servers.ecs01.max_connections": "1",
            f"{GROUP}.servers.ecs01.weight": "7",
            "listeners.app.connect_timeout": "2",
            "listeners.app.max_connections": "2",
        }
        for key, value in changes.items():
            lb.ask("set", key, value)
        eventually(lambda: [row["last_check"] for row in lb.ask("servers")] == ["connected"] * 2)
        for talk in talks:
            talk.goes_on()
        (group,) = lb.ask("groups")
        assert (group["scheduler"], group["timeout"], group["connections"]) == ("lc", 1, 2)
        row = lb.state("app/ecs01")
        assert (row["reason"], row["weight"], row["connections"]) == ("full", 7, 1)
        assert turned_away(watch, lb.address)
        assert lb.ask("status")["live_changes"] == list(changes)
        assert (lb.ask("drains"), lb.ask("receipts")) == ([], [])
        lb.ask("remove", "app/ecs02", "--wait", status=3)
        assert lb.receipt()["seconds"] == pytest.approx(1, abs=0.1)
        talks[0].goes_on()


def test_what_is_set_and_unset(tmp_path: Path, watch: Watch, pair: Pair, both: str) -> None:
    """A value that is not allowed changes nothing; the file wins where it changes the same key."""
    timeout = f"{GROUP}.connection_draining.timeout"
    with Balancer(tmp_path, both) as lb, talking(watch, lb.address, pair[0]) as talk:
        assert got(lb, timeout) == (60, "file")
        assert got(lb, f"{GROUP}.{NOT_SAID}") == ("recovered", "default")
        refused = lb.ssh("set", timeout, "4000")
        assert (refused.returncode, timeout in refused.stderr) == (1, True)
        lb.ask("set", timeout, "5", "--dry-run")
        assert got(lb, timeout) == (60, "file")
        lb.ask("set", timeout, "5")
        lb.ask("set", f"{GROUP}.{NOT_SAID}", "never")
        assert got(lb, timeout) == (5, "live")
        lb.ask("unset", f"{GROUP}.{NOT_SAID}")
        assert got(lb, f"{GROUP}.{NOT_SAID}") == ("recovered", "default")

        lb.signal(signal.SIGHUP)
        lb.wait_for_log("reload: nothing has changed")
        assert got(lb, timeout) == (5, "live")
        lb.configure(both.replace("timeout = 60", "timeout = 70"))
        lb.signal(signal.SIGHUP)
        lb.wait_for_log(f"{timeout} was set live")
        assert got(lb, timeout) == (70, "file")
        talk.goes_on()
        assert asked(watch, lb.address) == "ecs02"
