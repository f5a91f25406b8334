"""A step of the entrance: TLS with the client."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.net.arrival import Onward
from lbtwist.net.frontend import Frontend
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.tls.client_handshake import ClientHandshake
from lbtwist.net.tls.client_transport import ClientTransport
from lbtwist.net.tls.contexts import contexts_of


class TLS:
    """Whoever enters goes on when the handshake is done, and what it goes on to has TLS below it."""

    def __init__(self, frontend: Frontend, tls: ListenerTLS) -> None:
        self.tls = tls
        self._frontend = frontend
        self._below = TLSMemoryBIOFactory(contexts_of(tls), False, Factory())

    def enter(self, address: IAddress | None, group: GroupRotation | None, onward: Onward) -> ClientTransport:
        """Step."""
        timeout = self._frontend.policy.handshake_timeout
        arrival = ClientHandshake(self._frontend, address, group, onward, timeout)
        return ClientTransport(self._below, arrival)


def tls_of(frontend: Frontend, tls: ListenerTLS) -> TLS:
    """The step for `tls`. With the same files and settings it is that of before: sessions can be resumed as
    long as the contexts live that they began with."""
    if frontend.tls is None or frontend.tls.tls != tls:
        frontend.tls = TLS(frontend, tls)
    return frontend.tls
