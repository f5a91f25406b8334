"""The factory of an http listener."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from lbtwist.net.http.client import ClientConnection
from lbtwist.net.http.frontend import HttpFrontend


class HttpFactory(Factory):
    """Has every client of one listener: one that is too many is answered with 503."""

    noisy = False

    def __init__(self, frontend: HttpFrontend) -> None:
        self._frontend = frontend

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection:
        """A client's connection."""
        host = addr.host if isinstance(addr, IPv4Address | IPv6Address) else ""
        return ClientConnection(self._frontend, host)
