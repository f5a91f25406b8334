from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.network_set import NetworkSet

# Of 32 addresses only, so that networks hold and touch each other, and addresses are near their ends.
NUMBERS = st.integers(0, 31)


def networks_of(make: Callable[..., Any], bits: int) -> st.SearchStrategy[list[Any]]:
    """Networks within 10.0.0.0/27 or 2001:db8::/123."""
    base = int(IPv4Address("10.0.0.0")) if bits == 32 else int(IPv6Address("2001:db8::"))
    one = st.builds(
        lambda number, prefix: make((base + number, bits - prefix), strict=False), NUMBERS, st.integers(0, 5)
    )
    return st.lists(one, max_size=6)


@given(ipv4=networks_of(IPv4Network, 32), ipv6=networks_of(IPv6Network, 128), number=st.integers(-2, 34))
def test_it_has_what_one_of_its_networks_has(ipv4: list[Any], ipv6: list[Any], number: int) -> None:
    found = NetworkSet([*ipv4, *ipv6])
    for base in (ip_address("10.0.0.0"), ip_address("2001:db8::")):
        address = base + number
        assert (str(address) in found) is any(address in network for network in ipv4 + ipv6)
    assert bool(found) is bool(ipv4 or ipv6)


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("::/0", "::1", "10.0.0.1"),
        ("10.0.0.1/32", "10.0.0.1", "10.0.0.2"),
        ("::/0", "::1", "::ffff:10.0.0.1"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.0.0.1", "::10.0.0.1"),
        ("::ffff:0:0/96", "::ffff:10.0.0.1", "::10.0.0.1"),
        ("fe80::/64", "fe80::1%eth0", "fe80:0:0:1::1"),
    ],
)
def test_families_are_apart_and_ipv4_in_ipv6_is_ipv4(network: str, inside: str, outside: str) -> None:
    found = NetworkSet([ip_network(network)])
    assert inside in found
    assert outside not in found


def test_who_has_no_address_is_in_none() -> None:
    assert "" not in NetworkSet([ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert "10.0.0.1" not in NetworkSet()
    assert not NetworkSet()


def test_it_is_right_about_ten_thousand() -> None:
    """Every second /28 of 10.0.0.0/14 and more, as a list from outside has them."""
    networks = [IPv4Network((0x0A000000 + 32 * number, 28)) for number in range(10_000)]
    found = NetworkSet(reversed(networks))
    for number in (0, 1, 4_999, 9_998, 9_999):
        first = IPv4Address(0x0A000000 + 32 * number)
        assert [str(first + n) in found for n in (-1, 0, 15, 16)] == [False, True, True, False]


def test_networks_that_are_within_others_or_beside_them() -> None:
    found = NetworkSet(
        map(ip_network, ["10.1.0.0/16", "10.0.0.0/8", "10.255.0.0/16", "11.0.0.0/8", "9.0.0.0/31"])
    )
    for inside in ("9.0.0.1", "10.0.0.0", "10.2.0.0", "10.255.255.255", "11.0.0.0", "11.255.255.255"):
        assert inside in found
    for outside in ("8.255.255.255", "9.0.0.2", "9.255.255.255", "12.0.0.0"):
        assert outside not in found
