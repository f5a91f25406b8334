from __future__ import annotations

import os
import socket

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from lbtwist.net.sockaddr import address_of, lent


@pytest.mark.parametrize(
    ("sockaddr", "address"),
    [
        (("10.0.0.1", 80), IPv4Address("TCP", "10.0.0.1", 80)),
        (("2001:db8::1", 80, 0, 0), IPv6Address("TCP", "2001:db8::1", 80)),
        (("fe80::1", 80, 0, 2), IPv6Address("TCP", "fe80::1", 80, 0, 2)),
        (("::ffff:10.0.0.1", 80, 0, 0), IPv4Address("TCP", "10.0.0.1", 80)),
        (("::ffff:0:1", 80, 0, 0), IPv6Address("TCP", "::ffff:0:1", 80)),
        ("/run/socket", UNIXAddress(b"/run/socket")),
        ("", UNIXAddress(None)),
    ],
)
def test_address_of(sockaddr: object, address: object) -> None:
    assert address_of(sockaddr) == address


def test_lent_stays_open() -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        assert lent(owner.fileno(), socket.SocketType.getsockname) == owner.getsockname()
        os.fstat(owner.fileno())


def test_lent_stays_open_after_an_error() -> None:
    with socket.socket() as owner:
        with pytest.raises(OSError, match="not connected"):
            lent(owner.fileno(), socket.SocketType.getpeername)
        os.fstat(owner.fileno())


def test_lent_after_the_close() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        lent(-1, socket.SocketType.getsockname)
