"""A response on its way to the client: its head, its body, and what is counted of it."""

from __future__ import annotations

from lbtwist.net.http.server import LONG, ServerConnection
from lbtwist.net.http.upload import Upload
from lbtwist.net.live import Ledger
from lbtwist.net.sending import write_both
from lbtwist.wire.framing import LENGTH, UNTIL_CLOSE, Framing
from lbtwist.wire.onward import client_framing, onward_interim
from lbtwist.wire.response_head import ResponseHead


class Download(Upload):
    """Passes the response on as it comes, and no faster than the client takes it."""

    received = sent = 0
    _endless = False
    _keep = False
    _status = 0
    """Of the final response; 0 while none has come."""
    _answered = 0.0
    """When its head had come."""
    _left: Ledger | None = None
    """The registration's that it had its lease of, when the whole response has come."""

    @property
    def touched(self) -> float:
        """When a byte last moved."""
        return self._client.deadline.since

    def touch(self) -> None:
        """A byte of the response's body has come from the server."""
        self._client.deadline.since = self._frontend.seconds()

    def head_begins(self) -> None:
        """A part of a head has come: the request timeout ends with its first byte."""
        if self._sent_at:
            self._client.moves()

    def interim(self, head: ResponseHead) -> None:
        """A 1xx, for a client that knows such; the final response is still awaited."""
        assert self.request is not None
        if self.request.version == b"1.1":
            self._write(onward_interim(head, self._frontend.policy.proxy_name))
        if self._sent_at:
            deadline = self._client.deadline
            deadline.watch(self._frontend.policy.request_timeout, self.late)
            deadline.since = self._sent_at

    def response_begins(self, head: ResponseHead) -> tuple[bytes, Framing]:
        """The final head as the client gets it, and how its body is framed.

        `response_at_once` or `body_begins` is to be called before anything else happens.
        """
        request, frontend = self.request, self._frontend
        assert request is not None
        framing = head.framing
        if framing.kind is not LENGTH:
            framing = client_framing(framing, request.version)
        self._endless = framing is UNTIL_CLOSE
        self._keep = (
            request.keep_alive
            and self._sent_whole
            and not self._endless
            and (not self._client.ended or self._client.may_stay)
            and not frontend.leaving
        )
        self._client.deadline.since = self._answered = frontend.seconds()
        self._status = status = head.status
        at = status // 100 - 1
        self._group.counts.responses.by_class[at] += 1
        frontend.responses.by_class[at] += 1
        name, date = frontend.policy.proxy_name, b"" if b"date" in head.known else frontend.date
        set_cookie = self._set_cookie() if self._group.rotation.cookie else b""
        assert self._server is not None
        onward = self._server.onward
        return onward.write(head, request.version, name, date, self._keep, set_cookie, None), framing

    def response_at_once(
        self, server: ServerConnection, head: bytes, body: bytes | memoryview, reusable: bool
    ) -> None:
        """The whole response has come with its head."""
        if self._sent_at:
            self._group.counts.at_once.observe(self._answered - self._sent_at)
        self.begun = True
        self.sent += len(head) + len(body)
        if len(body) < LONG:
            self._client.transport.write(head + body)
        else:
            write_both(self._client.transport, head, body)
        self._part_with(server, reusable)

    def body_begins(self) -> None:
        """Not all of the response has come with its head."""
        if self._sent_at:
            self._group.counts.header.observe(self._answered - self._sent_at)

    def body_moves(self) -> None:
        """More of the response is to come: it must not stand still for too long."""
        self._client.moves()

    def forward(self, data: bytes) -> None:
        """Bytes of the response, for the client."""
        self.begun = True
        self.sent += len(data)
        self._client.transport.write(data)

    def response_done(self, server: ServerConnection, reusable: bool) -> None:
        """The last of a response has come that did not come at once."""
        if self._sent_at:
            self._group.counts.response.observe(self.touched - self._sent_at)
        self._part_with(server, reusable)

    def client_full(self) -> None:
        """The client takes no more of the response for now."""
        if self._server is not None:
            self._server.pause()

    def client_drained(self) -> None:
        """It has taken what was held for it."""
        if self._server is not None:
            self._server.resume()

    def _part_with(self, server: ServerConnection, reusable: bool) -> None:
        """Its server has nothing more to do for it."""
        raise NotImplementedError

    def _write(self, out: bytes) -> None:
        self.sent += len(out)
        self._client.transport.write(out)
