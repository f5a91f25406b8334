"""The console of a real process, by a real OpenSSH client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests.console.client import Terminal
from tests.functional.balancer import Balancer, app
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import eventually

pytestmark = [
    pytest.mark.functional,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh"),
]

Pair = tuple[Server, Server]


def over(pair: Pair) -> str:
    return app({server.name: str(server) for server in pair})


def at_terminal(lb: Balancer, *words: str) -> Terminal:
    return Terminal([*lb._ssh(), "-tt", *words])


def row(stream: IO[str]) -> dict[str, str]:
    return dict(json.loads(stream.readline()))


def test_events_are_followed_as_they_come(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, over(pair)) as lb, lb.begin("events", "--follow", "--json") as following:
        assert following.stdout is not None
        lb.wait_for_log("logged in")
        assert lb.ssh("drain", "app/ecs01", "--reason", "kernel").returncode == 0
        told = [row(following.stdout) for _ in range(4)]
        following.send_signal(signal.SIGINT)
    # The other session's login, the drain, and the line that was typed.
    assert [(each["kind"], each["subject"]) for each in told] == [
        ("login", ""),
        ("drain", told[1]["subject"]),
        ("drain", told[1]["subject"]),
        ("operator", ""),
    ]
    assert told[1]["subject"].startswith("app/ecs01#")
    assert told[2]["event"].startswith("ended: completed")
    assert told[3]["event"] == "drain app/ecs01 --reason kernel: done"


def test_control_c_ends_the_following_and_the_prompt_goes_on(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, over(pair)) as lb, at_terminal(lb) as terminal:
        terminal.until("lb> ")
        terminal.type("events --follow\r")
        lb.wait_for_log("logged in")
        lb.ssh("weight", "app/ecs01", "50")
        terminal.until("weight app/ecs01 50: done")
        terminal.type("\x03")
        terminal.until("lb> ")
        terminal.type("weight app/ecs02 \t\x15exit\r")
        assert terminal.status() == 0


def test_rule_70_shutdown_drains_for_its_own_time_and_ends_the_process(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = over(pair).replace("shutdown_timeout = 0", "shutdown_timeout = 600")
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        assert lb.ask("shutdown", "--dry-run")["timeout"] == 600
        told = lb.ask("shutdown", "--timeout", "300", "--reason", "kernel")
        assert (told["connections"], told["timeout"]) == (1, 300)
        talk.goes_on()
        assert lb.ask("status")["state"] == "leaving"
        assert lb.ssh("shutdown").returncode == 1
        assert lb.ask("shutdown", "--timeout", "0")["timeout"] == 0
        assert lb.wait() == 0
        assert "ended: cut (shutdown)" in lb.log


def test_what_was_entered_comes_back_after_a_restart(tmp_path: Path, pair: Pair) -> None:
    state = tmp_path / "state"
    state.mkdir()
    lb = Balancer(tmp_path, over(pair), environ={"STATE_DIRECTORY": str(state)})
    for keys in ("get load_balancer.name\r", "\x1b[A\r"):
        with lb, at_terminal(lb) as terminal:
            terminal.until("lb> ")
            terminal.type(keys)
            terminal.until("load_balancer.name  lbtwist")
            terminal.type("\x04")
            assert terminal.status() == 0
        lb.forget()
    (kept,) = (state / "console-history").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == '"get load_balancer.name"\n'


def test_a_client_that_reads_nothing_costs_no_memory(tmp_path: Path, pair: Pair) -> None:
    """One that asks for far more than it takes is closed; a stopped one is as good as that."""
    with Balancer(tmp_path, over(pair)) as lb:
        lb.ask("status")
        before = lb.rss()
        with subprocess.Popen(
            lb._ssh(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as client:
            assert client.stdin is not None
            client.stdin.write(b"print('ready')\n")
            client.stdin.flush()
            assert client.stdout is not None
            assert client.stdout.readline() == b"ready\n"
            os.kill(client.pid, signal.SIGSTOP)
            try:
                client.stdin.write(b"print('x' * 60000)\n" * 500)
                client.stdin.flush()
                os.kill(client.pid, signal.SIGCONT)
                eventually(lambda: "does not read what it asked for" in lb.log, 20, lambda: lb.log)
                assert lb.rss() - before < 16 << 20
            finally:
                client.kill()


def test_forged_lines_do_not_reach_the_log(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, over(pair)) as lb:
        lb.ssh("drain", "app/ecs01", "--reason", "x\n2026-01-01T00:00:00+0000 [forged#info] all is well")
        lb.ssh("set", "server_groups.app.session_persistence.secret", "hunter2 hunter3")
        lb.wait_for_log("session_persistence.secret ***")
        assert [line for line in lb.log.splitlines() if line.startswith("2026-01-01")] == []
        assert "hunter" not in lb.log
