"""The factory of a tcp listener: it makes a relay for each client that it accepts."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from lbtwist.net.end import End
from lbtwist.net.entrance import Entrance
from lbtwist.net.logged import LoggedRelay, turn_away
from lbtwist.net.relay import Relay
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of


class RelayFactory(Entrance):
    """Admits clients of one listener."""

    def build(self, address: IAddress | None, group: GroupRotation | None) -> End | None:
        """A client's end; None, which closes it at once, when the listener is full."""
        frontend = self._frontend
        if frontend.full:
            turn_away(frontend, address)
            return None
        access = frontend.access
        host = host_of(address)
        if access is not None:
            return LoggedRelay(next(frontend.ids), frontend, host, address, group, access).client
        return Relay(next(frontend.ids), frontend, host, address, group).client
