from __future__ import annotations

import pytest

from lbtwist.wire.forwarded import Hop, client_address, forwarded_lines

PROXIES = {"10.0.0.1", "10.0.0.2", "2001:db8::1"}


def client(*values: bytes, peer: str = "10.0.0.1") -> str:
    return client_address({b"x-forwarded-for": values}, peer, PROXIES.__contains__)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ([b"1.2.3.4"], "1.2.3.4"),
        ([b"5.6.7.8, 1.2.3.4"], "1.2.3.4"),
        ([b"5.6.7.8", b"1.2.3.4,10.0.0.2"], "1.2.3.4"),
        ([b"10.0.0.2"], "10.0.0.2"),
        ([b"10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ([b"1.2.3.4:5678"], "1.2.3.4"),
        ([b"[2001:DB8::2]:5678"], "2001:db8::2"),
        ([b"2001:db8:0::2 , [2001:db8::1]"], "2001:db8::2"),
        ([b"::ffff:1.2.3.4"], "1.2.3.4"),
    ],
)
def test_the_client_is_the_last_that_is_not_a_trusted_proxy(values: list[bytes], address: str) -> None:
    assert client(*values) == address


def test_who_is_not_trusted_is_the_client() -> None:
    assert client(b"1.2.3.4", peer="9.9.9.9") == "9.9.9.9"
    assert client_address({}, "10.0.0.1", PROXIES.__contains__) == "10.0.0.1"
    assert client(b"1.2.3.4", peer="") == ""


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"unknown",
        b"_hidden",
        b"1.2.3",
        b"01.2.3.4",
        b"1.2.3.4.",
        b"a",
        b"[::1",
        b"::1]:80",
        b"1.2.3.4:",
        b"\xb9.2.3.4",
        b"1.2.3.4 5.6.7.8",
        b"[1.2.3.4]",
        b"fe80::1%a",
        b"999.1.1.1",
        b":::",
        b"X1.2.3.4X",
        b"\xa01.2.3.4",
    ],
)
def test_what_is_no_address_ends_the_search(entry: bytes) -> None:
    assert client(b"1.2.3.4, " + entry + b", 10.0.0.2") == "10.0.0.2"


def test_a_client_without_an_address_or_a_port() -> None:
    hop = Hop(b"lbtwist", "")
    assert forwarded_lines({}, hop, b"a") == b"\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a"


def test_a_trusted_proxy_that_tells_nothing() -> None:
    hop = Hop(b"lbtwist", "::1", trusted=True, port=80)
    lines = forwarded_lines({b"x-forwarded-for": [b""]}, hop, b"a")
    assert lines.split(b"\r\n") == [
        b"",
        b"X-Forwarded-For: ::1",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Port: 80",
        b"X-Forwarded-Host: a",
    ]


def test_a_trusted_proxy_that_tells_all_but_the_chain() -> None:
    hop = Hop(b"lbtwist", "::1", trusted=True, port=80)
    lines = forwarded_lines({b"x-forwarded-proto": [b"https"], b"forwarded": [b"for=_a"]}, hop, b"a")
    assert lines.split(b"\r\n") == [
        b"",
        b"X-Forwarded-Proto: https",
        b"Forwarded: for=_a",
        b"X-Forwarded-For: ::1",
        b"X-Forwarded-Port: 80",
        b"X-Forwarded-Host: a",
    ]
