"""Networks of IP addresses, as CIDR writes them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network

from lbtwist.model.address import Address
from lbtwist.model.shown import shown

Network = IPv4Network | IPv6Network
FORMS = '["10.0.0.0/8", "2001:db8::/32"]'

# ipaddress takes a netmask after the slash, and an address without one, too.
_CIDR = re.compile(r"[0-9a-fA-F:.]+/[0-9]{1,3}")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_network(text: str) -> Network:
    """Read `10.0.0.0/8` or `2001:db8::/32` (RFC 4632, section 3.1; RFC 4291, section 2.3).

    A network of IPv4 addresses that are written as IPv6 is read as IPv4, as such an address is. Raises
    ValueError with what is allowed, for bits that are set after the prefix too.
    """
    if not _CIDR.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a network, as 10.0.0.0/8 or 2001:db8::/32")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a network, as 10.0.0.0/8 or 2001:db8::/32") from None
    if network.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise ValueError(f"{shown(text)} has bits set after its prefix: the network is {network}")
    return unmapped(network)


def unmapped(network: Network) -> Network:
    """`network`; one of IPv4 addresses that are written as IPv6, as IPv4."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    lowest = int(network.network_address) & 0xFFFF_FFFF
    return IPv4Network((lowest, network.prefixlen - 96))


def parse_networks(value: object) -> tuple[Network, ...]:
    """Read a list of networks; raises ValueError with what is allowed."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{shown(value)} is not a list of networks, as {FORMS}")
    return tuple(parse_network(item) for item in value)


def within(address: Address, networks: Collection[Network]) -> bool:
    """Whether one of `networks` has `address`. No networks stand for any; a Unix socket is in all."""
    if not networks or address.is_unix:
        return True
    ip = ipaddress.ip_address(address.host)
    return any(ip in network for network in networks)
