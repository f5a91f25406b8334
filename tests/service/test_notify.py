"""sd_notify(3): what a service manager is told, and when."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.service.notify import EXTENSION, STATUS_INTERVAL, Notifier, notify, watchdog_seconds
from tests.service.bench import ADA, Bench

TOML = '[listeners.web]\nendpoint = 8080\nprotocol = "tcp"\n[server_groups.app]\nservers = ["10.0.0.1:80"]\n'


class Started(Clock):
    """The reactor of a process: a clock, and what is called when it runs and before it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.when_running: list[Any] = []
        self.before_shutdown: list[Any] = []

    def callWhenRunning(self, call: Any) -> None:
        self.when_running.append(call)

    def addSystemEventTrigger(self, phase: str, event: str, call: Any) -> None:
        assert (phase, event) == ("before", "shutdown")
        self.before_shutdown.append(call)

    def run(self) -> None:
        for call in self.when_running:
            call()

    def shut_down(self) -> None:
        for call in self.before_shutdown:
            call()


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(address)

    def heard(self) -> list[list[str]]:
        """The datagrams so far, each as its lines."""
        datagrams = []
        while True:
            try:
                datagrams.append(self.socket.recv(4096).decode().splitlines())
            except BlockingIOError:
                return datagrams


class Scene:
    """A load balancer in a process with a service manager."""

    def __init__(self, address: str | None, **environ: str) -> None:
        self.bench = Bench(TOML, start=False)
        self.reactor = Started()
        if address is not None:
            environ["NOTIFY_SOCKET"] = address
        Notifier(self.bench.balancer, self.reactor, environ).setServiceParent(self.bench.balancer)

    def start(self) -> None:
        self.bench.balancer.privilegedStartService()
        self.bench.balancer.startService()
        self.reactor.run()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(path: str) -> Iterator[Manager]:
    made = Manager(path)
    yield made
    made.socket.close()


def test_ready_is_said_when_it_listens_and_not_before(manager: Manager, path: str) -> None:
    scene = Scene(path)
    scene.bench.plane.slow = True
    scene.start()
    assert manager.heard() == []
    scene.bench.plane.catch_up()
    assert manager.heard()[0] == ["READY=1", f"MAINPID={os.getpid()}"]


def test_the_status_is_said_while_it_runs(manager: Manager, path: str) -> None:
    scene = Scene(path)
    scene.start()
    assert manager.heard()[1:] == [["STATUS=0 connections, 0 drains"]]
    scene.bench.connect("app/10.0.0.1:80#2", 3)
    (registration,) = scene.bench.balancer.registrations()
    scene.bench.balancer.groups["app"].drain([registration], ADA)
    scene.reactor.advance(STATUS_INTERVAL)
    assert manager.heard() == [["STATUS=3 connections, 1 drains"]]


def test_rule_70_while_it_leaves_the_manager_is_asked_to_wait(manager: Manager, path: str) -> None:
    scene = Scene(path)
    scene.start()
    (connection,) = scene.bench.connect("app/10.0.0.1:80#2")
    manager.heard()
    scene.reactor.shut_down()
    assert manager.heard() == [["STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1_000_000)}"]]
    scene.bench.balancer.stopService()
    scene.reactor.advance(STATUS_INTERVAL)
    (lines,) = manager.heard()
    assert lines == ["STATUS=1 connections, 1 drains", f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1_000_000)}"]
    connection.end()
    assert scene.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("connections", [0, 1])
def test_one_that_is_stopped_before_it_listens_is_never_ready(
    manager: Manager, path: str, connections: int
) -> None:
    scene = Scene(path)
    scene.bench.plane.slow = True
    scene.start()
    opened = scene.bench.connect("app/10.0.0.1:80#2", connections)
    scene.bench.balancer.stopService()
    scene.bench.plane.slow = False
    scene.bench.plane.catch_up()
    heard = [line for lines in manager.heard() for line in lines]
    assert [line.partition("=")[0] for line in heard] == ["STATUS", "EXTEND_TIMEOUT_USEC"]
    for connection in opened:
        connection.end()
    assert scene.reactor.getDelayedCalls() == []


