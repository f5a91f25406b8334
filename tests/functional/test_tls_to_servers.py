"""Servers that are spoken to over TLS, by clients of every kind and by checks; and those refused."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import websocket

from tests.certificates import DAY, Issued, authority, issue
from tests.functional.balancer import Balancer, app
from tests.functional.checked import becomes, health_check
from tests.functional.http_harness import Worker, curl, http_app, program, url, workers
from tests.functional.peers import Server, Watch
from tests.functional.tls_front import TLSFront
from tests.functional.waiting import eventually

pytestmark = pytest.mark.functional

HERE = "127.0.0.1"
NAME = "app.example.com"
TLS = 'tls = true\ntls_ca = "ca.pem"\n'
GREETING = b"hello, this is ecs01\n"
LARGE = 3 * 1024 * 1024


@pytest.fixture
def ours(tmp_path: Path) -> Issued:
    """An authority that `ca.pem` names."""
    ours = authority()
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    return ours


@contextmanager
def fronted(
    tmp_path: Path, ours: Issued, worker: Worker, group: str = "", asks: Path | None = None
) -> Iterator[tuple[Balancer, TLSFront]]:
    """A balancer of http over TLS before `worker`."""
    with TLSFront(issue(ours, [HERE, NAME]), tmp_path, (worker.host, worker.port), asks=asks) as front:
        text = http_app({"ecs01": str(front)}, group=TLS + group)
        with Balancer(tmp_path, text) as lb:
            yield lb, front


def get(lb: Balancer, target: str = "/", body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url(lb, target), body, timeout=30) as answer:
        return bytes(answer.read())


def test_requests_and_websockets_go_over_tls(tmp_path: Path, ours: Issued) -> None:
    with workers(tmp_path, "ecs01") as [worker], fronted(tmp_path, ours, worker) as (lb, front):
        body = bytes(range(256)) * (LARGE // 256)
        assert [get(lb), get(lb, "/mirror", body), get(lb)] == [GREETING, body, GREETING]
        # One connection for all of them: what is idle is kept, as without TLS.
        assert front.met == [(None, False, "")]
        talk = websocket.create_connection(url(lb, "/websocket").replace("http:", "ws:"), timeout=30)
        for word in ("one", "two"):
            talk.send(word)
            assert talk.recv() == f"ecs01: {word}"
        lb.ask("remove", "app/ecs01", "--timeout", "0", "--force")
        opcode, data = talk.recv_data(control_frame=True)
        assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1001)
        talk.shutdown()
        assert lb.receipt()["tunnels_closed"] == 1
        assert "Traceback" not in lb.log


def test_sessions_are_resumed(tmp_path: Path, ours: Issued) -> None:
    with (
        workers(tmp_path, "ecs01") as [worker],
        fronted(tmp_path, ours, worker, f'keepalive = 0\ntls_name = "{NAME}"\n') as (lb, front),
    ):
        assert [get(lb) for _ in range(3)] == [GREETING] * 3
        assert front.met[0] == (NAME, False, "")
        eventually(lambda: get(lb) == GREETING and front.met[-1] == (NAME, True, ""))


def test_a_server_that_asks_is_shown_a_certificate(tmp_path: Path, ours: Issued) -> None:
    issue(ours, ["balancer.example.com"]).write(tmp_path, "mine")
    keys = 'tls_certificate = "mine.pem"\ntls_key = "mine.key"\n'
    with workers(tmp_path, "ecs01") as [worker]:
        with fronted(tmp_path, ours, worker, keys, tmp_path / "ca.pem") as (lb, front):
            assert get(lb) == GREETING
            assert [each.subject for each in front.met] == ["server"]
        with (
            fronted(tmp_path, ours, worker, "", tmp_path / "ca.pem") as (lb, front),
            pytest.raises(urllib.error.HTTPError, match="502"),
        ):
            get(lb)


def test_tcp_goes_over_tls(tmp_path: Path, ours: Issued, watch: Watch) -> None:
    server = Server("ecs01", watch)
    with (
        TLSFront(issue(ours, [HERE]), tmp_path, server.address) as front,
        Balancer(tmp_path, app({"ecs01": str(front)}, group=TLS)) as lb,
    ):
        client = watch.connect(lb.address)
        client.hear("hello, this is ecs01\n")
        client.say("one\n")
        client.hear("ecs01: one\n")
        lb.ask("remove", "app/ecs01", "--timeout", "0", "--force")
        assert client.ended().how == "fin"
        assert server.sides[0].ended().how == "fin"
        assert lb.receipt()["cut"] == 1


@contextmanager
def plain() -> Iterator[str]:
    """A server without TLS, which speaks first."""
    listening = socket.create_server((HERE, 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                with listening.accept()[0] as accepted:
                    accepted.sendall(b"220 hello\r\n")
                    accepted.recv(65536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"{HERE}:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@contextmanager
def bad_ones(tmp_path: Path, ours: Issued, server: Server) -> Iterator[Mapping[str, str]]:
    """A server for each thing that can be wrong, and a good one; by name."""
    issued = {
        "good": issue(ours, [HERE]),
        "late": issue(ours, [HERE], (-2 * DAY, -DAY)),
        "own": issue(None, [HERE]),
        "elsewhere": issue(ours, [NAME]),
        "other": issue(authority("somebody"), [HERE]),
    }
    with ExitStack() as stack:
        fronts = {
            name: stack.enter_context(TLSFront(each, tmp_path, server.address))
            for name, each in issued.items()
        }
        yield {**{name: str(front) for name, front in fronts.items()}, "plain": stack.enter_context(plain())}


REASONS = {
    "late": "certificate has expired",
    "own": "certificate is not trusted: self-signed",
    "elsewhere": f"certificate is not for {HERE}",
    "other": "certificate is not trusted: issued by nobody known",
    "plain": "no TLS: wrong version number",
}


@pytest.mark.parametrize("check", ['type = "tcp"', ""], ids=["checks", "connections"])
def test_each_that_is_refused_has_its_own_reason(
    check: str, tmp_path: Path, ours: Issued, watch: Watch
) -> None:
    """By its checks, or by clients that could not be connected to it."""
    server = Server("ecs01", watch)
    with bad_ones(tmp_path, ours, server) as servers:
        checks = health_check(check) if check else ""
        text = app(dict(servers), group=TLS + 'scheduler = "rr"\nretries = 10\n' + checks)
        with Balancer(tmp_path, text) as lb:
            if check:
                becomes(lb, [f"app/{name}" for name in REASONS], "failing")
                assert {name: lb.state(f"app/{name}")["last_check"] for name in REASONS} == REASONS
                assert lb.state("app/good")["state"] == "healthy"
                for name, reason in REASONS.items():
                    assert lb.ask("why", f"app/{name}")["last_check"] == reason
                    assert re.search(rf"app/{name}#\d+ is failing: {re.escape(reason)}", lb.log)
            for _ in servers:
                client = watch.connect(lb.address)
                client.hear("hello, this is ecs01\n")
                client.leave()
            if not check:
                for name, reason in REASONS.items():
                    assert lb.state(f"app/{name}")["failed"] > 0
                    assert re.search(
                        rf"app/{name}#\d+ can't be used for a client: {re.escape(reason)}", lb.log
                    )


def test_a_bad_file_is_refused_and_nothing_changes(tmp_path: Path, ours: Issued) -> None:
    other = authority("another")
    with workers(tmp_path, "ecs01") as [worker], fronted(tmp_path, ours, worker) as (lb, _):
        assert get(lb) == GREETING
        (tmp_path / "ca.pem").write_text("nonsense")
        for verb in (("reload",), ("reload", "certificates")):
            done = lb.ssh(*verb)
            assert done.returncode != 0
            assert "server_groups.app.tls_ca: " in done.stderr + done.stdout
            assert "has no certificate in PEM" in done.stderr + done.stdout
        assert get(lb) == GREETING
        (tmp_path / "ca.pem").write_bytes(other.pem)
        done = lb.ssh("reload", "certificates")
        assert "server group app has other certificates" in done.stdout
        with pytest.raises(urllib.error.HTTPError, match="502"):
            get(lb)
        (tmp_path / "ca.pem").write_bytes(other.pem + ours.pem)
        assert "server group app has other certificates" in lb.ssh("reload").stdout
        assert get(lb) == GREETING


def test_openssl_s_server_is_met(tmp_path: Path, ours: Issued) -> None:
    certificate, key = issue(ours, [HERE]).write(tmp_path, "served")
    words = [
        program("openssl"),
        "s_server",
        "-accept",
        f"{HERE}:0",
        "-cert",
        str(certificate),
        "-key",
        str(key),
        "-www",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            told = next(line for line in served.stdout if line.startswith("ACCEPT"))
            text = http_app({"ecs01": told.split()[1]}, group=TLS)
            with Balancer(tmp_path, text) as lb:
                assert "TLSv1.3" in curl("--max-time", "30", url(lb))
        finally:
            served.kill()
