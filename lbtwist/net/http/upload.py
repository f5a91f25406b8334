"""A request on its way to the server that it has got: its head, its body, and then the wait."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.net.http.assignment import Assignment
from lbtwist.net.http.server import ServerConnection
from lbtwist.wire.body import chunk, last_chunk
from lbtwist.wire.framing import CHUNKED
from lbtwist.wire.trailers import passed_trailers


class Upload(Assignment):
    """Passes the request on as it comes, and no faster than the server takes it."""

    begun = False
    """Bytes of the response have gone to the client."""
    _unsent = b""
    _sent_whole = False
    _sent_at = 0.0
    _over = False

    @property
    def awaiting_body(self) -> bool:
        """Its body is still to come, or a part of it."""
        return not (self._sent_whole or self._over)

    def joined(self, server: ServerConnection, now: float) -> None:
        """It has its server: the request goes out."""
        self._server = server
        request = self.request
        assert request is not None
        rotation = self._group.rotation
        client = self._client
        hop = client.hop
        if hop is None or not request.authority:
            hop = client.hop_of(request)
        head = client.onward.write(request, hop, rotation.cookie, not rotation.keepalive)
        if request.framing.is_empty:
            self._sent_whole = True
            server.transport.write(head)
            if not server.held:
                self._await_response(now)
        else:
            self._unsent = head
            self._client.stream()

    def send(self, content: bytes, done: bool, trailers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """More of the request's body; with `done` it was the last."""
        server, request = self._server, self.request
        assert server is not None and request is not None
        out, self._unsent = self._unsent, b""
        if request.framing is CHUNKED:
            out += chunk(content)
            if done:
                out += last_chunk(passed_trailers(trailers, request.options))
        else:
            out += content
        if out:
            server.transport.write(out)
        if done:
            self._request_sent()

    def server_full(self) -> None:
        """It takes no more of the request for now."""
        if self.awaiting_body:
            self._client.pause()

    def server_drained(self) -> None:
        """It has taken what was held for it."""
        if self.awaiting_body:
            self._client.deadline.since = self._frontend.seconds()
            self._client.resume()
        elif not self.begun:
            self._await_response(self._frontend.seconds())

    @property
    def _server_held(self) -> bool:
        return self._server is not None and self._server.held

    def late(self) -> None:
        """The server takes too long to answer."""
        raise NotImplementedError

    def _request_sent(self) -> None:
        """Nothing more goes to the server, but for what it does not take yet."""
        self._sent_whole = True
        assert self._server is not None
        if not (self.begun or self._server.held):
            self._await_response(self._frontend.seconds())

    def _await_response(self, now: float) -> None:
        self._sent_at = now
        self._client.deadline.watch_since(now, self._frontend.policy.request_timeout, self.late)
