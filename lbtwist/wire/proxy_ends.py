"""The two ends of a connection, as the PROXY protocol tells them."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import NamedTuple

from lbtwist.model.address import Address, parse_ipv6

_MAPPED = "::ffff:"


class Ends(NamedTuple):
    """Who has connected, and where to. A port may be 0; of a Unix socket without a name the path is empty."""

    source: Address
    destination: Address

    @property
    def is_unix(self) -> bool:
        return self.source.is_unix and self.destination.is_unix

    @property
    def is_mixed(self) -> bool:
        """One has an IP address and the other has none: there is no header for that."""
        return self.source.is_unix is not self.destination.is_unix

    @property
    def is_ipv6(self) -> bool:
        """One is an IPv6 address: the header has both as such."""
        return self.source.is_ipv6 or self.destination.is_ipv6


def as_ipv6(address: Address) -> IPv6Address:
    """Without a scope, which means nothing elsewhere; an IPv4 address as RFC 4291, 2.5.5.2, writes it."""
    host = address.host.partition("%")[0]
    return IPv6Address(host if ":" in host else _MAPPED + host)


def canonical_ipv6(packed: bytes) -> str:
    """The address as it is known here: RFC 5952, or the IPv4 address it stands for."""
    return parse_ipv6(str(IPv6Address(packed)))
