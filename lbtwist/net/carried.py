"""Connections whose two ends are those that a proxy in front has told of."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress

from lbtwist.net.end import IEndTransport
from lbtwist.net.sockaddr import plain, told_of
from lbtwist.net.transport import SocketTransport
from lbtwist.wire.proxy_ends import Ends


def carry(transport: Any, ends: Ends) -> None:
    """Have `transport` give these as its peer's address and its own from now on."""
    peer, host = map(told_of, ends)
    if isinstance(transport, SocketTransport):
        transport.stand_for(peer, host)
    else:
        transport.getPeer = lambda: peer
        transport.getHost = lambda: host


def ends_of(peer: IAddress | None, transport: IEndTransport) -> Ends:
    """The ends of the connection of a client at `peer`, as a server may be told of them."""
    return Ends(plain(peer), plain(transport.getHost()))
