"""The factory of a tcp listener: it makes a relay for each client that it accepts."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from lbtwist.net.end import End
from lbtwist.net.frontend import Frontend
from lbtwist.net.logged import LoggedRelay, turned_away
from lbtwist.net.relay import Relay


class RelayFactory(Factory):
    """Admits clients of one listener."""

    noisy = False

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend

    def buildProtocol(self, addr: IAddress | None) -> End | None:
        """A client's end; None, which closes it at once, when the listener is full."""
        frontend = self._frontend
        host = addr.host if isinstance(addr, IPv4Address | IPv6Address) else ""
        access = frontend.access
        if frontend.full:
            frontend.ledger.failed += 1
            if access is not None:
                access.over(turned_away(frontend, host, addr, 0))
            return None
        if access is not None:
            return LoggedRelay(next(frontend.ids), frontend, host, access).client
        return Relay(next(frontend.ids), frontend, host).client
