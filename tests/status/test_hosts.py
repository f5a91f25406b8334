"""What a request may call this machine."""

from __future__ import annotations

import socket

import pytest

from lbtwist.model.endpoint import parse_endpoint
from lbtwist.status.hosts import guard, own_names

NAMES = frozenset({"localhost", "lb1.example", "lb1"})


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8404", True),
        ("127.0.0.1", True),
        ("10.9.8.7:80", True),
        ("[::1]:8404", True),
        ("[::1]", True),
        ("localhost", True),
        ("LocalHost:8404", True),
        ("localhost.:8404", True),
        ("lb1", True),
        ("lb1.example:8404", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8404", False),
        ("localhost.evil.example", False),
        ("evil.example:127.0.0.1", False),
        ("[evil.example]", False),
        ("", False),
        (":8404", False),
    ],
)
def test_on_loopback_no_foreign_name_is_taken(host: str, ours: bool) -> None:
    for endpoint in ("127.0.0.1:8404", "[::1]:8404", "127.9.9.9:0"):
        assert guard(parse_endpoint(endpoint), NAMES)(host) is ours


@pytest.mark.parametrize("endpoint", [":8404", "10.0.0.1:8404", "unix:/run/status"])
def test_elsewhere_any_is(endpoint: str) -> None:
    assert guard(parse_endpoint(endpoint), NAMES)("evil.example")


def test_twisted_s_way_to_say_loopback_is_loopback() -> None:
    assert not guard(parse_endpoint("tcp:8404:interface=127.0.0.1"), NAMES)("evil.example")


def test_this_machine_has_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "LB1.example")
    assert own_names() == NAMES
