"""Checks over TLS, on real sockets: what they say of a certificate, and what they ask before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.direct import DirectDialer
from lbtwist.net.tls.trust import trust_of
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import Question
from lbtwist.service.probes.tcp import TCPCheck
from tests.certificates import DAY, Issued, authority, issue
from tests.service.probes.conftest import Serve
from tests.service.probes.peers import OK, Peer, Server

NAME = "www.example.com"
HERE = "127.0.0.1"
KINDS = ("http", "tcp")
GOOD = {"http": ("status 200", ["connect", "tls", "response"]), "tcp": ("connected", ["connect", "tls"])}


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


class Bench:
    """Servers with certificates, and checks of them."""

    def __init__(self, dialer: DirectDialer, serve: Serve, ours: Issued) -> None:
        self.server = Server(lambda: Peer(OK))
        self.tls = ServerTLS(authorities=ours.pem)
        self._dialer = dialer
        self._serve = serve

    def serve(self, certificate: Issued) -> Address:
        return self.serve_with(certificate.options())

    def serve_with(self, options: CertificateOptions) -> Address:
        address = self._serve(TLSMemoryBIOFactory(options, False, self.server, clock=reactor))
        return replace(address, name=NAME)

    def check(self, kind: str = "http") -> IHealthCheck:
        trust = trust_of(self.tls)
        if kind == "tcp":
            return TCPCheck(self._dialer, reactor, 3, trust=trust)
        return HTTPCheck(Question(), self._dialer, reactor, 3, trust=trust)

    async def ask(self, address: Address, kind: str = "http") -> CheckResult:
        result = await self.check(kind).check(address)
        for peer in self.server.peers:
            await peer.lost
        return result


@pytest.fixture
def bench(dialer: DirectDialer, serve: Serve, ours: Issued) -> Bench:
    return Bench(dialer, serve, ours)


@pytest.mark.parametrize("kind", KINDS)
@pytest_twisted.ensureDeferred
async def test_a_server_with_a_good_certificate_passes(kind: str, bench: Bench, ours: Issued) -> None:
    result = await bench.ask(bench.serve(issue(ours, [NAME])), kind)
    assert (result.passed, result.reason, [step.name for step in result.steps]) == (True, *GOOD[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("names", "valid", "by_us", "reason"),
    [
        ([NAME], (-2 * DAY, -DAY), True, "certificate has expired"),
        ([NAME], (DAY, 2 * DAY), True, "certificate is not valid yet"),
        ([NAME], (-DAY, DAY), False, "certificate is not trusted: self-signed"),
        (["other.example.com"], (-DAY, DAY), True, f"certificate is not for {NAME}"),
    ],
    ids=["expired", "not yet", "self-signed", "other name"],
)
@pytest_twisted.ensureDeferred
async def test_a_bad_certificate_is_told_and_nothing_is_asked(
    names: list[str],
    valid: tuple[timedelta, timedelta],
    by_us: bool,
    reason: str,
    kind: str,
    bench: Bench,
    ours: Issued,
) -> None:
    result = await bench.ask(bench.serve(issue(ours if by_us else None, names, valid)), kind)
    assert (result.passed, result.reason, result.own_fault) == (False, reason, False)
    assert [step.name for step in result.steps] == ["connect"]
    assert [peer.received for peer in bench.server.peers] == [b""]


class Talker(Peer):
    """Answers before it is asked."""

    def connectionMade(self) -> None:
        self.say(OK)


@pytest_twisted.ensureDeferred
async def test_who_has_not_proved_its_name_is_not_listened_to(bench: Bench, ours: Issued) -> None:
    bench.server = Server(Talker)
    # Up to 1.2 the server ends the handshake, and what it says may come in the same segment.
    options = issue(ours, ["other.example.com"]).options(newest=TLSVersion.TLSv1_2)
    assert (await bench.ask(bench.serve_with(options))).reason == f"certificate is not for {NAME}"


@pytest.mark.parametrize("kind", KINDS)
@pytest_twisted.ensureDeferred
async def test_a_server_without_tls_is_told(kind: str, bench: Bench, serve: Serve) -> None:
    bench.server = Server(Talker)
    result = await bench.ask(serve(bench.server), kind)
    assert (result.passed, result.reason.startswith("no TLS: ")) == (False, True)


class Greeted(Peer):
    """Tells when a ClientHello has come, and says nothing."""

    def __init__(self, greeted: Deferred[Greeted]) -> None:
        super().__init__()
        self._greeted = greeted

    def dataReceived(self, data: bytes) -> None:
        self._greeted.callback(self)


@pytest.mark.parametrize("kind", KINDS)
@pytest_twisted.ensureDeferred
async def test_one_that_hangs_in_the_handshake_costs_the_timeout(
    kind: str, dialer: DirectDialer, serve: Serve, bench: Bench
) -> None:
    greeted: Deferred[Greeted] = Deferred()
    clock, server = Clock(), Server(lambda: Greeted(greeted))
    trust = trust_of(bench.tls)
    check: IHealthCheck = TCPCheck(dialer, clock, 3, trust=trust)
    if kind == "http":
        check = HTTPCheck(Question(), dialer, clock, 3, trust=trust)
    asked = check.check(serve(server))
    peer = await greeted
    clock.advance(3)
    clock.advance(0.1)
    assert (await asked).reason.startswith("timed out")
    await peer.lost
    assert clock.getDelayedCalls() == []
