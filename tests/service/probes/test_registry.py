"""The check that a group's settings ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pytest
from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import CodeRange
from lbtwist.service.probes.registry import CHECKS, make_check
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


def test_https_alone_verifies() -> None:
    clock = Clock()
    dialer = FakeDialer(clock)
    plain, secure = (make_check(Settings(type), dialer, clock) for type in ("http", "https"))
    assert isinstance(plain, HTTPCheck)
    assert isinstance(secure, HTTPCheck)
    assert plain.trust is None
    assert secure.trust is not None


def test_another_type_is_refused() -> None:
    clock = Clock()
    with pytest.raises(KeyError):
        make_check(Settings("none"), FakeDialer(clock), clock)
