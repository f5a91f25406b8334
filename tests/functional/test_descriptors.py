"""Few descriptors and many clients: it serves what it can, says why, and recovers when they leave."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer, app
from tests.functional.peers import Address, Server, Watch, asked
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

DESCRIPTORS = 256
CLIENTS = 1000
FEW = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")

Pair = tuple[Server, Server]
ENDPOINTS = {"own": f"{HOST}:0", "twisted": f"tcp:0:interface={HOST}:backlog=4096"}


def cpu(lb: Balancer) -> float:
    """Seconds of it that the process has had."""
    fields = Path(f"/proc/{lb.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def clients_at_once(lb: Balancer) -> int:
    found = re.search(r"(\d+) clients at once", lb.log)
    assert found
    return int(found[1])


@contextmanager
def crowd(address: Address) -> Iterator[list[socket.socket]]:
    """More clients than there may be; each waits to be greeted."""
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address, 10)) for _ in range(CLIENTS)]
        for client in clients:
            client.setblocking(False)
        yield clients


def greeted(clients: list[socket.socket]) -> list[socket.socket]:
    """Those of them that a server has greeted."""
    return [client for client in clients if _hears(client)]


def _hears(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_more_clients_than_descriptors(tmp_path: Path, pair: Pair, watch: Watch, kind: str) -> None:
    text = app({server.name: str(server) for server in pair}, endpoint=ENDPOINTS[kind])
    with Balancer(tmp_path, text, wrapper=FEW) as lb:
        limit = clients_at_once(lb)
        assert 64 <= limit < DESCRIPTORS / 2
        before = lb.descriptors()
        with crowd(lb.address) as clients:
            eventually(lambda: len(greeted(clients)) == limit, what=lambda: f"{len(greeted(clients))}")
            why = f"{limit} clients are connected, and the limit of open descriptors is {DESCRIPTORS}"
            (listener,) = lb.ask("listeners")
            assert (listener["state"], listener["connections"]) == ("listening (full)", limit)
            assert why in listener["problem"]
            assert [why in problem for problem in lb.ask("status")["problems"]].count(True) == 1
            assert lb.log.count(why) == 1
            used, began = cpu(lb), time.monotonic()
            time.sleep(1)
            assert cpu(lb) - used < 0.3 * (time.monotonic() - began)  # it does not spin
            assert lb.descriptors() <= DESCRIPTORS - 32
            for client in greeted(clients)[: limit // 2]:
                clients.remove(client)
                client.close()
            eventually(lambda: len(greeted(clients)) == limit)  # those who waited come in
        eventually(lambda: lb.ask("listeners")[0]["state"] == "listening", 20)
        assert asked(watch, lb.address) in {"ecs01", "ecs02"}
        eventually(lambda: lb.descriptors() <= before + 2)
        assert "Too many open files" not in lb.log


def test_fewer_clients_are_asked_for_and_more(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text.replace("[load_balancer]", "[load_balancer]\nmax_connections = 1")) as lb:
        first, second = watch.connect(lb.address), watch.connect(lb.address)
        first.hear("hello")
        lb.wait_for_log("load_balancer.max_connections is 1")
        assert not second.heard
        lb.ask("set", "load_balancer.max_connections", "2")
        second.hear("hello")
        for client in (first, second):
            client.leave()
            client.ended()
