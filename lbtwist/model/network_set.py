"""A set of networks that answers at once, whatever its size."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address

from lbtwist.model.network import Network


class NetworkSet:
    """Whether an IP address is in one of `networks`: two binary searches' worth, however many there are."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        known = list(networks)
        self._ipv4 = _Ranges(network for network in known if isinstance(network, IPv4Network))
        self._ipv6 = _Ranges(network for network in known if not isinstance(network, IPv4Network))

    def __bool__(self) -> bool:
        return bool(self._ipv4) or bool(self._ipv6)

    def __contains__(self, host: str) -> bool:
        """Whether `host`, the text of an IP address, is in it; an empty one, of a Unix socket, is not."""
        if not host or not self:
            return False
        address = ip_address(host)
        return int(address) in (self._ipv4 if address.version == 4 else self._ipv6)


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
