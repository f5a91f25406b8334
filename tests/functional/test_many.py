"""Many connections: held at once while some are drained, and short ones that leave nothing behind."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Address, Server, Side, Watch
from tests.functional.scale import MIB, need_descriptors, scaled, told
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SERVERS = 5
HELD = scaled(5_000, 1_000)
TIMEOUT = scaled(15.0, 1.5)
"""Seconds."""
SHORT = scaled(100_000, 5_000)
LIMIT = 128
"""Descriptors of a process that is short of them."""
AT_ONCE = 500
ROUNDS = scaled(200, 20)


def answered(sides: Sequence[Side], text: str) -> None:
    """Each says `text`, and gets its answer."""
    heard = [len(side.heard) for side in sides]
    for side in sides:
        side.say(f"{text}\n")
    eventually(
        lambda: all(len(side.heard) > before for side, before in zip(sides, heard, strict=True)),
        30,
        lambda: f"{sum(len(s.heard) == b for s, b in zip(sides, heard, strict=True))} answers fewer",
    )


def test_rule_80_a_fifth_of_the_connections_is_cut_in_time_and_no_other(tmp_path: Path, watch: Watch) -> None:
    need_descriptors(2 * HELD + 100)
    servers = [Server(f"ecs{number}", watch) for number in range(SERVERS)]
    text = app({server.name: str(server) for server in servers})
    with Balancer(tmp_path, text) as lb:
        address = lb.address
        clients = [watch.connect(address) for _ in range(HELD)]
        for client in clients:
            client.hear("\n")
        removed = [client for client in clients if client.heard.endswith(b"ecs0\n")]
        others = [client for client in clients if not client.heard.endswith(b"ecs0\n")]
        assert (len(removed), len(others)) == (HELD // SERVERS, HELD - HELD // SERVERS)
        assert lb.descriptors() > 2 * HELD
        began = time.monotonic()
        lb.ask("remove", "app/ecs0", "--timeout", str(TIMEOUT))
        answered(clients, "still there?")
        assert time.monotonic() < began + TIMEOUT, "this machine is too slow for the test"
        cut = [side.ended(TIMEOUT + 10) for side in (*removed, *servers[0].sides)]
        receipt = lb.receipt()
        late = [end.at - monotonic_of(receipt["deadline"]) for end in cut]
        told(
            f"{len(removed)} of {HELD} connections cut, {2 * len(removed)} ends seen"
            f" {min(late) * 1000:+.1f} to {max(late) * 1000:+.1f} ms from the deadline;"
            f" the load balancer was done {(receipt['seconds'] - TIMEOUT) * 1000:.0f} ms after it"
        )
        assert min(end.at for end in cut) - began >= TIMEOUT
        assert max(late) <= LATENESS
        assert Counter(end.how for end in cut) == {"fin": 2 * len(removed)}
        assert (receipt["connections"], receipt["cut"]) == (len(removed), len(removed))
        answered(others, "and now?")
        assert not any(side.end for server in servers[1:] for side in server.sides)
        assert not any(client.end for client in others)


def short(address: Address) -> None:
    """One connection: a greeting, a line, its answer, and the end."""
    with socket.create_connection(address, timeout=10) as client:
        client.recv(100)
        client.sendall(b"x\n")
        client.recv(100)


def many(address: Address) -> None:
    """Connections all at the same time, each with a line and its answer."""
    clients = [socket.create_connection(address, timeout=10) for _ in range(AT_ONCE)]
    for client in clients:
        client.sendall(b"x\n")
    for client in clients:
        client.recv(100)
        client.close()


@pytest.mark.parametrize(
    ("what", "use", "times", "growth"),
    # How many of the many are really there at once differs, and the allocator keeps the most it needed.
    [("one by one", short, SHORT, 1 * MIB), ("at once", many, ROUNDS, 4 * MIB)],
)
def test_short_connections_leave_no_descriptor_and_no_memory(
    tmp_path: Path,
    watch: Watch,
    pair: tuple[Server, Server],
    what: str,
    use: Callable[[Address], None],
    times: int,
    growth: int,
) -> None:
    with Balancer(tmp_path, app({server.name: str(server) for server in pair})) as lb:
        address = lb.address
        descriptors = lb.descriptors()
        for _ in range(times // 10):
            use(address)
        first = lb.rss()
        began = time.monotonic()
        for _ in range(times - times // 10):
            use(address)
        seconds = time.monotonic() - began
        eventually(lambda: lb.descriptors() == descriptors, what=lambda: f"{lb.descriptors()} descriptors")
        told(
            f"{what}, {times} times, the last nine tenths in {seconds:.1f} s: resident memory"
            f" {first / MIB:.2f} MiB after a tenth, {lb.rss() / MIB:.2f} at the end;"
            f" {descriptors} descriptors before and after"
        )
        assert lb.rss() - first < growth
        assert lb.ask("connections") == []


def test_a_process_short_of_descriptors_serves_on_and_recovers(
    tmp_path: Path, watch: Watch, pair: tuple[Server, Server]
) -> None:
    """Connections beyond the limit wait or are closed; those that are served are not touched."""
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text, wrapper=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as lb:
        descriptors = lb.descriptors()
        first = watch.connect(lb.address)
        first.hear("\n")
        crowd = [watch.connect(lb.address) for _ in range(2 * LIMIT)]
        eventually(lambda: any(client.heard for client in crowd))
        lb.wait_for_log("no listener accepts")
        assert lb.descriptors() <= LIMIT
        answered([first], "still there?")
        for client in crowd:
            client.leave()
        for client in crowd:
            client.ended(20)
        answered([first], "and now?")
        first.leave()
        eventually(lambda: lb.descriptors() == descriptors, what=lambda: f"{lb.descriptors()} descriptors")
        client = watch.connect(lb.address)
        client.hear("\n")
        assert lb.log.count("no listener accepts") < 10, "it says so once"
