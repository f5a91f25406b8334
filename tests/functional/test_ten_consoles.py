"""Ten consoles at once, each with verbs in a loop, under traffic: nothing fails, and it comes out even."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.load import Load, client_of, talks
from tests.functional.peers import Server, Watch
from tests.functional.process import PATIENCE
from tests.functional.scale import scaled, told

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CONSOLES = 10
SECONDS = scaled(60.0, 10.0)
RATE = 50.0
GROUP = "server_groups.app"
ROUND = (
    "weight app/{server} {number}",
    "set {group}.servers.{server}.max_connections {more}",
    "drain app/{server} --timeout never --reason round-{number}",
    "status",
    "set {group}.retries {few}",
    "ready app/{server}",
    "why app/{server}",
    "get {group}.retries",
    "weight app/{server} 0 --dry-run",
    "set {group}.connection_draining.timeout {more}",
    "connections app --limit 5",
    "receipts --since 1s",
    "diff",
)
LAST = ("ready app/{server}", "weight app/{server} 100")


class Console:
    """A session whose lines are run one after the other, in a thread of its own."""

    def __init__(self, lb: Balancer, server: str) -> None:
        self.done = 0
        self.problem = ""
        self.over = threading.Event()
        self._server = server
        self._process = subprocess.Popen(
            lb._ssh(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Console:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.over.set()
        self._thread.join(PATIENCE)
        self._process.kill()
        self._process.communicate()

    def ends(self) -> None:
        """Its last lines, and how it ended."""
        self.over.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), self._server
        assert self.problem == ""

    def _run(self) -> None:
        try:
            for number in count(1):
                if self.over.is_set():
                    break
                self._say_all(ROUND, number)
            self._say_all(LAST, 0)
            _, errors = self._process.communicate(timeout=PATIENCE)
            assert (self._process.returncode, errors) == (0, "")
        except Exception as error:
            self.problem = f"{self._server}: {error!r}"

    def _say_all(self, lines: tuple[str, ...], number: int) -> None:
        for line in lines:
            more, few = 1000 + number % 50, number % 10
            self._say(
                line.format(server=self._server, group=GROUP, number=1 + number % 99, more=more, few=few)
            )

    def _say(self, line: str) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line} --json\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{line}: {self._process.communicate()[1]}"
        self.done += 1
        return json.loads(answer)


def test_rules_64_67_and_73_ten_consoles_under_traffic(tmp_path: Path, watch: Watch) -> None:
    """No error, no lost connection, every receipt adds up, and at the end all is as it was said last."""
    servers = {f"ecs{number:02}": Server(f"ecs{number:02}", watch) for number in range(1, CONSOLES + 1)}
    text = app({name: str(server) for name, server in servers.items()}, group="min_healthy = 0")
    with Balancer(tmp_path, text.replace("[load_balancer]\n", '[load_balancer]\nstate_file = "s"\n')) as lb:
        talking = [client_of(name, watch, lb.address) for name in ("ecs01", "ecs05", "ecs10")]
        lb.ask("status")
        with Load(watch, lb.address, RATE) as load, contextlib.ExitStack() as stack:
            consoles = [stack.enter_context(Console(lb, name)) for name in servers]
            time.sleep(SECONDS)
            for console in consoles:
                console.ends()
        told(f"{sum(console.done for console in consoles)} verbs, {len(load.tries)} clients")
        assert load.failed() == []
        for client in talking:
            talks(client)
        assert all(console.done > len(ROUND) for console in consoles)
        rows = lb.ask("servers")
        assert [(row["state"], row["weight"]) for row in rows] == [("healthy", 100)] * CONSOLES
        for receipt in lb.ask("receipts"):
            assert receipt["outcome"] in ("cancelled", "completed")
            assert receipt["connections"] == receipt["finished"] + receipt["cut"] + receipt["kept"]
            assert receipt["cut"] == 0
        live = lb.ask("status")["live_changes"]
        limits = [f"{GROUP}.servers.{name}.max_connections" for name in servers]
        assert set(live) == {*limits, f"{GROUP}.retries", f"{GROUP}.connection_draining.timeout"}
        lb.ask("revert")
        assert lb.ssh("diff").stdout == ""
        assert lb.ask("status")["live_changes"] == []
