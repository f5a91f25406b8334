"""What is said on the connection of an HTTP check, below Twisted's HTTP client."""

from __future__ import annotations

import contextlib
from typing import Any
from typing import Protocol as Shape

from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from lbtwist.service.probes.answer import Answer, NoAnswer

NO_ANSWER = "no HTTP answer"


class Listener(Shape):
    """Who wants to know how it goes."""

    def mark(self, step: str) -> None:
        """The step of that name is done."""

    def ready(self, client: Any) -> None:
        """The request may be sent."""

    def ended(self, reason: str) -> None:
        """No more is to be read, for that reason."""


class Conversation(Protocol):
    """Lets `client`, one of Twisted's for HTTP, read what may be an answer."""

    def __init__(self, listener: Listener, client: Any, step: str) -> None:
        """`step` is what is done when it is connected."""
        self._listener = listener
        self._client = client
        self._step = step
        self._answer = Answer()
        self._deaf = False

    def connectionMade(self) -> None:
        self._listener.mark(self._step)
        with contextlib.suppress(OSError):  # it sets TCP_NODELAY, which a Unix socket does not have
            self._client.makeConnection(self.transport)
        self._listener.ready(self._client)

    def dataReceived(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            answer = self._answer.read(data)
        except NoAnswer:
            self._end(NO_ANSWER)
            return
        if answer:
            self._client.dataReceived(answer)
        if self._answer.full:
            self._end("head too long")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end("reset" if reason.check(ConnectionLost) else NO_ANSWER)
        self._client.connectionLost(reason)

    def _end(self, reason: str) -> None:
        self._deaf = True
        self._listener.ended(reason)
