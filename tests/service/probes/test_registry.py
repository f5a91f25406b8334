"""The check that a group's settings ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pytest
from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.model.server_tls import ServerTLS
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import CodeRange
from lbtwist.service.probes.registry import CHECKS, make_check
from lbtwist.service.probes.tcp import TCPCheck
from tests.certificates import authority
from tests.net.fakes import FakeDialer
from tests.service.probes.peers import Peer, got, settle

SERVER = Address("192.0.2.1", 80)
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nX-Drain: 1\r\n\r\n"


@dataclass(frozen=True)
class Settings:
    type: str
    timeout: float = 3.0
    port: int = 9000
    path: str = "/health"
    host: str = "www.example.com"
    method: str = "HEAD"
    expected_codes: Collection[CodeRange] = ((204, 204),)
    drain_header: str = "X-Drain"
    drain_codes: Collection[CodeRange] = ()


@pytest.mark.parametrize("type", CHECKS)
def test_each_type_asks_the_port_that_is_set_for_as_long_as_is_set(type: str) -> None:
    clock = Clock()
    dialer = FakeDialer(clock)
    dialer.answer(Address("192.0.2.1", 9000), Peer, after=60)
    found = got(make_check(Settings(type), dialer, clock, authority().pem).check(SERVER))
    clock.advance(3)
    assert dialer.dialled == [Address("192.0.2.1", 9000)]
    assert [one.reason[:9] for one in found] == ["timed out"]


def test_http_asks_and_judges_as_is_set() -> None:
    clock = Clock()
    dialer = FakeDialer(clock)
    peer = Peer(NO_CONTENT)
    dialer.answer(Address("192.0.2.1", 9000), lambda: peer)
    found = got(make_check(Settings("http"), dialer, clock).check(SERVER))
    settle(clock)
    assert peer.received.startswith(b"HEAD /health HTTP/1.1\r\n")
    assert b"\r\nHost: www.example.com\r\n" in peer.received
    assert [(one.passed, one.drain_requested) for one in found] == [(True, True)]


def trusted(type: str, tls: ServerTLS | None, host: str = "", ca: bytes | None = None) -> ServerTLS | None:
    """Whom a check of that type believes."""
    clock = Clock()
    check = make_check(Settings(type, host=host), FakeDialer(clock), clock, ca, tls)
    assert isinstance(check, HTTPCheck | TCPCheck)
    return check.trust.settings if check.trust else None


@pytest.mark.parametrize("type", CHECKS)
def test_checks_of_a_group_with_tls_go_by_its_settings(type: str) -> None:
    tls = ServerTLS(verify=False, name="app.internal")
    assert trusted(type, tls, "www.example.com") == tls


@pytest.mark.parametrize("type", ["tcp", "http"])
def test_those_of_another_group_are_without_tls(type: str) -> None:
    assert trusted(type, None) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("", ""),
        ("www.example.com", "www.example.com"),
        ("www.example.com:8443", "www.example.com"),
        ("10.0.0.1:8443", "10.0.0.1"),
        ("[::1]:8443", "::1"),
        ("[::1]", "::1"),
    ],
)
def test_https_of_another_group_asks_for_the_certificate_of_its_host(host: str, name: str) -> None:
    assert trusted("https", None, host) == ServerTLS(name=name)


def test_https_has_authorities_of_its_own_where_they_are_given() -> None:
    pem = authority().pem
    assert trusted("https", None, ca=pem) == ServerTLS(authorities=pem)
    assert trusted("https", ServerTLS(name="app.internal"), ca=pem) == ServerTLS(True, pem, "app.internal")
    assert trusted("http", ServerTLS(), ca=pem) == ServerTLS()


def test_another_type_is_refused() -> None:
    clock = Clock()
    with pytest.raises(KeyError):
        make_check(Settings("none"), FakeDialer(clock), clock)
