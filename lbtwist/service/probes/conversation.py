"""What is said on the connection of an HTTP check, below Twisted's HTTP client."""

from __future__ import annotations

import contextlib
from typing import Any
from typing import Protocol as Shape

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.service.probes.answer import Answer, NoAnswer
from lbtwist.service.probes.trust import Handshake

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

    def __init__(self, listener: Listener, client: Any) -> None:
        self._listener = listener
        self._client = client
        self._answer = Answer()
        self._talking = False
        self._deaf = False

    def connectionMade(self) -> None:
        self._listener.mark("connect")
        self._talk()

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
        self._end(self._why(reason))
        if self._talking:
            self._client.connectionLost(reason)

    def _talk(self) -> None:
        self._talking = True
        with contextlib.suppress(OSError):  # it sets TCP_NODELAY, which a Unix socket does not have
            self._client.makeConnection(self.transport)
        self._listener.ready(self._client)

    def _end(self, reason: str) -> None:
        self._deaf = True
        self._listener.ended(reason)

    def _why(self, reason: Failure) -> str:
        return "reset" if reason.check(ConnectionLost) else NO_ANSWER


@implementer(IHandshakeListener)
class SecureConversation(Conversation):
    """The same over TLS: nothing is asked before the server has proved who it is."""

    def __init__(self, listener: Listener, client: Any, handshake: Handshake) -> None:
        super().__init__(listener, client)
        self._handshake = handshake

    def connectionMade(self) -> None:
        self._listener.mark("connect")

    def handshakeCompleted(self) -> None:
        """IHandshakeListener."""
        if self._handshake.proves_name():
            self._listener.mark("tls")
            self._talk()
        else:
            self._end("TLS: name mismatch")

    def _why(self, reason: Failure) -> str:
        return super()._why(reason) if self._talking else self._handshake.reason(reason.value)
