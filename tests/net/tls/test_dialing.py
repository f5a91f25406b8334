"""Dialling over TLS: nothing is said to a server before it has proved who it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import Certificate
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.ssl import CertificateOptions, TLSVersion
from zope.interface.verify import verifyObject

from lbtwist.model.address import Address
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.dialing import IDial, IDialer
from lbtwist.net.tls import server_handshake
from lbtwist.net.tls.dialing import TLSDialer
from lbtwist.net.tls.server_handshake import ServerHandshake
from lbtwist.net.tls.trust import BadCredentials, Trust, trust_of
from tests.certificates import DAY, WEAK, Issued, authority, issue
from tests.net.recorder import HalfCloseable, Recorder
from tests.net.tls.peers import SERVER, Ground, Resuming, served

NAME = SERVER.name
HERE = "192.0.2.1"
BARE = Address(HERE, 443)


@pytest.fixture
def ours() -> Issued:
    """Another one for each test: what is made for equal settings is made once, with its sessions."""
    return authority()


@pytest.fixture
def server(ours: Issued) -> CertificateOptions:
    return issue(ours, [NAME]).options()


def ground_of(ours: Issued, **keys: Any) -> Ground:
    return Ground(ServerTLS(authorities=ours.pem, **keys))


@pytest.mark.parametrize("chunk", [1, 64 * 1024])
@pytest.mark.parametrize("newest", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3])
def test_connects(ours: Issued, chunk: int, newest: TLSVersion) -> None:
    ground = Ground(ServerTLS(authorities=ours.pem), chunk)
    ground.serve(issue(ours, [NAME]).options(newest))
    dial = ground.dial()
    assert verifyObject(IDial, dial)
    assert verifyObject(IDialer, TLSDialer(ground.fake, ground.trust, ground.sweep))
    ground.settle()
    for _ in range(5000 if chunk == 1 else 1):
        ground.clock.advance(0)
    assert (ground.built, ground.near.events) == (1, ["made"])
    ground.near.transport.write(b"question")
    ground.far.transport.write(b"answer")
    ground.settle()
    assert (bytes(ground.far.received), bytes(ground.near.received)) == (b"question", b"answer")
    dial.cancel()
    ground.settle()
    assert ground.near.events == ["made"]
    assert ground.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("names", "valid", "by_us", "address", "reason"),
    [
        ([NAME], (-2 * DAY, -DAY), True, SERVER, "certificate has expired"),
        ([NAME], (DAY, 2 * DAY), True, SERVER, "certificate is not valid yet"),
        ([NAME], (-DAY, DAY), False, SERVER, "certificate is not trusted: self-signed"),
        (["other.example.com"], (-DAY, DAY), True, SERVER, f"certificate is not for {NAME}"),
        ([HERE], (-DAY, DAY), True, SERVER, f"certificate is not for {NAME}"),
        ([NAME], (-DAY, DAY), True, BARE, f"certificate is not for {HERE}"),
    ],
    ids=["expired", "not yet", "self-signed", "other name", "address for a name", "name for an address"],
)
def test_a_bad_certificate_has_its_reason_and_nothing_is_said(
    names: list[str],
    valid: tuple[timedelta, timedelta],
    by_us: bool,
    address: Address,
    reason: str,
    ours: Issued,
) -> None:
    ground = ground_of(ours)
    ground.serve(issue(ours if by_us else None, names, valid).options(), address)
    assert ground.reason(address) == reason
    assert not ground.failures[0].own
    assert ground.far.count == 0


def test_an_authority_that_nobody_named_is_not_believed(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve(issue(authority("other"), [NAME]).options())
    assert ground.reason() == "certificate is not trusted: issued by nobody known"


def test_the_systems_authorities_do_not_know_ours(server: CertificateOptions) -> None:
    ground = Ground(ServerTLS())
    ground.serve(server)
    assert ground.reason() == "certificate is not trusted: issued by nobody known"


def test_the_systems_authorities_are_believed_where_none_are_named(
    ours: Issued, server: CertificateOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.pem").write_bytes(ours.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    ground = Ground(ServerTLS(name=NAME))
    ground.serve(server)
    ground.dial()
    ground.settle()
    assert (ground.built, ground.failures) == (1, [])


def test_a_server_s_own_certificate_may_be_named(ours: Issued) -> None:
    """It is no authority, and its own is not named."""
    issued = issue(ours, [NAME])
    ground = Ground(ServerTLS(authorities=issued.pem))
    ground.serve(issued.options())
    ground.dial()
    ground.settle()
    assert (ground.built, ground.failures) == (1, [])


@pytest.mark.parametrize("name", ["other.example.com", HERE])
def test_tls_name_goes_before_the_servers_own(name: str, ours: Issued) -> None:
    ground = ground_of(ours, name=name)
    ground.serve(issue(ours, [name]).options())
    ground.dial()
    ground.settle()
    assert (ground.built, ground.failures) == (1, [])


@pytest.mark.parametrize(
    ("names", "address"),
    [
        (["*.example.com"], SERVER),
        ([HERE], BARE),
        (["2001:db8::1"], Address("2001:db8::1", 443)),
        (["fe80::1"], Address("fe80::1%lo", 443)),
        (["localhost"], Address("/run/app.sock")),
    ],
    ids=["wildcard", "IPv4", "IPv6", "zone", "unix"],
)
def test_a_server_is_called_by_its_name_or_its_address(
    names: list[str], address: Address, ours: Issued
) -> None:
    ground = ground_of(ours)
    ground.serve(issue(ours, names).options(), address)
    ground.dial(address)
    ground.settle()
    assert (ground.built, ground.failures) == (1, [])


@pytest.mark.parametrize(("address", "told"), [(SERVER, NAME.encode()), (BARE, None)])
def test_a_name_is_told_to_the_server_and_an_address_is_not(
    address: Address, told: bytes | None, ours: Issued
) -> None:
    heard: list[bytes | None] = []
    options = issue(ours, [NAME, HERE]).options()
    options.getContext().set_tlsext_servername_callback(lambda each: heard.append(each.get_servername()))
    ground = ground_of(ours)
    ground.serve(options, address)
    ground.dial(address)
    ground.settle()
    assert (ground.built, heard) == (1, [told])


def test_without_verification_any_certificate_does(ours: Issued) -> None:
    ground = ground_of(ours, verify=False)
    ground.serve(issue(None, ["other.example.com"], (-2 * DAY, -DAY)).options())
    ground.dial()
    ground.settle()
    assert (ground.built, ground.failures) == (1, [])


class Talker(HalfCloseable):
    """Speaks first."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(b"220 hello")


