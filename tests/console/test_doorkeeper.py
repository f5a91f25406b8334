"""Who may connect now."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock

from lbtwist.console.doorkeeper import (
    ARRIVAL_RATE,
    ARRIVALS,
    FAILURE_RATE,
    FAILURES,
    MAX_TOLD,
    TELL_AGAIN,
    Doorkeeper,
    source_of,
)
from tests.console.recorder import logged

HERE = IPv4Address("TCP", "192.0.2.1", 1)
THERE = IPv4Address("TCP", "192.0.2.2", 1)


def knocking(door: Doorkeeper, address: IAddress | None, times: int) -> int:
    """How many of so many connections are admitted."""
    return sum(door.admits(address) for _ in range(times))


def test_who_does_not_log_in_comes_seldom_and_nobody_else_suffers() -> None:
    clock = Clock()
    door = Doorkeeper(clock)
    assert knocking(door, HERE, ARRIVALS + 5) == ARRIVALS
    assert door.admits(THERE)
    clock.advance(2.0)
    assert knocking(door, HERE, ARRIVALS) == 2 * ARRIVAL_RATE


def test_who_logs_in_comes_as_often_as_they_like() -> None:
    door = Doorkeeper(Clock())
    for _ in range(ARRIVALS * 3):
        assert door.admits(HERE)
        door.logged_in(HERE)


def test_who_fails_too_often_is_refused_until_time_has_passed() -> None:
    clock = Clock()
    door = Doorkeeper(clock)
    for _ in range(FAILURES):
        assert door.admits(HERE)
        door.failed(HERE)
        clock.advance(0.01)
    clock.advance(1.0)
    assert not door.admits(HERE)
    assert door.admits(THERE)
    clock.advance(1 / FAILURE_RATE)
    assert door.admits(HERE)


def test_a_refusal_is_logged_once_a_minute() -> None:
    clock = Clock()
    door = Doorkeeper(clock)
    with logged("lbtwist.console.doorkeeper") as lines:
        for _ in range(2 * int(TELL_AGAIN)):
            knocking(door, HERE, ARRIVALS + 3)
            clock.advance(1)
    assert lines == ["console: 192.0.2.1 is refused for a while: too many connections without a login"] * 2


def test_what_it_remembers_having_told_is_bounded() -> None:
    door = Doorkeeper(Clock())
    for number in range(MAX_TOLD + 10):
        door._refuse(str(number), "x")
    assert len(door._told) == MAX_TOLD


def test_a_unix_socket_is_always_admitted() -> None:
    door = Doorkeeper(Clock())
    for address in (UNIXAddress(None), None):
        assert knocking(door, address, ARRIVALS * 2) == ARRIVALS * 2
        door.logged_in(address)
        door.failed(address)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_network_of_64_bits_is_one_source(host: str, source: str) -> None:
    assert source_of(IPv6Address("TCP", host, 1)) == source
