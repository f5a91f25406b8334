"""What a client is counted by where its connections are limited."""

from __future__ import annotations

from ipaddress import IPv6Address

PREFIX = 64
"""Bits of an IPv6 address that tell clients apart: a network of that size is one user's, who has all
addresses of it (RFC 4291, 2.5.1; RFC 6177)."""


def client_key(host: str) -> str:
    """The key of the client at the IP address `host`: the address, of IPv6 its /64.

    An IPv4 address that is written as IPv6 is IPv4.
    """
    if ":" not in host:
        return host
    address = IPv6Address(host)
    mapped = address.ipv4_mapped
    return f"{int(address) >> PREFIX:x}" if mapped is None else str(mapped)
