"""WebSockets of a server that leaves: messages until the deadline, and then Close frames on both sides."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import websocket

from tests.functional.balancer import Balancer
from tests.functional.http_harness import Worker, over, url, workers
from tests.functional.scale import scaled, told
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = scaled(15.0, 1.5)
TALKS = scaled(500, 50)
PAUSE = 0.05
"""Seconds between messages."""
SLACK = 0.1
"""Seconds, beside LATENESS, that so many threads of one process need to see what has come."""


class Talk:
    """A WebSocket on which messages go and come back, from the first until its Close frame."""

    def __init__(self, lb: Balancer) -> None:
        self.server = ""
        self.answers = 0
        self.code = 0
        """Of the Close frame; 0 while none has come."""
        self.closed_at = 0.0
        self.error: Exception | None = None
        self._socket = websocket.create_connection(
            url(lb, "/websocket").replace("http:", "ws:"), timeout=TIMEOUT + 10
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Not politely."""
        self._socket.shutdown()
        self._thread.join()

    def goes_on(self, count: int = 3) -> None:
        """Wait for so many answers more."""
        before = self.answers
        eventually(lambda: self.answers >= before + count, what=lambda: f"answers: {self.error}")

    def ends(self) -> None:
        """Wait until it has ended."""
        self._thread.join(TIMEOUT + 10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self.code:
                self._socket.send("hello")
                kind, data = self._socket.recv_data(control_frame=True)
                if kind == websocket.ABNF.OPCODE_CLOSE:
                    self.code, self.closed_at = int.from_bytes(data[:2], "big"), time.monotonic()
                else:
                    self.server = data.decode().partition(":")[0]
                    self.answers += 1
                    time.sleep(PAUSE)
        except (OSError, websocket.WebSocketException) as error:
            self.error = error


@contextlib.contextmanager
def talking(lb: Balancer, count: int = 1) -> Iterator[list[Talk]]:
    """So many, each of which has had an answer."""
    talks: list[Talk] = []
    try:
        for _ in range(count):
            talks.append(Talk(lb))
        for talk in talks:
            talk.goes_on(1)
        yield talks
    finally:
        for talk in talks:
            talk.close()


def of(talks: Sequence[Talk], server: Worker) -> list[Talk]:
    return [talk for talk in talks if talk.server == server.name]


def test_rules_50_51_53_and_80_many_are_closed_at_the_deadline(tmp_path: Path) -> None:
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, draining="websocket_close = 1012")) as lb,
        talking(lb, TALKS) as talks,
    ):
        leaving, staying = (of(talks, server) for server in servers)
        assert len(leaving) == len(staying) == TALKS // 2
        lb.ask("remove", "app/ecs01", "--timeout", str(TIMEOUT))
        leaving[0].goes_on()
        with talking(lb, 2) as newcomers:
            assert of(newcomers, servers[1]) == newcomers
        for talk in leaving:
            talk.ends()
        receipt = lb.receipt()
        deadline = monotonic_of(receipt["deadline"])
        late = [talk.closed_at - deadline for talk in leaving]
        late += [closed.at - deadline for closed in servers[0].closed]
        told(f"{len(late)} Close frames seen {min(late) * 1000:+.1f} to {max(late) * 1000:+.1f} ms after")
        assert len(late) == 2 * len(leaving)
        assert min(late) >= -0.002
        assert max(late) <= LATENESS + SLACK
        assert {talk.code for talk in leaving} == {1012}
        assert {closed.target for closed in servers[0].closed} == {"1012"}
        assert [talk.error for talk in talks if talk.error] == []
        staying[0].goes_on()
        counts = receipt["connections"], receipt["cut"], receipt["tunnels_closed"]
        assert counts == (len(leaving),) * 3


def test_rule_52_the_request_timeout_is_none_of_a_tunnel_s(tmp_path: Path) -> None:
    listener = "request_timeout = 1\nidle_timeout = 1\ntunnel_timeout = 2"
    with (
        workers(tmp_path, "ecs01") as servers,
        Balancer(tmp_path, over(servers, listener=listener)) as lb,
    ):
        client = websocket.create_connection(url(lb, "/websocket").replace("http:", "ws:"), timeout=10)
        time.sleep(1.5)
        client.send("still there?")
        assert client.recv() == "ecs01: still there?"
        silent = time.monotonic()
        with pytest.raises((OSError, websocket.WebSocketException)):
            client.recv()
        assert 1.9 <= time.monotonic() - silent <= 2.5
        client.shutdown()


def test_rules_51_and_70_the_load_balancer_leaves(tmp_path: Path) -> None:
    with (
        workers(tmp_path, "ecs01") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=TIMEOUT)) as lb,
        talking(lb) as (talk,),
    ):
        began = time.monotonic()
        lb.signal(signal.SIGTERM)
        lb.wait_for_log("drain of load balancer")
        talk.goes_on()
        talk.ends()
        assert talk.code == 1001
        assert TIMEOUT <= talk.closed_at - began <= TIMEOUT + LATENESS + SLACK
        assert lb.wait() == 0
        assert [closed.target for closed in servers[0].closed] == ["1001"]
