"""Clients that speak TLS: curl, openssl and Python, certificates that are renewed, and floods."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
import websocket
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.certificates import DAY, Issued, authority, issue
from tests.functional.balancer import HOST, Balancer, app
from tests.functional.browser import CHROMIUM, Browser
from tests.functional.generations import Generations
from tests.functional.http_harness import Worker, curl, http_app, workers
from tests.functional.peers import Address, Server
from tests.functional.process import PATIENCE, run
from tests.functional.waiting import eventually

pytestmark = pytest.mark.functional

MANY = 60
"""Connections that live while certificates are renewed."""
FLOOD = 150
PICTURES = 20
PIECE = bytes(range(256)) * 4096
MIB = len(PIECE)
SIZE, SLOW = 50 * MIB, 10
"""Bytes for each slow reader, and how many there are."""
WHOLE = hashlib.sha256(PIECE * (SIZE // MIB)).digest()
GREETING = b"hello, this is ecs01\n"

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class Site:
    """An authority, and the files of certificates that it has issued."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ours = authority()
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(self.ours.pem)
        self.first = self.issue("first", "localhost")
        self.second = self.issue("second", "*.example.com")

    def issue(self, name: str, *names: str) -> Issued:
        """NAME.pem and NAME.key, written or renewed."""
        issued = issue(self.ours, [*names])
        issued.write(self.directory, name)
        return issued

    @property
    def keys(self) -> str:
        """What a listener says of them."""
        pairs = (f'{{ certificate = "{n}.pem", key = "{n}.key" }}' for n in ("first", "second"))
        return f"certificates = [{', '.join(pairs)}]\n"

    def connect(
        self, address: Address, name: str = "localhost", context: ssl.SSLContext | None = None
    ) -> ssl.SSLSocket:
        """A client that verifies what it is shown."""
        context = context or self.context()
        return context.wrap_socket(socket.create_connection(address, PATIENCE), server_hostname=name)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with workers(tmp_path, "ecs01") as [worker]:
        yield worker


def https(site: Site, worker: Worker, more: str = "") -> str:
    text = http_app({"ecs01": str(worker)}, listener=site.keys + more)
    return text.replace('protocol = "http"', 'protocol = "https"')


def tls(site: Site, server: Server, more: str = "") -> str:
    text = app({"ecs01": str(server)}, listener=site.keys + more)
    return text.replace('protocol = "tcp"', 'protocol = "tls"')


def shown(client: ssl.SSLSocket) -> bytes:
    """The certificate that it was shown."""
    return client.getpeercert(binary_form=True) or b""


def heard(client: ssl.SSLSocket, size: int) -> bytes:
    """So many bytes, or what came until the end."""
    data = b""
    while len(data) < size and (more := client.recv(size - len(data))):
        data += more
    return data


def asked(lb: Balancer, site: Site, *words: str, target: str = "/", status: int = 0) -> str:
    return curl("--cacert", str(site.ca), *words, f"https://localhost:{lb.address[1]}{target}", status=status)


def s_client(lb: Balancer, site: Site, *words: str) -> str:
    """What openssl tells of one connection."""
    host, port = lb.address
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", str(site.ca), *words]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("offered", ["--http2", "--http1.1", "--no-alpn"])
def test_curl_whatever_it_offers(offered: str, tmp_path: Path, site: Site, worker: Worker) -> None:
    with Balancer(tmp_path, https(site, worker)) as lb:
        told = asked(lb, site, offered, "-o", "/dev/null", "-w", "%{http_code} %{http_version}")
        assert told == "200 1.1"


