"""TLS to servers, on real sockets: whose certificates are believed, and what was wrong with one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory

from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult
from lbtwist.net.direct import DirectDialer
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import Question
from lbtwist.service.probes.trust import Trust
from tests.certificates import DAY, Issued, authority, issue
from tests.service.probes.conftest import Serve
from tests.service.probes.peers import OK, Peer, Server

NAME = "www.example.com"
HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


@pytest.fixture(scope="module")
def trust(ours: Issued) -> Trust:
    return Trust(ours.pem)


class Bench:
    """Servers with certificates, and checks of them."""

    def __init__(self, dialer: DirectDialer, serve: Serve, trust: Trust) -> None:
        self.server = Server(lambda: Peer(OK))
        self._dialer = dialer
        self._serve = serve
        self._trust = trust

    def serve(self, certificate: Issued) -> Address:
        return self.serve_with(certificate.options())

    def serve_with(self, options: CertificateOptions) -> Address:
        return self._serve(TLSMemoryBIOFactory(options, False, self.server, clock=reactor))

    async def ask(self, address: Address, host: str = "", trust: Trust | None = None) -> CheckResult:
        check = HTTPCheck(Question(host=host), self._dialer, reactor, 3, trust=trust or self._trust)
        result = await check.check(address)
        for peer in self.server.peers:
            await peer.lost
        return result


@pytest.fixture
def bench(dialer: DirectDialer, serve: Serve, trust: Trust) -> Bench:
    return Bench(dialer, serve, trust)


@pytest.mark.parametrize("host", ["", NAME, NAME + ":8443"])
@pytest_twisted.ensureDeferred
async def test_a_server_with_a_good_certificate_passes(host: str, bench: Bench, ours: Issued) -> None:
    result = await bench.ask(bench.serve(issue(ours, [NAME, HERE])), host)
    assert (result.passed, result.reason) == (True, "status 200")
    assert [step.name for step in result.steps] == ["connect", "tls", "response"]


@pytest.mark.parametrize(
    ("names", "valid", "by_us", "reason"),
    [
        ([NAME], (-2 * DAY, -DAY), True, "TLS: certificate expired"),
        ([NAME], (DAY, 2 * DAY), True, "TLS: certificate not yet valid"),
        ([NAME], (-DAY, DAY), False, "TLS: not trusted"),
        (["other.example.com"], (-DAY, DAY), True, "TLS: name mismatch"),
        ([HERE], (-DAY, DAY), True, "TLS: name mismatch"),
    ],
    ids=["expired", "not yet", "self-signed", "other name", "address only"],
)
@pytest_twisted.ensureDeferred
async def test_a_bad_certificate_is_told_and_nothing_is_asked(
    names: list[str],
    valid: tuple[timedelta, timedelta],
    by_us: bool,
    reason: str,
    bench: Bench,
    ours: Issued,
) -> None:
    result = await bench.ask(bench.serve(issue(ours if by_us else None, names, valid)), NAME)
    assert (result.passed, result.reason, result.own_fault) == (False, reason, False)
    assert [step.name for step in result.steps] == ["connect"]
    assert [peer.received for peer in bench.server.peers] == [b""]


@pytest_twisted.ensureDeferred
async def test_without_a_host_the_certificate_has_to_be_that_of_the_address(
    bench: Bench, ours: Issued
) -> None:
    assert (await bench.ask(bench.serve(issue(ours, [NAME])))).reason == "TLS: name mismatch"


@pytest_twisted.ensureDeferred
async def test_the_systems_authorities_do_not_know_ours(bench: Bench, ours: Issued) -> None:
    result = await bench.ask(bench.serve(issue(ours, [NAME])), NAME, Trust())
    assert result.reason == "TLS: not trusted"


class Talker(Peer):
    """Answers before it is asked."""

    def connectionMade(self) -> None:
        self.say(OK)


@pytest_twisted.ensureDeferred
async def test_who_has_not_proved_its_name_is_not_listened_to(bench: Bench, ours: Issued) -> None:
    bench.server = Server(Talker)
    # Up to 1.2 the server ends the handshake, and what it says may come in the same segment.
    options = issue(ours, ["other.example.com"]).options(newest=TLSVersion.TLSv1_2)
    assert (await bench.ask(bench.serve_with(options), NAME)).reason == "TLS: name mismatch"


@pytest_twisted.ensureDeferred
async def test_a_server_without_tls_is_told(bench: Bench, serve: Serve) -> None:
    bench.server = Server(Talker)
    result = await bench.ask(serve(bench.server), NAME)
    assert (result.passed, result.reason.startswith("TLS: ")) == (False, True)
    assert result.reason != "TLS: "


@pytest_twisted.ensureDeferred
async def test_one_that_hangs_up_in_the_handshake_is_told(bench: Bench, serve: Serve) -> None:
    class Closer(Peer):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.loseConnection()

    bench.server = Server(Closer)
    assert (await bench.ask(serve(bench.server), NAME)).reason == "TLS: no handshake"


@pytest_twisted.ensureDeferred
async def test_one_that_hangs_in_the_handshake_costs_the_timeout(
    dialer: DirectDialer, serve: Serve, trust: Trust
) -> None:
    clock = Clock()
    server = Server()
    asked = HTTPCheck(Question(host=NAME), dialer, clock, 3, trust=trust).check(serve(server))
    peer = await server.accepted
    clock.advance(3)
    assert (await asked).reason == "timed out after 3 s"
    await peer.lost
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_the_name_is_told_to_the_server_and_an_address_is_not(bench: Bench, ours: Issued) -> None:
    told: list[bytes | None] = []
    options = issue(ours, [NAME, HERE]).options()
    context = options.getContext()
    context.set_tlsext_servername_callback(lambda connection: told.append(connection.get_servername()))
    address = bench.serve_with(options)
    await bench.ask(address, NAME)
    await bench.ask(address)
    assert told == [NAME.encode(), None]


def test_one_context_is_made_for_all_servers(ours: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    make = SSL.Context.__init__

    def count(context: SSL.Context, method: int) -> None:
        made.append(context)
        make(context, method)

    monkeypatch.setattr(SSL.Context, "__init__", count)
    trust = Trust(ours.pem)
    for name in (NAME, HERE, "other.example.com"):
        trust.handshake(name).below(Peer()).makeConnection(NoTransport())
    assert len(made) == 1


class NoTransport:
    """Takes bytes to nowhere."""

    def write(self, data: bytes) -> None: ...


@pytest.mark.parametrize(
    "pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Trust(pem)
