"""What the service manager is told: sd_notify(3)."""

from __future__ import annotations

import signal
import socket
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
