"""What share of real connections each server gets, against what it is due."""

from __future__ import annotations

import math
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app, section
from tests.functional.load import Load
from tests.functional.peers import Address, Server, Watch
from tests.functional.scale import FULL, scaled, told

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CONNECTIONS = scaled(10_000, 800)
OPEN = 100
"""Connections at once, so that it is seen what counts them: the oldest is closed for each new one."""
WEIGHTS = {"ecs01": 1, "ecs02": 2, "ecs03": 5}
EVEN = dict.fromkeys(WEIGHTS, 1)
DUE = {
    "wrr": WEIGHTS,
    "wlc": WEIGHTS,
    "rr": EVEN,
    "lc": EVEN,
    "random": WEIGHTS,
    "source_hash": WEIGHTS,
    "maglev": WEIGHTS,
}
"""Each scheduler's weights, as it takes them."""
BY_SOURCE = ("source_hash", "maglev")
COUNTING = ("wlc", "lc")
SLOW_START = 30
"""Seconds."""
STEP = 3
"""Seconds over which connections are counted."""


def groups(servers: list[Server]) -> str:
    """One for each scheduler, over the same servers."""
    weighed = {server.name: str(server) for server in servers}
    texts = []
    for name, host in zip(DUE, hosts(), strict=False):
        text = section({}, name=name, endpoint=f"{host}:0", group=f'scheduler = "{name}"')
        table = [
            f'{server} = {{ address = "{address}", weight = {WEIGHTS[server]} }}\n'
            for server, address in weighed.items()
        ]
        texts.append(text + "".join(table))
    return "[load_balancer]\nshutdown_timeout = 0\n" + "".join(texts)


def hosts() -> Iterator[str]:
    return (f"127.0.2.{number}" for number in count(1))


def sources() -> Iterator[str]:
    """Addresses of many clients."""
    return (f"127.3.{number // 250}.{1 + number % 250}" for number in count())


def given(address: Address, clients: Iterator[str]) -> list[str]:
    """Whose greeting each client gets, from addresses of their own."""
    names = []
    opened: deque[socket.socket] = deque()
    for source in clients:
        client = socket.create_connection(address, 10, (source, 0))
        names.append(client.recv(100).decode().split()[-1])
        opened.append(client)
        if len(opened) > OPEN:
            opened.popleft().close()
    for client in opened:
        client.close()
    return names


def tolerance(scheduler: str, share: float) -> float:
    """Connections that a server may be off its share: one of a cycle where they are given in turn, some
    where it depends on when the oldest is closed, five standard deviations where chance decides."""
    if scheduler in COUNTING:
        return CONNECTIONS / 50
    if scheduler in (*BY_SOURCE, "random"):
        return 5 * math.sqrt(CONNECTIONS * share * (1 - share))
    return 1


def test_shares(tmp_path: Path, watch: Watch) -> None:
    servers = [Server(name, watch) for name in WEIGHTS]
    with Balancer(tmp_path, groups(servers)) as lb:
        for (scheduler, weights), host in zip(DUE.items(), hosts(), strict=False):
            address = host, lb.port(host)
            names = given(address, islice(sources(), CONNECTIONS))
            got = Counter(names)
            told(f"{scheduler}: {', '.join(f'{server} {got[server]}' for server in WEIGHTS)}")
            for server, weight in weights.items():
                share = weight / sum(weights.values())
                assert got[server] == pytest.approx(CONNECTIONS * share, abs=tolerance(scheduler, share))
            if scheduler in BY_SOURCE:
                assert given(address, islice(sources(), OPEN)) == names[:OPEN]


@pytest.mark.skipif(not FULL, reason="30 s is the shortest slow start: LBTWIST_FULL=1")
def test_slow_start_rises_linearly(tmp_path: Path, pair: tuple[Server, Server], watch: Watch) -> None:
    text = app({server.name: str(server) for server in pair}, group=f"slow_start = {SLOW_START}")
    with Balancer(tmp_path, text) as lb:
        lb.ask("drain", "app/ecs02")
        with Load(watch, lb.address) as load:
            load.goes_on()
            lb.ask("ready", "app/ecs02")
            began = time.monotonic()
            assert lb.state("app/ecs02")["reason"] == "slow_start"
            time.sleep(SLOW_START + STEP)
            load.stop()
        assert lb.state("app/ecs02")["reason"] == "no_health_check"
        for start in range(0, SLOW_START + STEP, STEP):
            got = load.servers(began + start, began + start + STEP)
            ramp = min(1.0, (start + STEP / 2) / SLOW_START)
            due = got.total() * ramp / (1 + ramp)
            told(f"{start}–{start + STEP} s: {got['ecs02'] / STEP:.1f} connections/s, due {due / STEP:.1f}")
            assert got["ecs02"] == pytest.approx(due, abs=got.total() / 50)
