"""Much data through a relay, faster sent than read: memory stays, and every byte arrives."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer, app
from tests.functional.bulk import Flow
from tests.functional.scale import MIB, scaled, told
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SIZE = scaled(1024 * MIB, 64 * MIB)
LITTLE = 1 * MIB + 1
GROWTH = 10 * MIB
PATIENCE = scaled(300.0, 30.0)


def listening(kind: str, directory: Path) -> tuple[socket.socket, str]:
    """A server's listening socket, and its address as a configuration has it."""
    if kind == "unix":
        path = directory / "server"
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        return server, f"unix:{path}"
    if kind == "ipv6":
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
        return server, f"[::1]:{server.getsockname()[1]}"
    server = socket.create_server((HOST, 0))
    return server, f"{HOST}:{server.getsockname()[1]}"


def endpoint(kind: str, directory: Path) -> str:
    return {"unix": f"unix:{directory / 'lb'}", "ipv6": "[::1]:0", "ipv4": f"{HOST}:0"}[kind]


def connected(kind: str, directory: Path, lb: Balancer) -> socket.socket:
    if kind == "unix":
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(directory / "lb"))
        return client
    host = "::1" if kind == "ipv6" else HOST
    return socket.create_connection((host, lb.port(host)), timeout=PATIENCE)


@pytest.mark.parametrize("kind", ["ipv4", "ipv6", "unix"])
def test_rule_2_a_slow_reader_gets_everything_and_costs_no_memory(tmp_path: Path, kind: str) -> None:
    """Also where one side ends early: the other way goes on."""
    listener, address = listening(kind, tmp_path)
    text = app({"ecs01": address}, endpoint=endpoint(kind, tmp_path))
    with listener, Balancer(tmp_path, text) as lb:
        for there, back in ((SIZE, SIZE), (LITTLE, SIZE), (SIZE, LITTLE)):
            with connected(kind, tmp_path, lb) as client:
                server, _ = listener.accept()
                with server:
                    server.settimeout(PATIENCE)
                    flows = Flow(client, server, there), Flow(server, client, back)
                    growth = run(flows, lb)
            told(
                f"{kind}: {there / MIB:.0f} MiB there and {back / MIB:.0f} MiB back,"
                f" resident memory grew by {growth / MIB:.2f} MiB at most"
            )
            for flow in flows:
                assert flow.error is None
                assert flow.received == flow.size
                assert flow.received_hash == flow.sent_hash
            if there != back:
                early, late = sorted(flows, key=lambda flow: flow.size)
                assert early.ended_at < late.sent_at, "the end of one way waited for the other way"
            assert growth < GROWTH
        eventually(lambda: lb.ask("connections") == [])


def run(flows: Sequence[Flow], lb: Balancer) -> int:
    """Let them flow to their ends; returns by how much resident memory grew at most."""
    before = most = lb.rss()
    for flow in flows:
        flow.start()

    def over() -> bool:
        nonlocal most
        most = max(most, lb.rss())
        return all(flow.over for flow in flows)

    eventually(over, PATIENCE)
    return most - before
