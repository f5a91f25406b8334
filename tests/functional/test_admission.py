"""Who may come in: what clients see that may not, what the operator sees, and what changes live."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.certificates import authority
from tests.functional.balancer import Balancer, app
from tests.functional.http_harness import Worker, curl, over, url, workers
from tests.functional.load import turned_away
from tests.functional.peers import Address, Server, Watch, asked, talking
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

KNOWN, BAD = "127.0.6.1", "127.0.5.1"
"""Addresses that clients connect from."""
DENY = "listeners.app.deny"
SLOW = "rate = { per_client = 0.01, per_client_burst = 2 }"
"""Whoever has come twice waits for 100 s, and so no test does."""
FLOOD = 300

Pair = tuple[Server, Server]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with workers(tmp_path_factory.mktemp("server"), "ecs01") as servers:
        yield servers[0]


def tcp(pair: Pair, listener: str) -> str:
    return app({server.name: str(server) for server in pair}, listener=listener)


def fetched(lb: Balancer, source: str) -> str:
    """The status that a client at `source` gets."""
    return curl("-o", "/dev/null", "-w", "%{http_code}", "--interface", source, url(lb))


def connect(address: Address, source: str) -> socket.socket:
    return socket.create_connection(address, 10, (source, 0))


def served(address: Address, source: str) -> bool:
    """Whether a server greets a new client at `source`; else it was closed without a word."""
    with connect(address, source) as client:
        try:
            return bool(client.recv(100))
        except ConnectionResetError:
            return False


def counted(lb: Balancer) -> dict[str, int]:
    (row,) = lb.ask("listeners")
    return dict(row["turned_away"])


def test_http_who_is_denied_gets_403_and_the_operator_sees_it(tmp_path: Path, server: Worker) -> None:
    log = tmp_path / "access.log"
    text = over([server], listener='deny = ["127.0.5.0/24"]') + f'[access_log]\npath = "{log}"\n'
    with Balancer(tmp_path, text) as lb:
        assert (fetched(lb, BAD), fetched(lb, KNOWN)) == ("403", "200")
        head = curl("-i", "--interface", BAD, "-d", "a body", url(lb))
        assert head.startswith("HTTP/1.1 403 Forbidden\r\n")
        assert "\r\nConnection: close\r\n" in head
        assert counted(lb) == lb.ask("status")["listeners"][0]["turned_away"] == {"denied": 2}
        eventually(lambda: len(log.read_text().splitlines()) == 3)
        ends = [json.loads(line)["end"] for line in log.read_text().splitlines()]
        assert sorted(ends) == ["denied", "denied", "done"]


def test_http_who_comes_too_often_gets_429(tmp_path: Path, server: Worker) -> None:
    with Balancer(tmp_path, over([server], listener=SLOW)) as lb:
        assert [fetched(lb, BAD) for _ in range(3)] == ["200", "200", "429"]
        assert fetched(lb, KNOWN) == "200"
        head = curl("-i", "--interface", BAD, url(lb))
        (wait,) = (line.split(": ")[1] for line in head.splitlines() if line.startswith("Retry-After"))
        assert 1 <= int(wait) <= 100
        lb.ask("set", "listeners.app.rate.per_client", "0")
        assert fetched(lb, BAD) == "200"
        assert counted(lb) == {"client_rate": 2}


def test_http_kept_connections_count_and_requests_do_not(tmp_path: Path, server: Worker) -> None:
    with Balancer(tmp_path, over([server], listener=f"max_connections_per_client = 1\n{SLOW}")) as lb:
        assert curl("-w", "%{num_connects} ", *[url(lb)] * 9).endswith("0 ")
        eventually(lambda: fetched(lb, "127.0.0.1") == "200")
        with connect(lb.address, KNOWN):
            eventually(lambda: fetched(lb, KNOWN) == "429")


def test_https_who_may_not_come_in_is_closed_before_the_handshake(tmp_path: Path, server: Worker) -> None:
    certificate, key = authority().write(tmp_path, "www")
    listener = f"""deny = ["127.0.5.0/24"]
max_connections_per_client = 1
certificates = [{{ certificate = "{certificate}", key = "{key}" }}]"""
    text = over([server], listener=listener).replace('protocol = "http"', 'protocol = "https"')
    with Balancer(tmp_path, text) as lb:
        secure = url(lb).replace("http:", "https:")
        with connect(lb.address, BAD) as client:
            assert client.recv(1) == b""
        with connect(lb.address, KNOWN):  # no handshake is made, and yet it counts
            curl("-k", "--interface", KNOWN, secure, status=35)
        assert curl("-k", secure) == "hello, this is ecs01\n"
        reasons = counted(lb)
        assert (reasons["denied"], reasons["client_limit"]) == (1, 1)


def test_rule_73_a_deny_that_is_set_live_is_for_the_next(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """rule 73"""
    with Balancer(tmp_path, tcp(pair, "")) as lb, talking(watch, lb.address, pair[0]) as talk:
        lb.ask("set", DENY, '["127.0.0.0/16"]')
        assert turned_away(watch, lb.address)
        talk.goes_on()
        lb.ask("set", "listeners.app.allow", '["127.0.0.1/32"]')
        assert turned_away(watch, lb.address)
        lb.ask("revert", DENY)
        assert asked(watch, lb.address) in ("ecs01", "ecs02")
        assert not served(lb.address, KNOWN)
        talk.goes_on()
        assert counted(lb) == {"denied": 3}


def test_a_client_with_too_many_connections_leaves_others_alone(tmp_path: Path, pair: Pair) -> None:
    """Others are served as before while one floods."""
    with Balancer(tmp_path, tcp(pair, "max_connections_per_client = 5")) as lb, ExitStack() as stack:
        kept = [stack.enter_context(connect(lb.address, BAD)) for _ in range(5)]
        assert all(client.recv(100) for client in kept)
        flood = [stack.enter_context(connect(lb.address, BAD)) for _ in range(FLOOD)]
        assert all(served(lb.address, KNOWN) for _ in range(5))
        for client in flood:
            assert client.recv(1) == b""
        assert counted(lb) == {"client_limit": FLOOD}
        (row,) = lb.ask("listeners")
        kept[0].close()
        eventually(lambda: served(lb.address, BAD))
        assert row["connections"] >= 5


def test_the_rate_of_all(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, tcp(pair, "rate = { total = 0.01, total_burst = 3 }")) as lb:
        came = [served(lb.address, f"127.0.6.{number}") for number in range(1, 6)]
        assert came == [True] * 3 + [False] * 2
        assert counted(lb) == {"total_rate": 2}


def test_ten_thousand_networks(tmp_path: Path, pair: Pair) -> None:
    """And a reload of the file with as many others."""
    networks = [f"127.{128 + number // 256}.{number % 256}.0/24" for number in range(10_000)]
    here = f"{networks[9_999].removesuffix('0/24')}7"
    with Balancer(tmp_path, tcp(pair, f"deny = {json.dumps(networks)}")) as lb:
        assert (served(lb.address, here), served(lb.address, KNOWN)) == (False, True)
        lb.configure(tcp(pair, f"deny = {json.dumps([*networks[:-1], '127.0.6.0/24'])}"))
        lb.ask("reload")
        assert (served(lb.address, here), served(lb.address, KNOWN)) == (True, False)
        assert counted(lb) == {"denied": 2}
