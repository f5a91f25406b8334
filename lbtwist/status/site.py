"""Twisted's web server with small limits, and nothing that a client sends kept or logged."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

MAX_CONNECTIONS = 64
MAX_LINE = 4096
"""Bytes of the request line, and of each header line."""
MAX_HEAD = 8192
"""Bytes of all of them together."""
MAX_HEADERS = 64
MAX_BODY = 65536
"""Bytes of a body, which is read and dropped."""
PATIENCE = 60.0
"""Seconds from the accept, or from the last response, to the end of the next request."""
LAST_REQUESTS = 1.0
"""Seconds that whoever is connected has for a last request, and for its response."""


class StatusRequest(Request):
    """A request, whose body is dropped."""

    _body = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._body += len(data)
        if self._body > MAX_BODY:
            self.channel.loseConnection()


class StatusChannel(HTTPChannel):
    """A client's connection."""

    MAX_LENGTH = MAX_LINE
    maxHeaders = MAX_HEADERS
    totalHeadersSize = MAX_HEAD
    factory: StatusSite

    def connectionMade(self) -> None:
        self.factory.channels.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self.factory.lost(self)

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether there may be another request after this one."""
        if self.factory.leaving:
            request.responseHeaders.setRawHeaders(b"connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    def resetTimeout(self) -> None:
        """A byte now and then is no request."""


class StatusSite(Site):
    """What they connect to."""

    noisy = False

    def __init__(self, resource: IResource, reactor: Any) -> None:
        super().__init__(
            resource, StatusRequest, timeout=PATIENCE, reactor=reactor, parsePOSTFormSubmission=False
        )
        self.protocol: Any = StatusChannel
        self.channels: set[StatusChannel] = set()
        self.leaving = False
        self._left: Deferred[None] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return super().buildProtocol(addr) if len(self.channels) < MAX_CONNECTIONS else None

    def getContentFile(self, length: int | None) -> BytesIO:
        """No file is made for a body that is long."""
        return BytesIO()

    def log(self, request: Any) -> None:
        """Who looks often would fill the log."""

    def leave(self) -> Deferred[None]:
        """Answer what is under way, and one last request of each that is connected; fires when none is."""
        self.leaving = True
        if not self.channels:
            return succeed(None)
        for channel in self.channels:
            channel.persistent = not channel.requests
        late = self.reactor.callLater(LAST_REQUESTS, self.close)
        return self._left.addCallback(lambda _: late.cancel() if late.active() else None)

    def lost(self, channel: StatusChannel) -> None:
        """It is connected no more."""
        self.channels.discard(channel)
        if self.leaving and not self.channels and not self._left.called:
            self._left.callback(None)

    def close(self) -> None:
        """Close all connections, whatever is under way."""
        for channel in list(self.channels):
            transport: Any = channel.transport
            transport.abortConnection()
