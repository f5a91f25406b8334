"""The entrance of a listener behind proxies: each client's connection begins with a PROXY header."""

from __future__ import annotations

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocol

from lbtwist.errors import BadProxyHeader
from lbtwist.model.network_set import NetworkSet
from lbtwist.net.arrival import Arrival, Onward
from lbtwist.net.carried import carry
from lbtwist.net.frontend import Frontend
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of
from lbtwist.wire.proxy_header import read_proxy_header

UNTRUSTED = "untrusted_proxy"
"""Why a peer is closed that may not tell of clients."""
WITHIN = 5.0
"""Seconds for the header, which is the first that a proxy sends. Section 2 has a receiver wait for 3 at
least: a lost packet is sent again within that."""


class ProxyHeaders:
    """Lets trusted proxies in, with the addresses of the clients that they tell of.

    Who can connect to a Unix socket is decided by the rights of its file: every peer there is trusted.
    """

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._trusted = NetworkSet(frontend.policy.trusted_proxies)

    def enter(
        self, address: IAddress | None, group: GroupRotation | None, onward: Onward
    ) -> IProtocol | None:
        """Step."""
        if isinstance(address, UNIXAddress) or host_of(address) in self._trusted:
            return Proxied(self._frontend, address, group, onward, WITHIN)
        self._frontend.refuse(address, UNTRUSTED)
        return None


class Proxied(Arrival):
    """A proxy's connection whose header is to come. Then it is the client's, as far as anybody can tell."""

    admitted = False
    _received = b""

    def dataReceived(self, data: bytes) -> None:
        if self._over:
            return
        self._received += data
        try:
            told = read_proxy_header(self._received)
        except BadProxyHeader as bad:
            self.turn_away(bad.reason)
            return
        if told is not None:
            ends, size = told
            if ends is not None:
                carry(self.transport, ends)
                self.address = self.transport.getPeer()
            self.go_on(self._received[size:])