def test_one_that_has_ended_before_it_listens_says_nothing(
    manager: Manager, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(path)
    listening: Deferred[None] = Deferred()
    monkeypatch.setattr(scene.bench.balancer, "listening", lambda: listening)
    scene.start()
    scene.bench.balancer.stopService()
    listening.callback(None)
    assert (manager.heard(), scene.reactor.getDelayedCalls()) == ([], [])


@pytest.mark.parametrize("whose", ["ours", "nobody's"])
def test_the_watchdog_is_told_twice_in_its_time_until_the_end(
    manager: Manager, path: str, whose: str
) -> None:
    of = {} if whose == "nobody's" else {"WATCHDOG_PID": str(os.getpid())}
    scene = Scene(path, WATCHDOG_USEC="3000000", **of)
    scene.bench.plane.slow = True
    scene.start()
    assert manager.heard() == [["WATCHDOG=1"]]
    for seconds, times in ((1.4, 0), (0.1, 1), (1.5, 1), (1.5, 1)):
        scene.reactor.advance(seconds)
        assert manager.heard() == [["WATCHDOG=1"]] * times
    (connection,) = scene.bench.connect("app/10.0.0.1:80#2")
    scene.bench.balancer.stopService()
    scene.bench.plane.slow = False
    scene.bench.plane.catch_up()
    manager.heard()
    scene.reactor.advance(1.5)
    assert ["WATCHDOG=1"] in manager.heard()
    connection.end()
    assert scene.reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_watchdog_nobody_is_told(environ: dict[str, str]) -> None:
    assert watchdog_seconds(environ, os.getpid()) == 0


@pytest.mark.parametrize("refused", [False, True])
def test_a_reload_is_told_and_its_end(manager: Manager, path: str, refused: bool) -> None:
    scene = Scene(path)
    reloads: list[Deferred[list[str]]] = []

    def reload() -> Deferred[list[str]]:
        reloads.append(Deferred())
        return reloads[-1]

    scene.bench.balancer.reload = reload
    scene.start()
    manager.heard()
    before = time.monotonic_ns() // 1000
    heard: list[object] = []
    scene.bench.balancer.reload().addBoth(heard.append)
    ((reloading, since),) = manager.heard()
    assert reloading == "RELOADING=1"
    assert before <= int(since.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    if refused:
        reloads[0].errback(Refused("not now"))
    else:
        reloads[0].callback(["done"])
    assert manager.heard() == [["READY=1"]]
    assert [isinstance(each, Failure) for each in heard] == [refused]


def test_without_a_manager_nothing_is_done() -> None:
    scene = Scene(None, WATCHDOG_USEC="3000000")
    scene.start()
    assert (scene.reactor.when_running, scene.reactor.getDelayedCalls()) == ([], [])
    assert scene.bench.balancer.stopService().called


def test_a_manager_that_does_not_listen_is_no_error(path: str) -> None:
    notify(path, "READY=1")
    scene = Scene(path)
    scene.start()
    scene.reactor.advance(STATUS_INTERVAL)
    assert scene.bench.balancer.stopService().called


def test_a_manager_that_does_not_read_is_not_waited_for(manager: Manager, path: str) -> None:
    for _ in range(10_000):
        notify(path, "STATUS=" + "x" * 100)
    assert 0 < len(manager.heard()) < 10_000


def test_an_address_with_an_at_is_in_the_abstract_namespace() -> None:
    name = f"lbtwist-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    try:
        notify(f"@{name}", "READY=1", "STATUS=fine")
        assert manager.heard() == [["READY=1", "STATUS=fine"]]
    finally:
        manager.socket.close()
