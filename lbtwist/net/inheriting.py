"""Twisted's own ports on a socket that another process has bound and handed on."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.protocols.tls import TLSMemoryBIOFactory


class InheritingReactor:
    """A reactor whose listening ports are on `listening`, wherever they are asked for.

    For an endpoint that opens one port: what it says of address and backlog has been done.
    """

    def __init__(self, reactor: Any, listening: socket.socket) -> None:
        self._reactor = reactor
        self._listening = listening

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self._adopted(factory)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        return self._adopted(TLSMemoryBIOFactory(contextFactory, False, factory))

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        port = self._adopted(factory)
        os.chmod(address, mode)  # Twisted gives one that it adopts to everybody
        return port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def _adopted(self, factory: IProtocolFactory) -> IListeningPort:
        with self._listening as listening:
            port: IListeningPort = self._reactor.adoptStreamPort(
                listening.fileno(), listening.family, factory
            )
            return port


def let_go(port: Any) -> None:
    """Accept no more on one of Twisted's own ports, whose socket goes on listening in another process.

    Closing it as Twisted does would shut the socket down for both, or remove its file.
    """
    port.stopReading()
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.dup2(nothing, port.fileno(), inheritable=False)
    finally:
        os.close(nothing)
    port.socket.close()
