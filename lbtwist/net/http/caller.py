"""Who a client is, as servers and the log are told of it."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol

from lbtwist.net.carried import ends_of
from lbtwist.net.end import IEndTransport
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.sockaddr import shown
from lbtwist.wire.forwarded import Hop, client_address
from lbtwist.wire.onward import onward_request
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.repeated import Rewritten
from lbtwist.wire.request_head import RequestHead


class Caller(Protocol):
    """One client's connection, as far as it says where requests come from."""

    transport: IEndTransport
    written: tuple[RequestHead | None, str, str] = (None, "", "")
    """What the access log has written of its last request: `Asker`."""
    _address = ""

    def __init__(self, frontend: HttpFrontend, host: str, peer: IAddress | None) -> None:
        """`peer` is the client's address and `host` the IP address of it; empty where it has none (a Unix
        socket)."""
        self.host = host
        self.tie = (b"", 0.0)
        """The persistence cookie that it was last given here, and when."""
        self.onward = Rewritten(onward_request)
        """Writes its requests for servers."""
        self._frontend = frontend
        self._peer = peer
        self.hop: Hop | None = None
        """How servers are told of it, where its requests have an authority of their own."""

    @property
    def address(self) -> str:
        """Where it comes from, as shown."""
        if not self._address:
            self._address = shown(self._peer)
        return self._address

    @property
    def ends(self) -> Ends:
        """Of its connection, as servers may be told."""
        return ends_of(self._peer, self.transport)

    def host_of(self, request: RequestHead) -> str:
        """The IP address of the client that `request` comes from, by proxies that are trusted."""
        trusted = self._frontend.trusted
        if trusted is None:
            return self.host
        return client_address(request.known, self.host, trusted.__contains__)

    def hop_of(self, request: RequestHead) -> Hop:
        """How a server is told of this connection."""
        hop = self.hop
        if hop is None:
            hop = self.hop = self._frontend.hop(self.host, self.transport)
        if request.authority:
            return hop
        return replace(hop, authority=shown(self.transport.getHost()).encode())
