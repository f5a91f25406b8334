"""SIGTERM under load, downloads and WebSockets: no error but what the rules name, and each is counted."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from datetime import datetime
from http.client import IncompleteRead
from pathlib import Path

import pytest
import websocket

from tests.functional.accounts import LOG, Line, Scrape, answered, lines_of, statuses
from tests.functional.balancer import Balancer
from tests.functional.http_harness import Asked, Worker, Wrk, over, program, url, workers
from tests.functional.process import PATIENCE
from tests.functional.test_status import STATUS
from tests.functional.waiting import LATENESS, eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

WRK_SECONDS = 4
SHUTDOWN_TIMEOUT = 3.0
DOWNLOADS = 10
SHORT = "/drip/10/0.1"
"""A second: whole before the deadline."""
LONG = "/drip/600/0.1"
GOING_AWAY = 1001
PARTIAL_FILE = 18
"""How curl ends where a body is not whole."""
CLOCK = 0.01
"""Seconds by which the end of a request may differ from what its line says."""
_RECEIPT = re.compile(
    r"drain of load balancer \S+ ended: (\w+) .*?, "
    r"(\d+) connections = (\d+) finished \+ (\d+) cut(?: \([^)]*\))? \+ (\d+) kept"
)


def receipt(lb: Balancer) -> tuple[str, int, int, int, int]:
    """That of the shutdown: outcome, connections, finished, cut, kept."""
    found = _RECEIPT.search(lb.log)
    assert found, lb.log
    connections, finished, cut, kept = map(int, found.groups()[1:])
    return found[1], connections, finished, cut, kept


def tunnel(lb: Balancer) -> websocket.WebSocket:
    """A WebSocket that has been answered."""
    host, port = lb.address
    opened = websocket.create_connection(f"ws://{host}:{port}/websocket", timeout=10)
    opened.send("first")
    assert str(opened.recv()).endswith(": first")
    return opened


def under_way(servers: list[Worker], target: str, count: int) -> None:
    """So many requests have come to the servers."""
    eventually(lambda: sum(each.target == target for s in servers for each in s.requests) >= count)


def assert_only_connects_failed(wrk: Wrk) -> None:
    wrk.ends()
    # wrk tells a refused connect when it first writes.
    assert set(+wrk.socket_errors) <= {"connect", "write"}
    assert [error for error in wrk.errors if not error.startswith("Socket errors")] == []


def test_rule_70_all_that_ends_in_time_is_whole_and_the_rest_is_cut_by_the_rules(tmp_path: Path) -> None:
    """Rules 6, 7 and 51 for what is left at the deadline; the receipt has each of them."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=SHUTDOWN_TIMEOUT)) as lb,
        Wrk(f"http://{lb.address[0]}:{lb.address[1]}/", WRK_SECONDS) as wrk,
    ):
        leaves, stays = tunnel(lb), tunnel(lb)
        short = [Asked(lb.address, SHORT) for _ in range(DOWNLOADS)]
        long = [Asked(lb.address, LONG) for _ in range(DOWNLOADS)]
        under_way(servers, SHORT, DOWNLOADS)
        under_way(servers, LONG, DOWNLOADS)
        began = time.monotonic()
        lb.signal(signal.SIGTERM)
        lb.wait_for_log("drain of load balancer")
        for each in (leaves, stays):
            each.send("second")
            assert str(each.recv()).endswith(": second")
        leaves.close()
        opcode, frame = stays.recv_data()
        assert (opcode, int.from_bytes(frame[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, GOING_AWAY)
        assert SHUTDOWN_TIMEOUT <= time.monotonic() - began <= SHUTDOWN_TIMEOUT + 3 * LATENESS
        stays.shutdown()
        assert lb.wait() == 0
        assert time.monotonic() - began <= SHUTDOWN_TIMEOUT + 2
        for asked in (*short, *long):
            asked.ends()
        assert [(asked.status, len(asked.body), asked.error) for asked in short] == [
            (200, 10, None)
        ] * DOWNLOADS
        assert [(asked.status, type(asked.error)) for asked in long] == [(200, IncompleteRead)] * DOWNLOADS
        outcome, connections, finished, cut, kept = receipt(lb)
        assert (outcome, cut, kept) == ("cut", DOWNLOADS + 1, 0)
        assert f"(responses cut {DOWNLOADS}, tunnels closed 1)" in lb.log
        assert connections == finished + cut
        assert finished >= DOWNLOADS + 1  # and what wrk had under way
        assert_only_connects_failed(wrk)


def test_rule_70_it_ends_when_the_last_download_does(tmp_path: Path) -> None:
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=60)) as lb,
        Wrk(f"http://{lb.address[0]}:{lb.address[1]}/", WRK_SECONDS) as wrk,
    ):
        short = [Asked(lb.address, SHORT) for _ in range(DOWNLOADS)]
        under_way(servers, SHORT, DOWNLOADS)
        lb.signal(signal.SIGTERM)
        for asked in short:
            asked.ends()
        ended = time.monotonic()
        assert lb.wait() == 0
        # A client that was told the last time reads its end, and has 1 s more for it (rule 71).
        assert time.monotonic() - ended < 3
        assert [(asked.status, len(asked.body)) for asked in short] == [(200, 10)] * DOWNLOADS
        outcome, connections, finished, cut, kept = receipt(lb)
        assert (outcome, cut, kept) == ("completed", 0, 0)
        assert connections == finished
        assert_only_connects_failed(wrk)


