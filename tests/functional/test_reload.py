"""SIGHUP: what the file changed is applied, and no connection of anything else is touched."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app, section
from tests.functional.peers import Server, Watch, asked, talking
from tests.functional.waiting import LATENESS, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 1.0
DRAINING = f"timeout = {TIMEOUT}"
OTHER_HOST = "127.0.0.3"

Pair = tuple[Server, Server]


def both(
    pair: Pair, *, endpoint: str = "127.0.0.1:0", draining: str = DRAINING, other: str = DRAINING
) -> str:
    """Two listeners, each over a group of one server."""
    return app({"ecs01": str(pair[0])}, endpoint=endpoint, draining=draining) + section(
        {"ecs02": str(pair[1])}, name="other", endpoint=f"{OTHER_HOST}:0", draining=other
    )


def reload(lb: Balancer, text: str, said: str) -> None:
    """Write the file, send SIGHUP, and wait until the log says what was done."""
    lb.configure(text)
    times = lb.log.count(said) + 1
    lb.signal(signal.SIGHUP)
    lb.wait_for_log(said, times)


def test_rule_73_what_is_not_changed_is_not_touched(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with (
        Balancer(tmp_path, both(pair)) as lb,
        talking(watch, lb.address, pair[0]) as changed,
        talking(watch, (OTHER_HOST, lb.port(OTHER_HOST)), pair[1]) as other,
    ):
        reload(lb, both(pair), "reload: nothing has changed")
        changed.goes_on()
        reload(lb, both(pair, other="timeout = 60"), "reload: server group other changed")
        changed.goes_on()
        other.goes_on()

        third = Server("ecs03", watch)
        began = time.monotonic()
        reload(
            lb,
            both((third, pair[1])).replace("ecs01", "ecs03"),
            "reload: app/ecs03#",
        )
        assert asked(watch, lb.address) == "ecs03"
        assert changed.ends()[0].at - began >= TIMEOUT
        other.goes_on()
        assert (lb.receipt()["who"], lb.receipt()["outcome"]) == ("file", "cut")


def test_rule_3_a_reload_moves_no_running_drain(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, both(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        began = time.monotonic()
        lb.ask("remove", "app/ecs01", "--force")
        reload(lb, both(pair, draining="timeout = 60"), "reload: server group app changed")
        assert TIMEOUT <= talk.ends()[0].at - began <= TIMEOUT + 1
        assert lb.receipt()["seconds"] == pytest.approx(TIMEOUT, abs=LATENESS)


def test_rule_72_a_listener_with_another_endpoint(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with (
        Balancer(tmp_path, both(pair)) as lb,
        talking(watch, lb.address, pair[0]) as old,
        talking(watch, (OTHER_HOST, lb.port(OTHER_HOST)), pair[1]) as other,
    ):
        address = lb.address
        reload(lb, both(pair, endpoint="127.0.0.4:0"), "reload: listener app at 127.0.0.4:0 added")
        with socket.socket() as client:
            assert client.connect_ex(address) != 0
        assert asked(watch, ("127.0.0.4", lb.port("127.0.0.4"))) == "ecs01"
        old.goes_on()
        client_end, server_end = old.ends()
        (receipt,) = lb.ask("receipts")
        assert (receipt["subject"], receipt["outcome"]) == ("listener app", "cut")
        for end in (client_end, server_end):
            assert -0.002 <= end.at - monotonic_of(receipt["deadline"]) <= LATENESS
        other.goes_on()


def test_rule_72_a_listener_whose_addresses_overlap(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """The old one is closed first, and its connections go on."""
    # Free at all addresses: one that is free at 127.0.0.1 alone may be another's at the next.
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as chosen:
        port = chosen.getsockname()[1]
    text = both(pair, endpoint=f"127.0.0.1:{port}", draining="timeout = 60")
    with Balancer(tmp_path, text) as lb, talking(watch, lb.address, pair[0]) as old:
        reload(
            lb,
            both(pair, endpoint=f"0.0.0.0:{port}", draining="timeout = 60"),
            f"reload: listener app at 0.0.0.0:{port} added",
        )
        assert asked(watch, ("127.0.0.5", port)) == "ecs01"
        old.goes_on()
        reload(
            lb,
            both(pair, endpoint=f":{port}", draining="timeout = 60"),
            f"reload: listener app at :{port} added",
        )
        assert asked(watch, ("::1", port)) == "ecs01"
        old.goes_on()


def test_a_group_that_is_removed_drains(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """Rules 5 and 72, for a listener and its group that the file names no more."""
    with Balancer(tmp_path, both(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        other = OTHER_HOST, lb.port(OTHER_HOST)
        with talking(watch, other, pair[1]) as removed:
            reload(lb, app({"ecs01": str(pair[0])}, draining=DRAINING), "reload: server group other removed")
            removed.goes_on()
            removed.ends()
        lb.wait_for_log("drain of other/ecs02", 2)
        assert [row["group"] for row in lb.ask("groups")] == ["app"]
        assert [row["listener"] for row in lb.ask("listeners")] == ["app"]
        talk.goes_on()
