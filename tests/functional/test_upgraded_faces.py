"""Rule 76: console and status page go on with the newest generation, and whoever asks does not notice."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.balancer import CONSOLE_HOST
from tests.functional.generations import Generations
from tests.functional.peers import Server, Watch, talking
from tests.functional.test_status import STATUS, STATUS_HOST, value
from tests.functional.test_upgrade import over
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]
UPGRADES = 5
AFTER = 1.0
"""Seconds that it goes on after each."""
OFTEN, SELDOM = 0.002, 0.25
"""Seconds from one answer to the next question; the console lets nobody come more often than that."""


class Asking:
    """Asks, one time after the other, and keeps what comes of it."""

    def __init__(self, ask: Callable[[], str], pause: float = OFTEN) -> None:
        self.answers: list[str] = []
        self._ask = ask
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextlib.contextmanager
    def going_on(self) -> Iterator[Asking]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self.answers.append(self._ask())
            except OSError as error:
                self.answers.append(repr(error))


def page(url: str) -> str:
    """Status and first line; a new connection each time."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return f"{response.status} {response.read().decode().splitlines()[0]}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode()}"


def greeting(port: int) -> str:
    """What the console says first to a new connection."""
    with socket.create_connection((CONSOLE_HOST, port), timeout=10) as client:
        return client.recv(8).decode() or "closed"


def test_rule_76_console_and_status_page_answer_through_upgrades(tmp_path: Path, pair: Pair) -> None:
    with Generations(tmp_path, over(pair) + STATUS) as lb:
        status, console = f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}", lb.port(CONSOLE_HOST)
        asking = [
            Asking(lambda: page(f"{status}/readyz")),
            Asking(lambda: page(f"{status}/metrics")),
            Asking(lambda: greeting(console), SELDOM),
        ]
        with contextlib.ExitStack() as stack:
            for each in asking:
                stack.enter_context(each.going_on())
            for _ in range(UPGRADES):
                lb.gone(lb.upgrade())
                time.sleep(AFTER)
        said = [set(each.answers) for each in asking]
        assert said[0] == {"200 ready"}
        assert {answer.split()[0] for answer in said[1]} == {"200"}, said[1]
        assert said[2] == {"SSH-2.0-"}
        assert len(set(lb.pids)) == UPGRADES + 1


def test_rule_75_metrics_include_the_generation_before(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Generations(tmp_path, over(pair) + STATUS) as lb:
        with talking(watch, lb.address, pair[0]) as talk:
            names = [
                "lbtwist_listener_clients",
                "lbtwist_listener_connections_total",
                "lbtwist_server_connections_total",
                "lbtwist_group_connect_duration_seconds_count",
            ]
            before = [value(lb, name) for name in names]
            assert before[0] == 1
            old = lb.upgrade()
            assert [value(lb, name) for name in names] == before
            with talking(watch, lb.address, pair[0]) as other:
                eventually(lambda: value(lb, names[0]) == 2)
                counted = [value(lb, name) for name in names]
                assert counted[3] > before[3]
                other.leave()
            talk.goes_on()
            talk.leave()
        lb.gone(old)
        eventually(lambda: value(lb, names[0]) == 0)
        assert [value(lb, name) for name in names[1:]] == counted[1:], "and nothing falls"
