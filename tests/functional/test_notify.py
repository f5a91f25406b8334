"""What the service manager is told: sd_notify(3)."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer, app
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]


def test_ready_when_it_listens_then_status_then_stopping(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = app({server.name: str(server) for server in pair}, shutdown_timeout=60)
    with Balancer(tmp_path, text) as lb:
        with socket.create_connection(lb.address, timeout=1):  # at once, without another try
            assert lb.heard()[:2] == ["READY=1", f"MAINPID={lb.pid}"]
        eventually(lambda: any(note.startswith("STATUS=") for note in lb.heard()))
        with talking(watch, lb.address, pair[1]) as talk:
            lb.signal(signal.SIGTERM)
            lb.wait_for_note("STOPPING=1")
            talk.goes_on()
            talk.leave()
        assert lb.wait() == 0
        notes = lb.heard()
        assert notes.index("STOPPING=1") > notes.index("READY=1")
        assert notes.count("READY=1") == notes.count("STOPPING=1") == 1


def test_no_ready_when_it_does_not_listen(tmp_path: Path, pair: Pair) -> None:
    with socket.create_server((HOST, 0)) as taken:
        endpoint = f"{HOST}:{taken.getsockname()[1]}"
        lb = Balancer(tmp_path, app({"ecs01": str(pair[0])}, endpoint=endpoint))
        with pytest.raises(AssertionError, match="the address is in use"), lb:
            pass
    assert lb.notes == []
    assert lb.wait() == 1


def test_the_watchdog_hears_of_a_process_that_turns_and_not_of_one_that_hangs(
    tmp_path: Path, pair: Pair
) -> None:
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text, environ={"WATCHDOG_USEC": "400000"}) as lb:

        def beats() -> int:
            return lb.heard().count("WATCHDOG=1")

        began, before = time.monotonic(), beats()
        eventually(lambda: beats() >= before + 5)
        assert time.monotonic() - began >= 0.8  # each 0.2 s
        lb.signal(signal.SIGSTOP)
        before = beats()
        time.sleep(0.5)
        assert beats() <= before + 1  # one may have been on its way
        lb.signal(signal.SIGCONT)
        eventually(lambda: beats() >= before + 3)


def test_a_reload_by_a_signal_is_told(tmp_path: Path, pair: Pair) -> None:
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text) as lb:
        lb.signal(signal.SIGHUP)
        eventually(lambda: lb.heard().count("READY=1") == 2)
        at = lb.notes.index("RELOADING=1")
        assert lb.notes[at + 1].startswith("MONOTONIC_USEC=")
        assert "READY=1" in lb.notes[at:]


def test_it_asks_for_time_while_it_drains(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = app({server.name: str(server) for server in pair}, shutdown_timeout=60)
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.signal(signal.SIGTERM)
        lb.wait_for_note("STOPPING=1")
        assert lb.notes[lb.notes.index("STOPPING=1") + 1] == "EXTEND_TIMEOUT_USEC=10000000"
        eventually(lambda: lb.heard().count("EXTEND_TIMEOUT_USEC=10000000") >= 2)
        assert lb.notes[-2] == "STATUS=1 connections, 1 drains"
        talk.leave()
        assert lb.wait() == 0
