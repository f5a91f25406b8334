"""The access log of a real process: complete, in step with the counters, and moved away under load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.http_harness import Wrk, curl, over, url, workers
from tests.functional.peers import Server, Watch
from tests.functional.process import run
from tests.functional.scale import scaled, told
from tests.functional.waiting import eventually

pytestmark = pytest.mark.functional

SECONDS = scaled(10, 3)
LOG = '\n[access_log]\npath = "access.log"\n'


def read(*paths: Path) -> list[dict[str, Any]]:
    """Every line of these files; each is whole."""
    lines = [line for path in paths for line in path.read_text().split("\n")]
    return [json.loads(line) for line in lines if line]


@pytest.mark.slow
def test_every_request_is_a_line_though_the_file_is_moved_under_load(tmp_path: Path) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    with workers(tmp_path, "ecs01", "ecs02") as servers:
        with Balancer(tmp_path, over(servers) + LOG) as lb:
            with Wrk(url(lb), SECONDS) as wrk:
                eventually(lambda: bool(path.read_text()), what=lambda: "lines")
                path.rename(moved)
                lb.signal(signal.SIGUSR1)
                eventually(path.exists, what=lambda: "a new file")
                wrk.ends()
            assert wrk.errors == []
            eventually(lambda: not lb.ask("listeners")[0]["connections"], what=lambda: "the end")
            (row,) = lb.ask("listeners")
            lb.signal(signal.SIGTERM)
            assert lb.wait() == 0
        sent = sum(len(server.requests) for server in servers)
    lines = read(moved, path)
    told(f"{len(lines)} lines, {len(read(moved))} of them in the file that was moved")
    assert read(moved)
    assert read(path)
    assert len(lines) == row["total"] == sent
    assert sum(line["received"] for line in lines) == row["received"]
    assert sum(line["sent"] for line in lines) == row["sent"]
    ends = Counter(line["end"] for line in lines)
    assert ends["done"] >= wrk.requests
    assert {*ends} <= {"done", "client_abort"}  # wrk leaves in the midst of its last ones
    assert ends["client_abort"] <= wrk.CONNECTIONS
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_a_drain_an_operator_and_a_shutdown_cut_is_told_apart(
    tmp_path: Path, watch: Watch, pair: tuple[Server, Server]
) -> None:
    servers = {server.name: str(server) for server in pair}
    with Balancer(tmp_path, app(servers, shutdown_timeout=0.3, group='scheduler = "rr"') + LOG) as lb:
        sides = [watch.connect(lb.address) for _ in range(4)]
        for side in sides:
            side.say("hello\n")
        eventually(lambda: lb.ask("listeners")[0]["connections"] == 4, what=lambda: "4 connections")
        by_server = Counter(row["server"].partition("#")[0] for row in lb.ask("connections"))
        assert by_server == {"app/ecs01": 2, "app/ecs02": 2}
        lb.ask("remove", "app/ecs01", "--timeout", "0.2", "--force", "--wait", status=3)
        first, _ = lb.ask("connections")
        lb.ask("cut", "--connection", str(first["id"]))
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
    ends = Counter((line["server"].partition("#")[0], line["end"]) for line in read(tmp_path / "access.log"))
    assert ends == {
        ("app/ecs01", "drain_deadline"): 2,
        ("app/ecs02", "operator_cut"): 1,
        ("app/ecs02", "shutdown_cut"): 1,
    }


def test_on_standard_output_in_the_form_of_haproxy(tmp_path: Path) -> None:
    with workers(tmp_path, "ecs01") as servers:
        text = over(servers) + '\n[access_log]\npath = "-"\nformat = "haproxy"\n'
        with Balancer(tmp_path, text) as lb:
            curl(url(lb, "/one?two"))
            lb.wait_for_log('"GET /one?two HTTP/1.1"')
            assert "app app/ecs01#2 " in lb.log


def test_standard_output_is_refused_in_the_background(tmp_path: Path) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(app({"ecs01": "127.0.0.1:9"}) + '\n[access_log]\npath = "-"\n')
    done = run("--pidfile=", "lb", "--config", file, directory=tmp_path)
    assert done.returncode == 1
    why = '"-" is standard output, which there is in the foreground alone (twistd -n)'
    assert done.stderr.splitlines()[-1] == f"twistd lb: access_log.path: {why}"


def test_a_fifo_that_nobody_reads_any_more_holds_up_neither_traffic_nor_the_end(tmp_path: Path) -> None:
    """The kernel takes 64 KiB, and then nothing more."""
    path = tmp_path / "access.log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        with workers(tmp_path, "ecs01") as servers, Balancer(tmp_path, over(servers) + LOG) as lb:
            with Wrk(url(lb), 1) as wrk:
                wrk.ends()
            assert wrk.errors == []
            assert wrk.requests > 500
            lb.signal(signal.SIGTERM)
            assert lb.wait() == 0
            assert "lines are lost" in lb.log
    finally:
        os.close(reader)


def test_under_systemd_lines_of_the_log_have_priorities(tmp_path: Path) -> None:
    """systemd.exec(5): JOURNAL_STREAM is the device and inode of what leads to the journal."""
    out = tmp_path / "stdout.txt"
    out.touch()
    found = out.stat()
    environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    text = app({"ecs01": "127.0.0.1:9"})
    with Balancer(tmp_path, text, environ=environ) as lb:
        with subprocess.Popen(["curl", "-s", "telnet://{}:{}".format(*lb.address)], stdin=subprocess.PIPE):
            pass
        lb.wait_for_log("<4>no_server(app: 1 in rotation, 1 tried)")
    assert "<6>listener app accepts on 127.0.0.1:" in lb.log
    assert [line for line in lb.log.splitlines() if not line.startswith(("<", " "))] == []


def test_elsewhere_lines_of_the_log_have_their_time(tmp_path: Path) -> None:
    with Balancer(tmp_path, app({"ecs01": "127.0.0.1:9"}), environ={"JOURNAL_STREAM": "1:2"}) as lb:
        lb.wait_for_log("] listener app accepts on 127.0.0.1:")
    assert "<6>" not in lb.log
