"""The factory of an http listener."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from lbtwist.net.entrance import Entrance
from lbtwist.net.http.client import ClientConnection
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of


class HttpFactory(Entrance):
    """Has every client of one listener: one that is too many is answered with 503."""

    _frontend: HttpFrontend

    def __init__(self, frontend: HttpFrontend) -> None:
        super().__init__(frontend)

    def build(self, address: IAddress | None, group: GroupRotation | None) -> ClientConnection:
        """A client's connection. Its requests choose their groups themselves."""
        return ClientConnection(self._frontend, host_of(address), address)
