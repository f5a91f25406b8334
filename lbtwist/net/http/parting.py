"""How a client's connection ends: with an answer of our own, in order, or so that it is seen to be cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress

from lbtwist.net.clients import Guest
from lbtwist.net.end import IEndTransport
from lbtwist.net.http.caller import Caller
from lbtwist.net.http.deadline import Deadline
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.linger import Lingering
from lbtwist.net.pair import CLOSE_TIMEOUT
from lbtwist.net.tls.client_transport import end_without_notice
from lbtwist.wire.answer import answer
from lbtwist.wire.request_head import RequestHead

if TYPE_CHECKING:
    from lbtwist.net.http.exchange import Exchange
    from lbtwist.net.http.server import ServerConnection

HEAD, BODY, WAIT, OVER = range(4)
"""What the bytes are that come next: of a request's head, of its body, for a later turn, nothing any more."""


class Parting(Caller, Guest):
    """A connection that can be closed in each of the ways that there are."""

    def __init__(self, frontend: HttpFrontend, host: str, peer: IAddress | None) -> None:
        super().__init__(frontend, host, peer)
        self.deadline = Deadline(frontend.sweep)
        self.servers: set[ServerConnection] = set()
        """Those that were told of this client, and serve no other."""
        self.ended = False
        """It has shut its sending side down."""
        self._exchange: Exchange | None = None
        self._turn = HEAD
        self._buffer = b""
        self._held = False

    def truncate(self, endless: bool) -> None:
        """Close so that the client sees that the response is not whole (rule 7).

        `endless` says that the end of the connection would have been the end of the body.
        """
        held = self._held
        end_without_notice(self.transport)
        self._close(CLOSE_TIMEOUT)
        if endless or held:
            self.transport.abortConnection()

    def give_up(self) -> tuple[IEndTransport, bytes]:
        """Its transport, for another protocol, and what has come and was not used."""
        self._exchange = None
        self._turn = OVER
        self.deadline.stop()
        self.transport.unregisterProducer()
        self._part_with_servers()
        return self.transport, self._buffer

    def _part_with_servers(self) -> None:
        for server in list(self.servers):
            server.expire()

    def _say(self, status: int, request: RequestHead | None, location: bytes | None, keep: bool) -> int:
        """Send a response of our own. Returns its size."""
        frontend = self._frontend
        frontend.responses.count(status)
        version, method = (request.version, request.method) if request else (b"1.1", b"GET")
        name, date = frontend.policy.proxy_name, frontend.date
        response = answer(
            status, name, date, version=version, method=method, keep_alive=keep, location=location
        )
        self.transport.write(response)
        return len(response)

    def _close(self, within: float | None = None) -> None:
        """Close when all was sent, and at last after so many seconds: by default, the idle timeout."""
        self._exchange = None
        self._turn = OVER
        limit = self._frontend.policy.idle_timeout if within is None else within
        self.deadline.watch(limit, self.transport.abortConnection)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _linger(self, patience: float | None = None) -> None:
        if self.ended:
            self._close(patience)
            return
        transport, _ = self.give_up()
        lingering = Lingering(self._frontend, self.deadline)
        self._frontend.clients.replace(self, lingering)
        lingering.begin(transport, patience)
