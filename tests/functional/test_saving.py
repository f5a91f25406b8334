"""What was changed live goes into the file: by `ssh host diff | patch`, and by `save`."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.functional.balancer import CONSOLE_HOST, Balancer, app
from tests.functional.peers import Server, Watch, asked, talking

pytestmark = [
    pytest.mark.functional,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh"),
]
no_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch")

Pair = tuple[Server, Server]
RETRIES = "server_groups.app.retries"


@pytest.fixture
def first(pair: Pair) -> str:
    """A configuration with the first server, and comments."""
    text = app({pair[0].name: str(pair[0])}, group="retries = 1  # few")
    return f"# Ours.\n{text}"


def change(lb: Balancer, pair: Pair) -> None:
    """A key, a server and its weight, live."""
    lb.ask("set", RETRIES, "3")
    lb.ask("add", "app", pair[1].name, str(pair[1]))
    lb.ask("weight", "app/ecs02", "7")


def as_before(lb: Balancer, pair: Pair) -> None:
    """All that runs is in the file, and nothing is live."""
    assert lb.ask("status")["live_changes"] == []
    assert lb.ssh("diff").stdout == ""
    (row,) = lb.ask("get", RETRIES)
    assert (row["value"], row["from"]) == (3, "file")
    assert (lb.state("app/ecs02")["weight"], lb.state("app/ecs01")["weight"]) == (7, 100)
    text = lb.file.read_text()
    assert "# Ours.\n" in text
    assert "retries = 3  # few\n" in text


@no_patch
def test_rule_67_ssh_diff_patch(tmp_path: Path, pair: Pair, first: str, watch: Watch) -> None:
    """What the patched file says is what runs: a reload touches nothing, and a restart comes to the same."""
    with Balancer(tmp_path, first) as lb:
        change(lb, pair)
        with talking(watch, lb.address, pair[0]) as talk:
            told = lb.ssh("diff")
            assert told.returncode == 0
            subprocess.run(["patch", "-p0", str(lb.file)], input=told.stdout, text=True, check=True)
            assert lb.ask("reload") == ["server group app changed"]
            assert lb.ask("drains") == []
            as_before(lb, pair)
            talk.goes_on()
    (tmp_path / "again").mkdir()
    again = Balancer(tmp_path / "again", first)
    again.file.write_text(lb.file.read_text())
    with again:
        as_before(again, pair)


def test_save_writes_the_file_and_refuses_one_that_was_edited(tmp_path: Path, pair: Pair, first: str) -> None:
    with Balancer(tmp_path, first) as lb:
        change(lb, pair)
        edited = lb.file.read_text() + "# mine\n"
        before = lb.file.read_text()
        lb.file.write_text(edited)
        refused = lb.ssh("save")
        assert (refused.returncode, "was changed since it was last read" in refused.stderr) == (1, True)
        assert lb.file.read_text() == edited
        lb.signal(signal.SIGHUP)
        lb.wait_for_log("reload: nothing has changed")
        (written,) = lb.ask("save")
        assert written == f"{lb.file} written, the one before is {lb.file}~"
        as_before(lb, pair)
        assert Path(f"{lb.file}~").read_text() == edited
        assert "# mine\n" in lb.file.read_text()
        assert before != lb.file.read_text()
        assert lb.ask("check")["servers"] == 2


def test_a_listener_its_group_and_its_checks_come_from_standard_input(
    tmp_path: Path, pair: Pair, first: str, watch: Watch
) -> None:
    fragment = f"""
[listeners.second]
endpoint = "{CONSOLE_HOST}:0"
protocol = "tcp"
server_group = "second"
[server_groups.second]
servers = ["{pair[1]}"]
[server_groups.second.health_check]
interval = 1
timeout = 1
"""
    with Balancer(tmp_path, first) as lb:
        before = set(lb.ports(CONSOLE_HOST)) or {lb.port(CONSOLE_HOST)}
        lb.ask("status")
        refused = lb.give(fragment.replace("interval = 1", "interval = 999"), "apply")
        assert refused.returncode == 1
        assert "server_groups.second.health_check.interval: 999 is not in 1–300" in refused.stderr
        shown = lb.give(fragment, "apply", "--dry-run")
        assert "+[listeners.second]" in shown.stdout
        assert set(lb.ports(CONSOLE_HOST)) == before
        assert lb.give(fragment, "apply").returncode == 0
        (port,) = set(lb.ports(CONSOLE_HOST)) - before
        assert asked(watch, (CONSOLE_HOST, port)) == "ecs02"
        lb.ask("disable", "second")
        assert set(lb.ports(CONSOLE_HOST)) == before
        assert {row["listener"]: row["state"] for row in lb.ask("listeners")}["second"] == "disabled"
        lb.ask("enable", "second")
        lb.ask("save")
        assert "[listeners.second]" in lb.file.read_text()
        assert lb.ask("reload") == ["nothing has changed"]
        refused = lb.ssh("remove", "group", "second")
        assert (refused.returncode, "listeners.second" in refused.stderr) == (1, True)
        lb.ask("remove", "listener", "second")
        lb.ask("remove", "group", "second")
        assert lb.ssh("revert").returncode == 0
        assert len(lb.ask("listeners")) == 2