def test_rule_70_in_the_lame_duck_no_request_fails(tmp_path: Path) -> None:
    with workers(tmp_path, "ecs01", "ecs02") as servers:
        text = over(servers, shutdown_timeout=60).replace(
            "[load_balancer]", "[load_balancer]\nlame_duck = 30"
        )
        with Balancer(tmp_path, text) as lb:
            wrk = Wrk(f"http://{lb.address[0]}:{lb.address[1]}/", 2)
            lb.signal(signal.SIGTERM)
            lb.wait_for_note("STOPPING=1")
            with wrk:
                wrk.ends()
            assert (wrk.errors, wrk.requests > 100) == ([], True)
            lb.signal(signal.SIGTERM)
            assert lb.wait() == 0


def download(lb: Balancer, target: str) -> subprocess.Popen[str]:
    """By curl; it prints the status."""
    words = (program("curl"), "-sS", "-o", "/dev/null", "-w", "%{http_code}", url(lb, target))
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def ended(line: Line) -> float:
    """When it had ended, in seconds since 1970."""
    return datetime.fromisoformat(line["time"]).timestamp() + float(line["total_ms"]) / 1000


def test_rule_70_receipt_access_log_and_metrics_agree_to_the_last_connection(tmp_path: Path) -> None:
    """Rule 64 for the whole: what was live when it began to leave or came then, has finished or was cut."""
    with (
        workers(tmp_path, "ecs01", "ecs02") as servers,
        Balancer(tmp_path, over(servers, shutdown_timeout=SHUTDOWN_TIMEOUT) + LOG + STATUS) as lb,
        Wrk(url(lb), WRK_SECONDS) as wrk,
    ):
        stays = tunnel(lb)
        short, long = ([download(lb, target) for _ in range(DOWNLOADS)] for target in (SHORT, LONG))
        under_way(servers, SHORT, DOWNLOADS)
        under_way(servers, LONG, DOWNLOADS)
        lb.signal(signal.SIGTERM)
        eventually(lambda: Scrape(lb).value("drain_current_connections") == DOWNLOADS + 1)
        scrape = Scrape(lb)
        assert lb.wait() == 0
        stays.shutdown()
        for curls, status in ((short, 0), (long, PARTIAL_FILE)):
            assert [(curl.communicate(timeout=PATIENCE)[0], curl.returncode) for curl in curls] == [
                ("200", status)
            ] * DOWNLOADS
        assert_only_connects_failed(wrk)
        outcome, connections, finished, cut, kept = receipt(lb)
    lines = lines_of(tmp_path / "access.log")
    assert (outcome, connections, kept) == ("cut", finished + cut, 0)
    assert scrape.value("listener_connections_total") == len(lines)
    assert scrape.value("drain_finished_connections") == finished
    assert scrape.value("drain_current_connections") == cut
    assert answered(scrape, "app") == statuses(lines)
    assert {line["end"] for line in lines} == {"done", "shutdown_cut"}
    assert sum(line["end"] == "shutdown_cut" for line in lines) == cut
    # The servers were sent each of them, once; wrk has seen the answers of all that it sent.
    assert len(lines) == sum(len(server.requests) for server in servers)
    assert wrk.requests == sum(line["target"] == "/" for line in lines)
    began = scrape.value("drain_start_timestamp_seconds")
    later, sooner = (sum(ended(line) >= began + error for line in lines) for error in (CLOCK, -CLOCK))
    assert later <= connections <= sooner
