"""The status page of a real process, as curl, Prometheus and a browser ask it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.functional.balancer import HOST, Balancer, app
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]
STATUS_HOST = "127.0.0.3"
"""An address of its own, so that its port is found among the listening ones."""
STATUS = f'[status]\nendpoint = "{STATUS_HOST}:0"\n'


def get(lb: Balancer, path: str, **headers: str) -> tuple[int, str]:
    """Status and body."""
    request = urllib.request.Request(f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def value(lb: Balancer, name: str, **labels: str) -> float:
    """Of all series with these labels, in sum."""
    _, text = get(lb, "/metrics")
    return sum(
        sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_what_it_tells_while_a_server_drains_and_the_process_leaves(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    text = app({server.name: str(server) for server in pair}, shutdown_timeout=60) + STATUS
    with Balancer(tmp_path, text) as lb:
        assert get(lb, "/healthz") == (200, "it runs\n")
        assert get(lb, "/readyz") == (200, "ready\n")
        with talking(watch, lb.address, pair[0]) as talk:
            assert value(lb, "lbtwist_server_current_connections", server="ecs01") == 1
            lb.ask("remove", "app/ecs01", "--timeout", "never")
            assert value(lb, "lbtwist_server_state", server="ecs01", state="draining") == 1
            assert value(lb, "lbtwist_drain_current_connections") == 1
            assert value(lb, "lbtwist_live_changes") == 1
            talk.goes_on()
            talk.leave()
        eventually(lambda: value(lb, "lbtwist_drains_total", outcome="completed") == 1)
        assert 'server="ecs01"' not in get(lb, "/metrics")[1]
        assert value(lb, "lbtwist_group_connect_duration_seconds_count") == 1
        status = json.loads(get(lb, "/status.json")[1])
        (receipt,) = status["receipts"]
        assert (receipt["outcome"], receipt["connections"], receipt["finished"]) == ("completed", 1, 1)
        with talking(watch, lb.address, pair[1]) as talk:
            lb.signal(signal.SIGTERM)
            eventually(lambda: get(lb, "/readyz")[0] == 503)
            assert get(lb, "/healthz")[0] == 200
            assert value(lb, "lbtwist_leaving") == 1
            talk.goes_on()
            talk.leave()
        assert lb.wait() == 0


def test_curl_follows_the_events(tmp_path: Path, pair: Pair) -> None:
    text = app({server.name: str(server) for server in pair}) + STATUS
    with Balancer(tmp_path, text) as lb:
        url = f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}/events"
        with subprocess.Popen(["curl", "-sN", url], stdout=subprocess.PIPE, text=True) as curl:
            assert curl.stdout is not None
            lb.ask("drain", "app/ecs01")
            heard = ""
            while "event: figures" not in heard or "drain" not in heard:
                heard += curl.stdout.readline()
            curl.terminate()
        assert "event: snapshot" in heard


def test_a_foreign_name_a_post_and_an_endless_head_get_nothing(tmp_path: Path, pair: Pair) -> None:
    with Balancer(tmp_path, app({"ecs01": str(pair[0])}) + STATUS) as lb:
        assert get(lb, "/metrics", Host="evil.example")[0] == 421
        url = f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}/status.json"
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(url, data=b"x", timeout=10)
        with socket.create_connection((STATUS_HOST, lb.port(STATUS_HOST)), timeout=10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 1000)
            assert client.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_an_endpoint_that_is_taken_stops_the_start_with_one_line(tmp_path: Path, pair: Pair) -> None:
    with socket.create_server((STATUS_HOST, 0)) as taken:
        text = STATUS.replace(":0", f":{taken.getsockname()[1]}")
        lb = Balancer(tmp_path, app({"ecs01": str(pair[0])}) + text)
        with pytest.raises(AssertionError, match=r"twistd lb: status: 127\.0\.0\.3:\d+ can't be opened"), lb:
            pass
    assert lb.notes == []
    assert lb.wait() == 1


def echo(listening: socket.socket) -> None:
    """Answer one client with what it says, until it goes."""
    connection, _ = listening.accept()
    with connection:
        while data := connection.recv(64):
            connection.sendall(data)


def longest(client: socket.socket, seconds: float = 0.5) -> float:
    """The longest of the round trips that can be made in so many seconds."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        client.sendall(b"?")
        assert client.recv(1) == b"?"
        took.append(time.monotonic() - begun)
    return max(took)


def calm(client: socket.socket) -> float:
    """`longest` of the calmest of some half seconds: what scrapes do to traffic they do in each, many times;
    what else the machine does is not in all."""
    return min(longest(client) for _ in range(8))


def test_scrapes_of_500_servers_hold_traffic_up_for_less_than_20_ms(tmp_path: Path) -> None:
    many = "\n".join(f's{n} = "127.0.1.{n % 250 + 1}:{9000 + n}"' for n in range(500))
    with socket.create_server((HOST, 0)) as listening:
        Thread(target=echo, args=(listening,), daemon=True).start()
        one = app({"ecs01": f"{HOST}:{listening.getsockname()[1]}"})
        with Balancer(tmp_path, f"{one}\n[server_groups.many.servers]\n{many}\n{STATUS}") as lb:
            url = f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}/metrics?[1-100000]"
            with socket.create_connection(lb.address, timeout=10) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                quiet = calm(client)
                curl = ["curl", "-sf", "-o", str(tmp_path / "scraped"), url]
                with subprocess.Popen(curl, stdout=subprocess.DEVNULL) as scraping:
                    busy = calm(client)
                    assert scraping.poll() is None
                    scraping.terminate()
        assert (tmp_path / "scraped").read_text().count("lbtwist_server_weight{") > 0
        assert busy - quiet < 0.02
