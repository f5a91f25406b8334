"""Clients that nobody here wrote: each asks as it is used to, and gets what the server said."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import websocket

from tests.functional.balancer import Balancer
from tests.functional.http_harness import Worker, Wrk, curl, output, over, program, url, workers
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

HELLO = "hello, this is ecs01\n"
UPLOAD = bytes(range(256)) * 4096
PICTURES = 60
JAVA = Path(__file__).with_name("http_post.java")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with workers(tmp_path_factory.mktemp("server"), "ecs01") as servers:
        yield servers[0]


@pytest.fixture(scope="module")
def lb(tmp_path_factory: pytest.TempPathFactory, server: Worker) -> Iterator[Balancer]:
    with Balancer(tmp_path_factory.mktemp("lb"), over([server])) as lb:
        yield lb


def assert_uploaded(told: dict[str, Any], body: bytes = UPLOAD) -> None:
    """What the server says that it was sent is `body`."""
    assert (told["method"], told["size"]) == ("POST", len(body))
    assert told["hash"] == hashlib.blake2b(body).hexdigest()


def test_curl(lb: Balancer, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(UPLOAD)
    kept = curl("-w", "%{num_connects} %{http_version}\n", url(lb), url(lb))
    assert kept == f"{HELLO}1 1.1\n{HELLO}0 1.1\n"
    old = curl("-0", "-i", url(lb))
    assert "Connection: keep-alive" not in old
    assert old.endswith(f"\r\n\r\n{HELLO}")
    head = curl("-I", url(lb))
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(HELLO)}\r\n" in head
    assert head.endswith("\r\n\r\n")
    part = curl("-i", "-r", "2-4", url(lb, "/file"))
    assert part.startswith("HTTP/1.1 206 ")
    assert "Content-Range: bytes 2-4/10\r\n" in part
    assert part.endswith("\r\n\r\n234")

    expecting = curl("-v", "-H", "Expect: 100-continue", "--data-binary", f"@{upload}", url(lb, "/echo"))
    assert expecting.index("< HTTP/1.1 100 Continue") < expecting.index("< HTTP/1.1 200 OK")
    told = json.loads(expecting[expecting.index('{"method"') : expecting.rindex("}") + 1])
    assert_uploaded(told)
    assert told["fields"]["content-length"] == str(len(UPLOAD))
    told = json.loads(curl("-X", "POST", "-T", "-", url(lb, "/echo"), given=UPLOAD))
    assert_uploaded(told)
    assert told["fields"]["transfer-encoding"] == "chunked"


def test_curl_offers_http_2(lb: Balancer) -> None:
    """RFC 9110, 7.8: who does not know what is offered goes on in HTTP/1.1. The server is told nothing."""
    for words in (["-X", "GET"], ["--data-binary", "a body"]):
        answer = curl("--http2", "-w", "\n%{http_version}", *words, url(lb, "/echo"))
        body, _, version = answer.rpartition("\n")
        told = json.loads(body)
        assert version == "1.1"
        assert {"upgrade", "http2-settings", "connection"} & set(told["fields"]) == set()
    assert_uploaded(told, b"a body")


def test_java_offers_http_2_with_a_post(lb: Balancer) -> None:
    """java.net.http.HttpClient does so unless it is told not to."""
    answer = output("java", str(JAVA), url(lb, "/echo"), seconds=60)
    version, _, body = answer.partition("\n")
    assert version == "HTTP_1_1 200"
    told = json.loads(body)
    assert_uploaded(told, b"a body " * 1000)
    assert {"upgrade", "http2-settings", "connection"} & set(told["fields"]) == set()


def test_wrk(lb: Balancer, server: Worker) -> None:
    before = len(server.requests)
    with Wrk(url(lb), 1) as wrk:
        wrk.ends()
    assert wrk.errors == []
    assert 0 < wrk.requests <= len(server.requests) - before <= wrk.requests + wrk.CONNECTIONS


def test_ab_keeps_connections_in_http_1_0(lb: Balancer) -> None:
    told = output("ab", "-q", "-k", "-c", "8", "-n", "400", url(lb))
    counts = dict(re.findall(r"^([A-Z][\w -]+): +(\d+)", told, re.MULTILINE))
    assert (counts["Complete requests"], counts["Failed requests"]) == ("400", "0")
    assert counts["Keep-Alive requests"] == "400"
    assert "Non-2xx" not in told


def test_requests(lb: Balancer) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(url(lb), timeout=10).text == HELLO
        pieces = (UPLOAD[at : at + 10_000] for at in range(0, len(UPLOAD), 10_000))
        assert_uploaded(session.post(url(lb, "/echo"), data=pieces, timeout=10).json())
        assert_uploaded(session.post(url(lb, "/echo"), data=UPLOAD, timeout=10).json())
        assert session.head(url(lb), timeout=10).headers["Content-Length"] == str(len(HELLO))
        with session.get(url(lb, "/events/3/0.01"), stream=True, timeout=10) as events:
            assert [line for line in events.iter_lines() if line] == [b"data: 1", b"data: 2", b"data: 3"]


def test_aiohttp(lb: Balancer) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession(url(lb)) as session:

            async def ask() -> str:
                async with session.get("/") as answer:
                    return await answer.text()

            assert await asyncio.gather(*(ask() for _ in range(100))) == [HELLO] * 100
            async with session.post("/echo", data=UPLOAD, expect100=True) as answer:
                assert_uploaded(await answer.json())
            async with session.ws_connect("/websocket") as talk:
                await talk.send_str("hello")
                assert await talk.receive_str() == "ecs01: hello"

    asyncio.run(run())


def test_websocket_client(lb: Balancer) -> None:
    talk = websocket.create_connection(url(lb, "/websocket").replace("http:", "ws:"), timeout=10)
    for text in ("hello", "x" * 100_000, ""):
        talk.send(text)
        assert talk.recv() == f"ecs01: {text}"
    talk.ping()
    talk.close()
    eventually(lambda: lb.ask("connections") == [])


def test_chromium(lb: Balancer, server: Worker, tmp_path: Path) -> None:
    """A page with many pictures, which then talks over a WebSocket."""
    command = [program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    profile = tmp_path / "profile"
    with (tmp_path / "chromium.txt").open("wb") as said:
        browser = subprocess.Popen(
            [
                *command,
                f"--user-data-dir={profile}",
                "--remote-debugging-port=0",
                url(lb, f"/page/{PICTURES}"),
            ],
            stdout=said,
            stderr=said,
            env={**os.environ, "HOME": str(tmp_path)},
            start_new_session=True,
        )
    report = f"/report?loaded={PICTURES}&heard=3"
    try:
        eventually(lambda: any(each.target.startswith("/report") for each in server.requests), 30)
        assert report in {each.target for each in server.requests}
        (talk,) = (row for row in lb.ask("connections") if row["protocol"] == "websocket")
        assert (talk["path"], talk["server"].partition("#")[0]) == ("/websocket", "app/ecs01")
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
