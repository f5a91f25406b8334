"""SIGTERM: what is connected may finish, and then it is gone."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import LATENESS, eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SHUTDOWN_TIMEOUT = 1.5
LAME_DUCK = 1.0
WAITING = 50
"""Connections in the backlog."""

Pair = tuple[Server, Server]


def over(pair: Pair, shutdown_timeout: float) -> str:
    return app({server.name: str(server) for server in pair}, shutdown_timeout=shutdown_timeout)


def refused(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_rule_70_connections_may_finish_until_the_timeout(
    tmp_path: Path, pair: Pair, watch: Watch, number: signal.Signals
) -> None:
    with Balancer(tmp_path, over(pair, SHUTDOWN_TIMEOUT)) as lb, talking(watch, lb.address, pair[0]) as talk:
        address = lb.address
        began = time.monotonic()
        lb.signal(number)
        lb.wait_for_log("drain of load balancer")
        assert refused(address)
        assert lb.ask("status")["state"] == "leaving"
        talk.goes_on()
        client, server = talk.ends()
        for end in (client, server):
            assert SHUTDOWN_TIMEOUT <= end.at - began <= SHUTDOWN_TIMEOUT + LATENESS + 0.1
        assert lb.wait() == 0
        assert "ended: cut (shutdown)" in lb.log
        assert "1 connections = 0 finished + 1 cut + 0 kept" in lb.log


def test_rule_70_it_ends_as_soon_as_it_is_empty(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair, 60)) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.signal(signal.SIGTERM)
        lb.wait_for_log("drain of load balancer")
        talk.goes_on()
        _, left = talk.leave()
        assert lb.wait() == 0
        assert time.monotonic() - left < 1
        assert "ended: completed (shutdown)" in lb.log
        assert talk.server.ended().how == "fin"


def test_rule_70_without_connections_it_ends_at_once(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, over(pair, 60)) as lb:
        began = time.monotonic()
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
        assert time.monotonic() - began < 1


def test_rule_70_the_second_signal_cuts_at_once(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair, 60)) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.signal(signal.SIGTERM)
        lb.wait_for_log("drain of load balancer")
        talk.goes_on()
        again = time.monotonic()
        lb.signal(signal.SIGTERM)
        client, server = talk.ends()
        assert client.at - again < LATENESS
        assert server.at - again < LATENESS
        assert lb.wait() == 0
        assert "ended: cut (shutdown)" in lb.log


def test_rule_70_in_the_lame_duck_it_accepts_and_says_that_it_leaves(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = over(pair, 60).replace("[load_balancer]", f"[load_balancer]\nlame_duck = {LAME_DUCK}")
    with Balancer(tmp_path, text) as lb:
        address = lb.address
        began = time.monotonic()
        lb.signal(signal.SIGTERM)
        lb.wait_for_note("STOPPING=1")
        with talking(watch, address, pair[0]) as talk:
            assert lb.ask("status")["state"] == "leaving"
            lb.wait_for_log("drain of load balancer")
            assert time.monotonic() - began >= LAME_DUCK
            assert refused(address)
            talk.goes_on()
            talk.leave()
        assert lb.wait() == 0
        assert "1 connections = 1 finished + 0 cut + 0 kept" in lb.log


def test_rule_70_the_backlog_is_accepted_first(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair, 60)) as lb:
        address = lb.address
        lb.signal(signal.SIGSTOP)
        clients = [watch.connect(address) for _ in range(WAITING)]
        lb.signal(signal.SIGTERM)
        lb.signal(signal.SIGCONT)
        for client in clients:
            client.hear("hello, this is ecs0")
            client.say("a line\n")
            client.hear(": a line\n")
        assert lb.running
        for client in clients:
            client.leave()
        assert lb.wait() == 0
        assert f"{WAITING} connections = {WAITING} finished + 0 cut + 0 kept" in lb.log


def test_rule_70_a_drain_that_runs_ends_by_its_own_deadline(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with (
        Balancer(tmp_path, over(pair, 60)) as lb,
        talking(watch, lb.address, pair[0]) as cut,
        talking(watch, lb.address, pair[1]) as finishes,
    ):
        began = time.monotonic()
        lb.ask("remove", "app/ecs01", "--timeout", str(SHUTDOWN_TIMEOUT))
        lb.signal(signal.SIGTERM)
        assert cut.ends()[0].at - began >= SHUTDOWN_TIMEOUT
        finishes.goes_on()
        finishes.leave()
        assert lb.wait() == 0
        assert "ended: cut (deregistered)" in lb.log
        eventually(lambda: "2 connections = 1 finished + 1 cut + 0 kept" in lb.log)


def test_unix_sockets_are_removed(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    path = tmp_path / "lb"
    text = app({server.name: str(server) for server in pair}, endpoint=f"unix:{path}")
    with Balancer(tmp_path, text) as lb:
        assert path.is_socket()
        lb.signal(signal.SIGTERM)
        assert lb.wait() == 0
    assert not path.exists()
