"""TLS that passes through: clients come to the server that their ClientHellos ask for."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.certificates import Issued, authority, issue
from tests.functional.balancer import Balancer
from tests.functional.http_harness import output
from tests.functional.peers import BACKLOG
from tests.functional.process import PATIENCE
from tests.functional.waiting import eventually
from tests.wire.hellos import records

pytestmark = pytest.mark.functional

WWW, API, OTHER = "www.example.com", "api.example.com", "other.test"
HELLO_TIMEOUT = 0.3
FLOOD = 300


class Page(BaseHTTPRequestHandler):
    """Says what its server is called."""

    protocol_version = "HTTP/1.1"
    server: TLSServer

    def do_GET(self) -> None:
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


class TLSServer(ThreadingHTTPServer):
    """One of some servers, each with a certificate for its own name."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, name: str, by: Issued, files: Path, protocols: Sequence[str] = ("http/1.1",)) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.name = name
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*issue(by, [name]).write(files, name))
        self._context.set_alpn_protocols(list(protocols))
        Thread(target=self.serve_forever, daemon=True).start()

    def __str__(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *raised: object) -> None:
        self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go in the handshake, or are cut, are of no concern."""


class Scene:
    """A load balancer before servers for WWW, API and OTHER; what no rule matches goes to OTHER."""

    def __init__(self, files: Path, lb: Balancer, servers: Mapping[str, TLSServer]) -> None:
        self.lb = lb
        self.servers = servers
        self.authority = files / "authority.pem"

    @property
    def port(self) -> int:
        return self.lb.address[1]

    def connect(self, name: str | None, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLSocket:
        """A client over TLS, which believes in certificates of that name alone, or in any without one."""
        context = ssl.create_default_context(cafile=self.authority)
        context.check_hostname = name is not None
        context.set_alpn_protocols(list(alpn))
        plain = socket.create_connection(self.lb.address, PATIENCE)
        return context.wrap_socket(plain, server_hostname=name)

    def named(self, name: str | None, alpn: Sequence[str] = ("http/1.1",)) -> str:
        """What the server of a new connection is called."""
        with self.connect(name, alpn) as client:
            return asked(client)


def asked(client: ssl.SSLSocket) -> str:
    """What the server says that it is called."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < length(answer):
        piece = client.recv(65536)
        assert piece, answer
        answer += piece
    return answer.partition(b"\r\n\r\n")[2].decode()


def length(answer: bytes) -> int:
    return int(answer.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])


def text(servers: Mapping[str, TLSServer], rules: str, timeout: float = PATIENCE) -> str:
    groups = "".join(
        f'[server_groups.{name.partition(".")[0]}.servers]\none = "{server}"\n'
        for name, server in servers.items()
    )
    return f"""
[listeners.edge]
endpoint = "127.0.0.1:0"
protocol = "tcp"
server_group = "other"
hello_timeout = {timeout}
rules = [{rules}]
{groups}
"""


RULES = f"""
    {{ server_name = "*.example.com", alpn = "h2", server_group = "api" }},
    {{ server_name = "{WWW}", server_group = "www" }},
    {{ server_name = "*.example.com", server_group = "api" }},
    {{ server_name = "refused.test", refuse = true }},
"""


@contextmanager
def scene_with(files: Path, timeout: float = PATIENCE) -> Iterator[Scene]:
    ca = authority()
    ca.write(files, "authority")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(TLSServer(name, ca, files)) for name in (WWW, API, OTHER)}
        lb = stack.enter_context(Balancer(files, text(servers, RULES, timeout)))
        yield Scene(files, lb, servers)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_with(tmp_path) as made:
        yield made


def test_curl_comes_to_the_server_that_it_asks_for(scene: Scene) -> None:
    options = ["-sS", "--http1.1", "--cacert", str(scene.authority)]
    for name in (WWW, API, OTHER):
        place = f"{name}:{scene.port}"
        assert output("curl", *options, "--resolve", f"{place}:127.0.0.1", f"https://{place}/") == name


ASKED: Sequence[tuple[str, str]] = [
    (f"-servername {WWW}", WWW),
    (f"-servername {WWW.upper()}", WWW),
    (f"-servername {WWW} -alpn http/1.1", WWW),
    (f"-servername {WWW} -alpn h2,http/1.1", API),
    (f"-servername {API} -tls1_2", API),
    (f"-servername {API} -tls1_3", API),
    (f"-servername {OTHER}", OTHER),
    ("-noservername", OTHER),
]
"""Options of s_client, and whose certificate it has to see then."""


