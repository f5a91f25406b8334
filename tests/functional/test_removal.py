"""A server is removed while a client talks to it: both sides are watched."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional.bad_servers import silent
from tests.functional.balancer import HOST, Balancer, app
from tests.functional.peers import Server, Talk, Watch, asked, talking
from tests.functional.scale import scaled, told
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = scaled(15.0, 1.5)
"""Seconds."""
NEWCOMERS = 4

Pair = tuple[Server, Server]


def over(pair: Sequence[Server], draining: str = "") -> str:
    """A configuration with both servers in one group."""
    return app({server.name: str(server) for server in pair}, draining=draining)


def assert_cut_in_time(talk: Talk, began: float, deadline: float, timeout: float) -> None:
    """Both sides saw the end not before the deadline, and at most 0.1 s after it (rule 80)."""
    for side, end in zip(("client", "server"), talk.ends(), strict=True):
        told(f"the {side} saw a {end.how} {(end.at - deadline) * 1000:+.1f} ms after the deadline")
        assert end.at - began >= timeout
        assert -0.002 <= end.at - deadline <= LATENESS


def assert_ended_then(receipt: dict[str, Any], left: tuple[float, float]) -> None:
    """Its drain ended when its client left, between two instants, by a clock of whole milliseconds."""
    before, after = left
    assert before - 0.002 <= monotonic_of(receipt["end"]) <= after + LATENESS


def test_rules_1_2_5_the_exchange_goes_on_until_the_deadline(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        began = time.monotonic()
        (row,) = lb.ask("remove", "app/ecs01", "--timeout", str(TIMEOUT), "--reason", "a new kernel")
        assert (row["state"], row["connections"]) == ("draining", 1)
        assert [asked(watch, lb.address) for _ in range(NEWCOMERS)] == ["ecs02"] * NEWCOMERS
        talk.goes_on()
        talk.client.ended(TIMEOUT + 5)
        receipt = lb.receipt()
        assert_cut_in_time(talk, began, monotonic_of(receipt["deadline"]), TIMEOUT)
        assert (receipt["outcome"], receipt["cause"]) == ("cut", "deregistered")
        assert (receipt["connections"], receipt["cut"], receipt["finished"]) == (1, 1, 0)
        assert receipt["why"] == "a new kernel"
        assert receipt["bytes_moved"] > 0
        assert TIMEOUT <= receipt["seconds"] <= TIMEOUT + LATENESS
        assert [row["server"].partition("#")[0] for row in lb.ask("servers")] == ["app/ecs02"]
        assert asked(watch, lb.address) == "ecs02"
    assert len(pair[0].sides) == 1


def test_rule_4_the_drain_ends_when_the_client_leaves(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        waiting = lb.begin("remove", "app/ecs01", "--timeout", "60", "--wait")
        lb.wait_for_log("drain of app/ecs01")
        talk.goes_on()
        left = talk.leave()
        _, error = waiting.communicate(timeout=10)
        assert waiting.returncode == 0, error
        receipt = lb.receipt()
        assert_ended_then(receipt, left)
        assert (receipt["outcome"], receipt["finished"], receipt["cut"]) == ("completed", 1, 0)
        assert talk.server.ended().how == "fin"


def test_rule_4_an_idle_server_is_gone_at_once(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, over(pair)) as lb:
        (receipt,) = lb.ask("remove", "app/ecs01", "--wait")
        assert (receipt["outcome"], receipt["connections"]) == ("completed", 0)
        assert receipt["seconds"] < LATENESS


def test_rule_8_timeout_0_cuts_at_once(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        began = time.monotonic()
        (receipt,) = lb.ask("remove", "app/ecs01", "--timeout", "0", "--wait", status=3)
        assert_cut_in_time(talk, began, monotonic_of(receipt["start"]), 0)
        assert (receipt["outcome"], receipt["cut"]) == ("cut", 1)
        assert asked(watch, lb.address) == "ecs02"


def test_never_waits_for_the_last_connection(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """Rule 4, without a deadline."""
    with (
        Balancer(tmp_path, over(pair, 'timeout = "never"')) as lb,
        talking(watch, lb.address, pair[0]) as talk,
    ):
        lb.ask("remove", "app/ecs01")
        (drain,) = lb.ask("drains")
        assert (drain["deadline"], drain["seconds_left"]) == ("never", "never")
        talk.goes_on()
        left = talk.leave()
        receipt = lb.ask("wait", "app/ecs01")[0]
        assert_ended_then(receipt, left)
        assert (receipt["outcome"], receipt["deadline"]) == ("completed", "never")


def test_rule_60_drain_keeps_the_server_registered(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.ask("drain", "app/ecs01", "--timeout", "0", "--wait", status=3)
        talk.ends()
        assert lb.state("app/ecs01")["state"] == "drained"
        assert [asked(watch, lb.address) for _ in range(NEWCOMERS)] == ["ecs02"] * NEWCOMERS
        lb.ask("ready", "app/ecs01")
        assert {asked(watch, lb.address) for _ in range(NEWCOMERS)} == {"ecs01", "ecs02"}


def test_rule_62_a_drain_is_extended_then_undone(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.ask("remove", "app/ecs01", "--timeout", "0.8")
        lb.ask("extend", "app/ecs01", "--timeout", "60")
        time.sleep(0.8)
        talk.goes_on()
        lb.ask("ready", "app/ecs01")
        receipt = lb.receipt()
        assert (receipt["outcome"], receipt["kept"]) == ("cancelled", 1)
        talk.goes_on()
        assert "ecs01" in {asked(watch, lb.address) for _ in range(NEWCOMERS)}


def test_rule_16_after_drain_joins_when_the_old_drain_has_ended(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        began = time.monotonic()
        lb.ask("remove", "app/ecs01", "--timeout", str(TIMEOUT))
        lb.ask("add", "app", "ecs01", str(pair[0]))
        assert {asked(watch, lb.address) for _ in range(NEWCOMERS)} == {"ecs02"}
        talk.goes_on()
        talk.client.ended(TIMEOUT + 5)
        assert {asked(watch, lb.address) for _ in range(NEWCOMERS)} == {"ecs01", "ecs02"}
        assert_cut_in_time(talk, began, monotonic_of(lb.receipt()["deadline"]), TIMEOUT)


def test_rule_16_alongside_takes_new_ones_at_once(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair, 'rejoin = "alongside"')
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as old:
        began = time.monotonic()
        lb.ask("remove", "app/ecs01", "--timeout", str(TIMEOUT))
        assert {asked(watch, lb.address) for _ in range(NEWCOMERS)} == {"ecs02"}
        lb.ask("add", "app", "ecs01", str(pair[0]))
        with talking(watch, lb.address, pair[0]) as new:
            old.client.ended(TIMEOUT + 5)
            assert_cut_in_time(old, began, monotonic_of(lb.receipt()["deadline"]), TIMEOUT)
            new.goes_on()


def test_rule_16_cancel_drain_keeps_the_old_ones(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = over(pair, 'rejoin = "cancel_drain"')
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.ask("remove", "app/ecs01", "--timeout", "0.8")
        lb.ask("add", "app", "ecs01", str(pair[0]))
        time.sleep(0.8)
        talk.goes_on()
        receipt = lb.receipt()
        assert (receipt["outcome"], receipt["kept"]) == ("cancelled", 1)
        assert {asked(watch, lb.address) for _ in range(NEWCOMERS)} == {"ecs01", "ecs02"}


def send_for_ever(connection: socket.socket) -> None:
    while True:
        connection.send(bytes(65536))


def receive_all(connection: socket.socket) -> None:
    while connection.recv(1 << 20):
        pass


def test_rule_5_a_client_that_does_not_read_sees_a_reset(tmp_path: Path) -> None:
    """What is held for it is dropped, and it is not told that this was all."""
    with socket.create_server((HOST, 0)) as listening:
        where = f"{HOST}:{listening.getsockname()[1]}"
        with Balancer(tmp_path, app({"ecs01": where})) as lb, socket.create_connection(lb.address) as client:
            client.settimeout(10)
            server, _ = listening.accept()
            with server:
                server.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    send_for_ever(server)
                (receipt,) = lb.ask("remove", "app/ecs01", "--timeout", "0", "--wait", "--force", status=3)
                assert receipt["seconds"] <= LATENESS
                with pytest.raises(ConnectionResetError):
                    receive_all(client)
                with pytest.raises((ConnectionResetError, BrokenPipeError)):
                    send_for_ever(server)


def test_rule_9_a_client_on_its_way_to_the_removed_server_gets_another(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with silent(watch) as address:
        text = app({"silent": address, "ecs02": str(pair[1])}, listener="connect_timeout = 60")
        with Balancer(tmp_path, text) as lb:
            client = watch.connect(lb.address)
            eventually(lambda: [row["activity"] for row in lb.ask("connections")] == ["connecting"])
            lb.ask("remove", "app/silent")
            client.hear("hello, this is ecs02")
            assert lb.receipt()["connections"] == 0


def test_rules_13_and_66_the_last_server(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair[:1])) as lb, talking(watch, lb.address, pair[0]) as talk:
        refused = lb.ssh("remove", "app/ecs01")
        assert refused.returncode == 1
        assert "min_healthy is 1" in refused.stderr
        assert asked(watch, lb.address) == "ecs01"
        lb.ask("remove", "app/ecs01", "--force")
        newcomer = watch.connect(lb.address)
        assert newcomer.ended(1).how in ("fin", "reset")
        assert newcomer.heard == b""
        talk.goes_on()


def test_rule_14_an_idle_connection_is_closed_before_the_deadline(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = app({server.name: str(server) for server in pair}, listener="idle_timeout = 1")
    with Balancer(tmp_path, text) as lb:
        client = watch.connect(lb.address)
        client.hear("hello, this is ecs01")
        (receipt,) = lb.ask("remove", "app/ecs01", "--timeout", "60", "--wait")
        assert receipt["seconds"] < 2
        assert (receipt["outcome"], receipt["finished"], receipt["cut"]) == ("completed", 1, 0)
        assert client.ended().how == "fin"
        assert pair[0].sides[0].ended().how == "fin"


def test_rule_63_losing_the_console_ends_the_waiting_and_not_the_drain(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        waiting = lb.begin("remove", "app/ecs01", "--timeout", str(TIMEOUT), "--wait")
        lb.wait_for_log("drain of app/ecs01")
        began = time.monotonic()
        waiting.kill()
        waiting.communicate()
        talk.goes_on()
        ended = lb.ask("wait", "app/ecs01", status=3)
        assert ended[0]["outcome"] == "cut"
        assert talk.ends()[0].at - began >= TIMEOUT - LATENESS