def test_a_websocket_over_tls_is_cut_with_close_frames(tmp_path: Path, site: Site, worker: Worker) -> None:
    """Rule 51."""
    with Balancer(tmp_path, https(site, worker)) as lb:
        client = websocket.create_connection(
            f"wss://localhost:{lb.address[1]}/websocket",
            sslopt={"ca_certs": str(site.ca)},
            timeout=PATIENCE,
        )
        client.send("hello")
        assert "hello" in str(client.recv())
        lb.ask("remove", "app/ecs01", "--timeout", "0", "--force")
        opcode, frame = client.recv_data()
        assert (opcode, frame[:2]) == (websocket.ABNF.OPCODE_CLOSE, (1001).to_bytes(2, "big"))
        client.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_chromium_loads_a_page_and_talks_over_a_websocket(tmp_path: Path, site: Site, worker: Worker) -> None:
    """It knows of no authority but ours by the hash of our key."""
    known = f"--ignore-certificate-errors-spki-list={spki(site.first)}"
    with Balancer(tmp_path, https(site, worker)) as lb, Browser(tmp_path, option=known) as browser:
        browser.open(f"https://localhost:{lb.address[1]}/page/{PICTURES}")
        report = f"/report?loaded={PICTURES}&heard=3"
        eventually(lambda: report in {each.target for each in worker.requests}, PATIENCE)
        assert browser.read("location.protocol") == "https:"
        (talk,) = (row for row in lb.ask("connections") if row["protocol"] == "websocket")
        assert talk["path"] == "/websocket"
        renewed = site.issue("first", "localhost")
        lb.ask("reload", "certificates")
        assert renewed.pem != site.first.pem
        (same,) = (row for row in lb.ask("connections") if row["protocol"] == "websocket")
        assert same["id"] == talk["id"], "a renewal has touched it"


def spki(issued: Issued) -> str:
    """The hash of its public key, as chromium takes it."""
    public = issued.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(hashlib.sha256(public).digest()).decode()