def test_openssl_sees_the_certificate_of_the_right_server(scene: Scene) -> None:
    place = ["-connect", f"127.0.0.1:{scene.port}", "-CAfile", str(scene.authority)]
    for options, subject in ASKED:
        verify = ["-verify_return_error", "-verify_hostname", subject]
        told = output("openssl", "s_client", *place, *verify, *options.split(), given=b"")
        assert "Verify return code: 0 (ok)" in told, options


def test_a_name_that_is_refused_is_told_so_and_counted(scene: Scene) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        scene.connect("refused.test")
    (row,) = scene.lb.ask("listeners")
    assert (row["turned_away"], row["rule_groups"]) == ({"refused_by_rule": 1}, ["api", "www"])


@pytest.mark.parametrize("size", [1, 50])
def test_a_hello_in_many_packets_and_records_makes_a_connection(scene: Scene, size: int) -> None:
    """Each byte in a packet of its own, or in records that are sent one by one."""
    context = ssl.create_default_context(cafile=scene.authority)
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = context.wrap_bio(received, sent, server_hostname=WWW)
    with closing(socket.create_connection(scene.lb.address, PATIENCE)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with pytest.raises(ssl.SSLWantReadError):
            inside.do_handshake()
        hello = sent.read() if size == 1 else records(sent.read()[5:], size)
        step = 1 if size == 1 else size + 5
        for at in range(0, len(hello), step):
            client.sendall(hello[at : at + step])
        while inside.version() is None or sent.pending:
            try:
                inside.do_handshake()
            except ssl.SSLWantReadError:
                received.write(client.recv(65536))
            if sent.pending:
                client.sendall(sent.read())
        certificate = inside.getpeercert()
    assert certificate is not None
    assert certificate["subjectAltName"] == (("DNS", WWW),)


def test_rule_73_other_rules_touch_no_connection(scene: Scene) -> None:
    with scene.connect(WWW) as before:
        assert asked(before) == WWW
        scene.lb.configure(text(scene.servers, f'{{ server_name = "{API}", server_group = "api" }}'))
        scene.lb.signal(signal.SIGHUP)
        scene.lb.wait_for_log("reload")
        eventually(lambda: scene.lb.ask("route", "edge", "--server-name", WWW)["server_group"] == "other")
        assert asked(before) == WWW
        assert scene.named(API) == API
        with pytest.raises(ssl.SSLCertVerificationError):
            scene.connect(WWW)


def test_rule_2_a_connection_goes_on_while_its_server_is_drained(scene: Scene) -> None:
    with scene.connect(WWW) as client:
        assert asked(client) == WWW
        scene.lb.ask("drain", "www/one", "--timeout", "1h", "--force")
        assert asked(client) == WWW
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            scene.connect(WWW)
        assert scene.named(API) == API
        assert scene.lb.ask("why", "www/one")["listeners"] == ["edge (rule 2)"]
    eventually(lambda: scene.lb.state("www/one")["state"] == "drained")
    assert scene.lb.receipt()["outcome"] == "completed"


def test_a_flood_of_hellos_that_never_end_keeps_nobody_out(tmp_path: Path) -> None:
    with scene_with(tmp_path, timeout=HELLO_TIMEOUT) as scene, ExitStack() as stack:
        for _ in range(FLOOD):
            client = stack.enter_context(closing(socket.create_connection(scene.lb.address, PATIENCE)))
            client.sendall(b"\x16\3\1\2\0\1")
        assert scene.named(WWW) == WWW
        eventually(lambda: scene.lb.ask("listeners")[0]["turned_away"].get("too_slow") == FLOOD, PATIENCE)
        assert scene.named(API) == API


def test_a_protocol_in_which_the_server_speaks_first_has_to_wait(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        rules = f'{{ server_name = "{WWW}", refuse = true }}'
        file = text({}, rules, HELLO_TIMEOUT) + f'[server_groups.other.servers]\none = "{address}"\n'
        with (
            Balancer(tmp_path, file) as lb,
            closing(socket.create_connection(lb.address, PATIENCE)) as client,
        ):
            server.settimeout(PATIENCE)
            accepted, _ = server.accept()
            with closing(accepted):
                accepted.sendall(b"220 hello\r\n")
                assert client.recv(100) == b"220 hello\r\n"
