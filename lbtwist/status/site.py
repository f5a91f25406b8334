"""Twisted's web server with small limits, and nothing that a client sends kept or logged."""

from __future__ import annotations

from io import BytesIO
from typing import Any

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
        self.factory.channels.discard(self)
        super().connectionLost(reason)

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

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return super().buildProtocol(addr) if len(self.channels) < MAX_CONNECTIONS else None

    def getContentFile(self, length: int | None) -> BytesIO:
        """No file is made for a body that is long."""
        return BytesIO()

    def log(self, request: Any) -> None:
        """Who looks often would fill the log."""

    def close(self) -> None:
        """Close all connections, whatever is under way."""
        for channel in list(self.channels):
            transport: Any = channel.transport
            transport.abortConnection()
