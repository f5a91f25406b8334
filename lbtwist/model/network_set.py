"""A set of networks that answers at once, whatever its size."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from lbtwist.model.network import Network, unmapped


class NetworkSet:
    """Whether an IP address is in one of `networks`: one binary search, however many there are.

    An IPv4 address that is written as IPv6 is IPv4 (RFC 4291, 2.5.5.2), and such a network too.
    """

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        known = list(map(unmapped, networks))
        self._ipv4 = _Ranges(network for network in known if isinstance(network, IPv4Network))
        self._ipv6 = _Ranges(network for network in known if not isinstance(network, IPv4Network))

    def __bool__(self) -> bool:
        return bool(self._ipv4) or bool(self._ipv6)

    def __contains__(self, host: str) -> bool:
        """Whether `host`, the text of an IP address, is in it; an empty one, of a Unix socket, is not."""
        if not host or not self:
            return False
        if ":" not in host:
            return int(IPv4Address(host)) in self._ipv4
        address = IPv6Address(host)
        mapped = address.ipv4_mapped
        return int(address) in self._ipv6 if mapped is None else int(mapped) in self._ipv4


class _Ranges:
    """Disjoint ranges of numbers, in order."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in sorted((int(n.network_address), int(n.broadcast_address)) for n in networks):
            if self._last and first <= self._last[-1]:
                self._last[-1] = max(self._last[-1], last)
            else:
                self._first.append(first)
                self._last.append(last)

    def __bool__(self) -> bool:
        return bool(self._first)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]
