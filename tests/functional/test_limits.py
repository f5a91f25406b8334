"""Who gets a client when servers are full, stand by, weigh nothing, or are the client's own."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, section
from tests.functional.load import client_of, talks, turned_away
from tests.functional.peers import Address, Server, Watch, asked

pytestmark = [pytest.mark.functional, pytest.mark.slow]

QUEUE_TIMEOUT = 1.0
LATENESS = 0.3
"""Seconds: the sweep of timeouts is exact to 0.1 s."""
FORGET = 1.5
"""Seconds after which a client that has not come again is not known any more."""

Pair = tuple[Server, Server]


def over(servers: Mapping[Server, str], group: str = "") -> str:
    """One group; `servers` with their further keys."""
    table = (f'{each.name} = {{ address = "{each}"{keys} }}\n' for each, keys in servers.items())
    return "[load_balancer]\nshutdown_timeout = 0\n" + section({}, group=group) + "".join(table)


def asked_from(source: str, address: Address) -> str:
    """The name of the server that a new client at `source` gets."""
    with socket.create_connection(address, 10, (source, 0)) as client:
        return client.recv(100).decode().split()[-1]


def test_source_ip_persistence(tmp_path: Path, pair: Pair) -> None:
    """And rule 10: a server that takes nothing new loses its clients to others."""
    servers = dict.fromkeys(pair, ", weight = 100")
    keys = f'[server_groups.app.session_persistence]\ntype = "source_ip"\ntimeout = {FORGET}'
    sources = [f"127.0.5.{number}" for number in range(1, 7)]
    with Balancer(tmp_path, over(servers, keys)) as lb:
        first = [asked_from(source, lb.address) for source in sources]
        assert set(first) == {"ecs01", "ecs02"}
        for _ in range(3):
            assert [asked_from(source, lb.address) for source in reversed(sources)] == first[::-1]
        lb.ask("drain", "app/ecs01")
        assert {asked_from(source, lb.address) for source in sources} == {"ecs02"}
        lb.ask("ready", "app/ecs01")
        assert {asked_from(source, lb.address) for source in sources} == {"ecs02"}
        time.sleep(FORGET)
        assert {asked_from(source, lb.address) for source in sources} == {"ecs01", "ecs02"}


def test_a_queue_before_full_servers(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    keys = f"max_queue = 2\nqueue_timeout = {QUEUE_TIMEOUT}"
    with Balancer(tmp_path, over(dict.fromkeys(pair, ", max_connections = 1"), keys)) as lb:
        served = [client_of(server.name, watch, lb.address) for server in pair]
        rows = lb.ask("servers")
        assert [(row["reason"], row["connections"]) for row in rows] == [("full", 1)] * 2
        first, second = watch.connect(lb.address), watch.connect(lb.address)
        queued = time.monotonic()
        assert turned_away(watch, lb.address)
        assert (first.end, second.end) == (None, None)
        served[1].leave()
        first.hear("hello, this is ecs02\n")
        assert second.ended().at - queued == pytest.approx(QUEUE_TIMEOUT, abs=LATENESS)
        assert second.heard == b""
        talks(served[0])
        for client in (served[0], first):
            client.leave()
            client.ended()
        assert {asked(watch, lb.address) for _ in range(2)} == {"ecs01", "ecs02"}


def test_a_backup_is_used_while_there_is_no_other(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    spare = Server("spare", watch)
    with Balancer(tmp_path, over({**dict.fromkeys(pair, ""), spare: ", backup = true"})) as lb:
        assert {asked(watch, lb.address) for _ in range(6)} == {"ecs01", "ecs02"}
        assert lb.state("app/spare")["reason"] == "standby"
        lb.ask("drain", "app/ecs01", "app/ecs02", "--force")
        assert {asked(watch, lb.address) for _ in range(2)} == {"spare"}
        kept = client_of("spare", watch, lb.address)
        lb.ask("ready", "app/ecs02")
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02"}
        talks(kept)


def test_weight_0_gets_nothing_new_and_starts_no_drain(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over({pair[0]: ", weight = 0", pair[1]: ""})) as lb:
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs02"}
        kept = client_of("ecs02", watch, lb.address)
        lb.ask("weight", "app/ecs01", "50")
        lb.ask("weight", "app/ecs02", "0")
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01"}
        row = lb.state("app/ecs02")
        assert (row["state"], row["reason"], row["connections"]) == ("healthy", "weight_zero", 1)
        talks(kept)
        assert lb.ask("drains") == []
