"""A server that keeps all bytes of each connection, and answers what h11 reads of them."""

from __future__ import annotations

import asyncio

import h11

from tests.hostile.serving import Serving


class Recorder(Serving):
    """The answer to a request is its method and target; nobody else's is the same."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: list[bytearray] = []
        """What came over each connection, in the order of their first bytes."""
        self.refusals: list[tuple[str, bytes]] = []
        """Why a connection was not read on, and what had come over it."""

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = bytearray()
        self.streams.append(stream)
        conversation = Conversation()
        while data := await reader.read(65536):
            stream += data
            try:
                answers = conversation.feed(data)
            except h11.RemoteProtocolError as error:
                self.refusals.append((str(error), bytes(stream)))
                return
            writer.write(answers)
            await writer.drain()


class Conversation:
    """One connection to the server."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        self._request: h11.Request | None = None

    def feed(self, data: bytes) -> bytes:
        """What is to be sent when `data` has come. Raises RemoteProtocolError."""
        connection = self._connection
        connection.receive_data(data)
        out = b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                if connection.they_are_waiting_for_100_continue:
                    out += self._send(h11.InformationalResponse(status_code=100, headers=[]))
            elif isinstance(event, h11.EndOfMessage):
                out += self._answer()
                if connection.our_state is not h11.DONE:
                    return out
                connection.start_next_cycle()
            elif not isinstance(event, h11.Data):
                return out

    def _answer(self) -> bytes:
        assert self._request is not None
        content = b"%b %b" % (self._request.method, self._request.target)
        length = b"%d" % len(content)
        out = self._send(h11.Response(status_code=200, headers=[(b"Content-Length", length)]))
        if self._request.method != b"HEAD":
            out += self._send(h11.Data(data=content))
        return out + self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> bytes:
        return self._connection.send(event) or b""