def test_a_server_without_tls(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(Talker)
    reason = ground.reason()
    assert reason.startswith("no TLS: ")
    assert reason != "no TLS: closed in the handshake"


def test_a_server_that_hangs_up(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(lambda: Recorder(made=lambda each: each.transport.loseConnection()))
    assert ground.reason() == "no TLS: closed in the handshake"


def test_a_server_that_resets(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(lambda: Recorder(made=lambda each: each.transport.abortConnection()))
    assert ground.reason() == "no TLS: closed in the handshake"


def test_one_that_is_refused_is_as_it_was(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.dial()
    ground.settle()
    assert [each.reason for each in ground.failures] == ["refused"]


def test_connecting_and_the_handshake_have_one_timeout(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(Recorder, after=3.0)
    ground.dial(timeout=5.0)
    ground.clock.advance(3.0)
    assert ground.connected == [3.0]
    ground.clock.advance(1.9)
    assert ground.failures == []
    ground.clock.advance(0.2)
    assert [each.reason for each in ground.failures] == ["timed out"]
    ground.settle()
    assert ground.fake.wires[0].client.closed
    assert ground.clock.getDelayedCalls() == []


@pytest.mark.parametrize("after", [1.0, 0.0], ids=["connecting", "shaking hands"])
def test_cancelled_it_is_silent(after: float, ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(Recorder, after=after)
    dial = ground.dial()
    ground.settle()
    assert len(ground.connected) == (0 if after else 1)
    dial.cancel()
    dial.cancel()
    ground.settle()
    ground.clock.advance(10)
    assert (ground.built, ground.failures, ground.clock.getDelayedCalls()) == (0, [], [])
    assert all(wire.client.closed for wire in ground.fake.wires)


@pytest.mark.parametrize("newest", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3])
def test_what_comes_with_the_end_of_the_handshake_is_heard(ours: Issued, newest: TLSVersion) -> None:
    """A server that speaks first: up to 1.2 what it says may come in the same segment as its Finished."""
    ground = ground_of(ours)
    options = issue(ours, [NAME]).options(newest)
    ground.serve_with(lambda: served(options, Talker()))
    ground.dial()
    ground.settle()
    assert bytes(ground.near.received) == b"220 hello"


def test_what_is_to_be_first_goes_before_the_handshake(ours: Issued) -> None:
    ground = ground_of(ours)
    ground.serve_with(Recorder)
    ground.dial(first=b"PROXY UNKNOWN\r\n")
    ground.clock.advance(0)
    ground.clock.advance(0)
    far: Any = ground.fake.wires[0].server.protocol
    assert bytes(far.received).startswith(b"PROXY UNKNOWN\r\n\x16\x03\x01")
    ground.clock.advance(10)


def test_a_client_certificate_is_shown_to_a_server_that_asks(ours: Issued) -> None:
    mine = issue(ours, ["balancer.example.com"])
    shown: list[Certificate] = []
    options = issue(ours, [NAME]).options()
    context = options.getContext()
    context.get_cert_store().add_cert(X509.from_cryptography(ours.certificate))

    def verified(connection: object, certificate: X509, code: int, depth: int, ok: int) -> bool:
        shown.append(certificate.to_cryptography())
        return bool(ok)

    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verified)
    ground = ground_of(ours, certificate=mine.pem, key=mine.key_pem)
    ground.serve(options)
    meet(ground)
    assert (ground.built, shown[-1]) == (1, mine.certificate)


class Verified:
    """Counts the certificates that are verified in full: a session that goes on has none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        verified = ServerHandshake._verified

        def count(*arguments: Any) -> bool:
            self.count += 1
            return verified(*arguments)

        monkeypatch.setattr(ServerHandshake, "_verified", count)

    def taken(self) -> bool:
        """Whether one was, since this was last asked."""
        count, self.count = self.count, 0
        return count > 0


def meet(ground: Ground, address: Address = SERVER) -> None:
    """A connection to the server, with a byte each way, that ends in order."""
    built = ground.built
    ground.dial(address)
    ground.settle()
    if ground.built > built:
        ground.near.transport.write(b"?")
        ground.far.transport.write(b"!")
        ground.settle()
        assert bytes(ground.near.received) == b"!"
        ground.near.transport.loseConnection()
        ground.settle()


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_session_is_resumed(newest: int, ours: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = Verified(monkeypatch)
    ground = ground_of(ours)
    ground.serve(Resuming(issue(ours, [NAME]), newest))
    meet(ground)
    assert verified.taken()
    meet(ground)
    assert not verified.taken()
    assert (ground.built, ground.failures) == (2, [])


def test_a_session_is_not_for_another_name_or_address(ours: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = Verified(monkeypatch)
    ground = ground_of(ours)
    options = Resuming(issue(ours, [NAME]))
    elsewhere, misnamed = Address("192.0.2.2", 443, name=NAME), replace(SERVER, name="other.example.com")
    for address in (SERVER, elsewhere):
        ground.serve(options, address)
    meet(ground)
    assert verified.taken()
    meet(ground, elsewhere)
    assert verified.taken()
    meet(ground, misnamed)
    assert verified.taken()
    assert [each.reason for each in ground.failures] == ["certificate is not for other.example.com"]


def test_a_session_does_not_outlive_its_certificate(ours: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = ground_of(ours)
    ground.serve(Resuming(issue(ours, [NAME])))
    meet(ground)
    with monkeypatch.context() as later:
        later.setattr(server_handshake, "has_expired", lambda certificate: True)
        meet(ground)
    assert [each.reason for each in ground.failures] == ["certificate has expired"]
    verified = Verified(monkeypatch)
    meet(ground)
    assert verified.taken()
    assert ground.built == 2


def test_a_session_is_not_for_other_settings(ours: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = Verified(monkeypatch)
    ground, other = ground_of(ours), ground_of(ours, name=NAME)
    options = Resuming(issue(ours, [NAME]))
    for each in (ground, other):
        each.serve(options)
        meet(each)
        assert verified.taken()


def test_equal_settings_have_one_context(ours: Issued) -> None:
    one, same = ServerTLS(authorities=ours.pem), ServerTLS(authorities=ours.pem)
    assert trust_of(one) is trust_of(same)
    assert trust_of(one) is not trust_of(replace(one, verify=False))


ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({"authorities": b""}, "tls_ca", "has no certificate in PEM"),
        ({"authorities": b"nonsense"}, "tls_ca", "has no certificate in PEM"),
        ({"certificate": b"nonsense"}, "tls_certificate", "has no certificate in PEM"),
        ({"key": b"nonsense"}, "tls_key", "has no private key in PEM"),
        ({"key": ENCRYPTED}, "tls_key", "private key"),
    ],
)
def test_what_is_no_certificate_or_no_key_is_refused(
    keys: dict[str, bytes], key: str, why: str, ours: Issued
) -> None:
    whole = {"certificate": ours.pem, "key": ours.key_pem}
    with pytest.raises(BadCredentials, match=why) as raised:
        Trust(ServerTLS(**{**whole, **keys}))  # type: ignore[arg-type]
    assert raised.value.key == key


def test_the_key_of_another_certificate_is_refused(ours: Issued) -> None:
    other = authority("other")
    with pytest.raises(BadCredentials, match="is not the key of the certificate") as raised:
        Trust(ServerTLS(certificate=ours.pem, key=other.key_pem))
    assert raised.value.key == "tls_key"


def test_a_key_that_is_too_weak_is_refused() -> None:
    weak = issue(None, ["weak"], curve=WEAK)
    with pytest.raises(BadCredentials, match="is not usable: ee key too small") as raised:
        Trust(ServerTLS(certificate=weak.pem, key=weak.key_pem))
    assert raised.value.key == "tls_certificate"