def test_python_over_tls_and_what_each_end_sees(
    tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with Balancer(tmp_path, tls(site, pair[0])) as lb, closing(site.connect(lb.address)) as client:
        assert heard(client, len(GREETING)) == GREETING
        client.sendall(b"question\n")
        assert heard(client, 16) == b"ecs01: question\n"
        lb.ask("remove", "app/ecs01", "--timeout", "0", "--force")
        assert client.recv(100) == b"", "close_notify has come"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_also_after_a_reload(
    version: ssl.TLSVersion, tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with Balancer(tmp_path, tls(site, pair[0])) as lb:
        context = site.context()
        context.maximum_version = version
        with closing(site.connect(lb.address, context=context)) as first:
            assert heard(first, len(GREETING)) == GREETING  # a ticket comes before
            session = first.session
        lb.configure(tls(site, pair[0], "idle_timeout = 77\n"))
        lb.ask("reload")
        raw = socket.create_connection(lb.address, PATIENCE)
        with closing(context.wrap_socket(raw, server_hostname="localhost", session=session)) as again:
            assert heard(again, len(GREETING)) == GREETING
            assert again.session_reused


@needs_openssl
def test_openssl_is_shown_the_certificate_of_each_name(
    tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with Balancer(tmp_path, tls(site, pair[0])) as lb:
        names = {"localhost": site.first, "www.example.com": site.second, "x.test": site.first}
        for name, issued in names.items():
            told = s_client(lb, site, "-servername", name, "-showcerts")
            assert issued.pem.decode().strip() in told
            assert "Verify return code: 0 (ok)" in told
        assert site.first.pem.decode().strip() in s_client(lb, site, "-noservername", "-showcerts")


@needs_openssl
@pytest.mark.parametrize(
    "words",
    [
        ("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"),
    ],
    ids=["version", "no forward secrecy", "CBC"],
)
def test_openssl_is_refused_what_is_weak(
    words: tuple[str, ...], tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with Balancer(tmp_path, tls(site, pair[0])) as lb:
        assert re.search(r"alert (protocol version|handshake failure)", s_client(lb, site, *words))


@needs_openssl
def test_openssl_may_not_renegotiate(tmp_path: Path, site: Site, worker: Worker) -> None:
    """Over https, where nothing comes that was not asked for, in the midst of a handshake or before its
    refusal is read."""
    with Balancer(tmp_path, https(site, worker)) as lb:
        command = ["openssl", "s_client", "-connect", "{}:{}".format(*lb.address), "-tls1_2"]
        with subprocess.Popen(command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, text=True) as client:
            assert client.stdin is not None
            assert client.stderr is not None
            client.stdin.write("R\n")
            client.stdin.flush()
            client.wait(PATIENCE)
            assert "no renegotiation" in client.stderr.read()


def test_client_certificates(tmp_path: Path, site: Site, worker: Worker) -> None:
    site.issue("client", "client")
    issue(authority("another"), ["client"]).write(tmp_path, "stranger")
    more = 'client_auth = "require"\nclient_ca = "ca.pem"\n'
    with Balancer(tmp_path, https(site, worker, more)) as lb:
        for who, status in (("client", 0), ("stranger", 56)):
            files = ("--cert", str(tmp_path / f"{who}.pem"), "--key", str(tmp_path / f"{who}.key"))
            asked(lb, site, *files, status=status)
        asked(lb, site, status=56)
        lb.wait_for_log("no_client_certificate (1 so far)")
        lb.wait_for_log("bad_client_certificate (1 so far)")
        assert "Traceback" not in lb.log


@pytest.mark.slow
@pytest.mark.parametrize("how", ["verb", "SIGHUP"])
def test_certificates_are_renewed_while_connections_live(
    how: str, tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    """Rule 73."""
    with Balancer(tmp_path, tls(site, pair[0])) as lb, ExitStack() as stack:
        clients = [stack.enter_context(closing(site.connect(lb.address))) for _ in range(MANY)]
        assert {heard(client, len(GREETING)) for client in clients} == {GREETING}
        renewed = site.issue("first", "localhost")
        with closing(site.connect(lb.address)) as before:
            assert shown(before) == ssl.PEM_cert_to_DER_cert(site.first.pem.decode())
        if how == "verb":
            assert lb.ask("reload", "certificates") == ["listener app has other certificates"]
        else:
            lb.signal(signal.SIGHUP)
            lb.wait_for_log("reload: listener app has other certificates")
        with closing(site.connect(lb.address)) as after:
            assert shown(after) == ssl.PEM_cert_to_DER_cert(renewed.pem.decode())
        for client in clients:
            client.sendall(b"still here\n")
        assert {heard(client, 18) for client in clients} == {b"ecs01: still here\n"}


@pytest.mark.slow
def test_rule_74_a_handshake_that_an_upgrade_meets_is_finished(
    tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with (
        Generations(tmp_path, tls(site, pair[0])) as lb,
        closing(site.connect(lb.address)) as before,
        closing(socket.create_connection(lb.address, PATIENCE)) as late,
    ):
        assert heard(before, len(GREETING)) == GREETING
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = site.context().wrap_bio(received, sent, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            handshake.do_handshake()
        hello = sent.read()
        late.sendall(hello[:50])
        old = lb.upgrade()
        late.sendall(hello[50:])
        received.write(late.recv(65536))
        handshake.do_handshake()
        late.sendall(sent.read())
        before.sendall(b"still here\n")
        assert heard(before, 18) == b"ecs01: still here\n"
        eventually(lambda: lb.ask("status")["connections"] == 2)
        raw = socket.create_connection(lb.address, PATIENCE)
        context = before.context
        with closing(context.wrap_socket(raw, server_hostname="localhost", session=before.session)) as after:
            assert heard(after, len(GREETING)) == GREETING
            assert not after.session_reused, "the keys of tickets are those of a process"
        before.close()
        late.close()
        lb.gone(old)


def test_a_bad_renewal_is_refused_and_the_old_one_serves_on(
    tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    with Balancer(tmp_path, tls(site, pair[0])) as lb:
        (tmp_path / "first.key").write_bytes(site.second.key_pem)
        refused = lb.ssh("reload", "certificates")
        assert refused.returncode == 1
        assert "listeners.app.certificates[0].key: " in refused.stderr
        assert "is not the key of the certificate" in refused.stderr
        with closing(site.connect(lb.address)) as client:
            assert heard(client, len(GREETING)) == GREETING


def test_check_tells_what_is_wrong_with_files(tmp_path: Path, site: Site) -> None:
    file = tmp_path / "check.toml"
    file.write_text(
        f'[listeners.web]\nendpoint = 8443\nprotocol = "https"\n{site.keys}'
        '[server_groups.app]\nservers = ["10.0.0.1:80"]\n'
    )
    words = ("-n", "--pidfile=", "lb", "--config", file, "--check")
    issue(site.ours, ["localhost"], (-2 * DAY, -DAY)).write(tmp_path, "first")
    (tmp_path / "first.key").chmod(0o644)
    done = run(*words, directory=tmp_path)
    assert done.returncode == 0, done
    place = "warning: listeners.web.certificates[0]"
    assert f"{place}.certificate: {tmp_path}/first.pem has expired on " in done.stdout
    assert f"{place}.key: {tmp_path}/first.key can be read by others: its mode is 644" in done.stdout
    (tmp_path / "second.pem").unlink()
    done = run(*words, directory=tmp_path)
    assert done.returncode == 1
    assert "listeners.web.certificates[1].certificate: " in done.stderr
    assert "can't be read: No such file or directory" in done.stderr


@pytest.mark.slow
def test_a_flood_of_handshakes_that_do_not_go_on(
    tmp_path: Path, site: Site, pair: tuple[Server, Server]
) -> None:
    """Others are served as before, and those are closed when their time is over."""
    hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + bytes(8000)
    with Balancer(tmp_path, tls(site, pair[0], 'handshake_timeout = "5s"\n')) as lb, ExitStack() as stack:
        with closing(site.connect(lb.address)) as client:
            assert heard(client, len(GREETING)) == GREETING
        before = lb.rss()
        half_open = [
            stack.enter_context(socket.create_connection(lb.address, PATIENCE)) for _ in range(FLOOD)
        ]
        for number, each in enumerate(half_open):
            each.sendall(hello[: 8009 if number % 2 else 3])
        with closing(site.connect(lb.address)) as client:
            assert heard(client, len(GREETING)) == GREETING
            assert (lb.rss() - before) / FLOOD < 256 * 1024
        eventually(lambda: lb.ask("listeners")[0]["refused"] == FLOOD, PATIENCE)


@pytest.mark.slow
def test_rule_2_slow_readers_get_everything_and_cost_little_memory(tmp_path: Path, site: Site) -> None:
    with socket.create_server((HOST, 0)) as listener, ExitStack() as stack:
        threading.Thread(target=pour, args=[listener], daemon=True).start()
        text = app({"ecs01": f"{HOST}:{listener.getsockname()[1]}"}, listener=site.keys)
        with Balancer(tmp_path, text.replace('protocol = "tcp"', 'protocol = "tls"')) as lb:
            with closing(site.connect(lb.address)) as quick:
                assert hashed(quick) == WHOLE
            before = lb.rss()
            clients = [stack.enter_context(closing(site.connect(lb.address))) for _ in range(SLOW)]
            for _ in range(20):
                assert lb.rss() - before < 8 * MIB
                time.sleep(0.1)
            assert {hashed(client) for client in clients} == {WHOLE}


def pour(listener: socket.socket) -> None:
    """Send SIZE bytes to each client until the listener is closed."""

    def send(client: socket.socket) -> None:
        with client:
            for _ in range(SIZE // MIB):
                client.sendall(PIECE)

    with suppress(OSError):
        while True:
            threading.Thread(target=send, args=[listener.accept()[0]], daemon=True).start()


def hashed(client: ssl.SSLSocket) -> bytes:
    """Of all that comes until its end."""
    digest = hashlib.sha256()
    while data := client.recv(MIB):
        digest.update(data)
    return digest.digest()
