"""The PROXY protocol with those who speak it: curl, haproxy and nginx, before us and behind us."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lbtwist.model.address import Address as Where
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header
from tests.certificates import authority, issue
from tests.functional.balancer import HOST, Balancer, app
from tests.functional.http_harness import curl, http_app, url
from tests.functional.peers import Address
from tests.functional.proxies import haproxy_before, haproxy_behind, nginx_before, nginx_behind
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CLIENT = "127.0.5.7"
"""Where clients connect from: the proxies connect from another address."""
TRUSTING = 'proxy_protocol = true\ntrusted_proxies = ["127.0.0.0/30"]\n'
HEADER = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHECKED = "[server_groups.app.health_check]\ntype = 'http'\ninterval = 1\ntimeout = 1\n"

AGAIN = ("--retry", "5", "--retry-all-errors")
"""For curl: whoever is in front may not listen yet."""

Behind = Callable[[Path], AbstractContextManager[str]]
BEHIND = pytest.mark.parametrize("behind", [haproxy_behind, nginx_behind])
VERSIONS = pytest.mark.parametrize("version", [1, 2])


class Telling(BaseHTTPRequestHandler):
    """Answers with what a server is told of the client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Server((HOST, 0), Telling) as telling:
        thread = Thread(target=telling.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"{HOST}:{telling.server_address[1]}"
        telling.shutdown()
        thread.join()


class Server(ThreadingHTTPServer):
    """One whose clients may go at any time."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing."""


def over(server: str) -> str:
    return http_app({"ecs01": server}, listener=TRUSTING)


def fetched(address: Address, *words: str) -> dict[str, str]:
    """What the server was told of a client at CLIENT that connects to `address`."""
    told = curl("--interface", CLIENT, *words, f"http://{address[0]}:{address[1]}/")
    return dict(json.loads(told))


def answer(address: Address, *pieces: bytes, pause: float = 0.0, source: str = HOST) -> bytes:
    """All that comes back; empty after a reset too."""
    heard = b""
    with socket.create_connection(address, 10, (source, 0)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(pause)
            while data := client.recv(65536):
                heard += data
        except ConnectionError:
            return b""
    return heard


def told_in(response: bytes) -> dict[str, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), response
    return dict(json.loads(body))


def test_curl_says_who_it_is(tmp_path: Path, server: str) -> None:
    """And where it says nothing of that, or is not trusted, it gets nothing."""
    with Balancer(tmp_path, over(server)) as lb:
        assert json.loads(curl("--haproxy-protocol", url(lb)))["x-forwarded-for"] == HOST
        assert lb.ask("listeners")[0]["turned_away"] == {}
        assert answer(lb.address, REQUEST) == b""
        assert answer(lb.address, HEADER + REQUEST, source=CLIENT) == b""
        assert lb.ask("listeners")[0]["turned_away"] == {"no_proxy_header": 1, "untrusted_proxy": 1}


def test_the_example_of_the_specification_whole_and_byte_by_byte(tmp_path: Path, server: str) -> None:
    with Balancer(tmp_path, over(server)) as lb:
        for version in (1, 2):
            ends = Ends(Where("192.168.0.1", 56324), Where("192.168.0.11", 443))
            header = proxy_header(version, ends)
            assert version == 2 or header == HEADER
            whole = answer(lb.address, header + REQUEST)
            pieces = [header[at : at + 1] for at in range(len(header))]
            slow = answer(lb.address, *pieces, REQUEST, pause=0.002)
            for told in map(told_in, (whole, slow)):
                assert told["x-forwarded-for"] == "192.168.0.1"
                assert told["x-forwarded-port"] == "443"
        assert answer(lb.address, HEADER.replace(b".11", b".256") + REQUEST) == b""
        assert lb.ask("listeners")[0]["turned_away"] == {"bad_proxy_header": 1}
        assert "listener app has turned" in lb.log


@pytest.mark.parametrize(
    "sends",
    [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        "check send-proxy-v2",
        "check send-proxy",
    ],
)
def test_haproxy_in_front(tmp_path: Path, server: str, sends: str) -> None:
    """With its health checks, which speak for itself."""
    with (
        Balancer(tmp_path, over(server)) as lb,
        haproxy_before(tmp_path, lb.address, sends) as address,
    ):
        told = fetched(address, *AGAIN)
        assert told["x-forwarded-for"] == CLIENT
        assert told["x-forwarded-port"] == str(address[1])


def test_nginx_in_front(tmp_path: Path, server: str) -> None:
    with (
        Balancer(tmp_path, over(server)) as lb,
        nginx_before(tmp_path, lb.address) as address,
    ):
        told = fetched(address, *AGAIN)
        assert told["x-forwarded-for"] == CLIENT
        assert told["x-forwarded-port"] == str(address[1])
        assert lb.ask("listeners")[0]["turned_away"] == {}


@BEHIND
@VERSIONS
@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_a_server_that_needs_a_header(tmp_path: Path, behind: Behind, version: int, protocol: str) -> None:
    """Health checks begin with one too, or it would never be healthy; kept connections are told once."""
    make = app if protocol == "tcp" else http_app
    with (
        behind(tmp_path) as address,
        Balancer(tmp_path, make({"ecs01": address}, group=f"send_proxy = {version}\n{CHECKED}")) as lb,
    ):
        eventually(lambda: lb.state("app/ecs01")["state"] == "healthy", what=lambda: lb.log)
        port = lb.address[1]
        for line in curl("--interface", CLIENT, "-w", " %{local_port}\n", url(lb), url(lb)).splitlines():
            *told, local_port = line.split(" ")
            assert told == [CLIENT, local_port, str(port)]
        assert lb.state("app/ecs01")["state"] == "healthy"


@pytest.mark.parametrize(("behind", "version"), [(haproxy_behind, 1), (nginx_behind, 1), (nginx_behind, 2)])
def test_clients_by_ipv6_and_unix_sockets(tmp_path: Path, behind: Behind, version: int) -> None:
    """Version 2 has a family for Unix sockets, which haproxy 2.6 refuses."""
    local = tmp_path / "local.sock"
    unix = f'[listeners.local]\nendpoint = "unix:{local}"\nprotocol = "http"\nserver_group = "app"\n'
    with behind(tmp_path) as address:
        text = http_app({"ecs01": address}, group=f"send_proxy = {version}", endpoint="[::1]:0")
        with Balancer(tmp_path, text + unix) as lb:
            port = lb.port("::1")
            host, _, server_port = curl(f"http://[::1]:{port}/").split(" ")
            assert (host, server_port) == ("::1", str(port))
            answered = ("-o", "/dev/null", "-w", "%{http_code}", "http://a/")
            assert curl("--unix-socket", str(local), *answered) == "200"


@BEHIND
@VERSIONS
def test_what_comes_by_proxy_goes_on_by_proxy(tmp_path: Path, behind: Behind, version: int) -> None:
    with (
        behind(tmp_path) as last,
        Balancer(tmp_path, app({"ecs01": last}, listener=TRUSTING, group=f"send_proxy = {version}")) as lb,
        haproxy_before(tmp_path, lb.address, "send-proxy-v2") as first,
    ):
        where = f"http://{first[0]}:{first[1]}/"
        told = curl(
            "--interface", CLIENT, "--retry", "5", "--retry-all-errors", "-w", " %{local_port}", where
        )
        host, port, server_port, local_port = told.split(" ")
        assert (host, port, server_port) == (CLIENT, local_port, str(first[1]))


def test_a_header_precedes_the_handshakes_of_both_sides(tmp_path: Path) -> None:
    ours = authority()
    certificate, key = issue(ours, ["localhost", HOST]).write(tmp_path, "site")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    listener = TRUSTING + 'certificates = [{ certificate = "site.pem", key = "site.key" }]\n'
    group = 'send_proxy = 2\ntls = true\ntls_ca = "ca.pem"\n' + CHECKED
    with haproxy_behind(tmp_path, both) as address:
        text = http_app({"ecs01": address}, listener=listener, group=group)
        with Balancer(tmp_path, text.replace('"http"', '"https"', 1)) as lb:
            eventually(lambda: lb.state("app/ecs01")["state"] == "healthy", what=lambda: lb.log)
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            with socket.create_connection(lb.address, 10) as plain:
                plain.sendall(HEADER)
                with context.wrap_socket(plain, server_hostname="localhost") as client:
                    asking = http.client.HTTPConnection("localhost")
                    asking.sock = client
                    asking.request("GET", "/")
                    response: Any = asking.getresponse()
                    assert response.read() == b"192.168.0.1 56324 443"
