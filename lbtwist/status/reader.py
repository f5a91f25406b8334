"""One who follows the events: what it has got, and whether it takes more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

SLOW = 10.0
"""Seconds that a reader may take nothing before it is dropped."""


@implementer(IPushProducer)
class Reader:
    """A response that does not end by itself. While the client takes nothing, nothing is kept for it."""

    def __init__(self, request: Request, seconds: Callable[[], float], after: int) -> None:
        """`after` is the number of the last event that the client has."""
        self.after = after
        self.behind = True
        """It has to be shown everything, not what has changed alone."""
        self._request = request
        self._seconds = seconds
        self._held: float | None = None
        request.registerProducer(self, True)

    @property
    def held(self) -> bool:
        """It takes no more for now."""
        return self._held is not None

    @property
    def slow(self) -> bool:
        """It has taken nothing for too long."""
        return self._held is not None and self._seconds() - self._held >= SLOW

    def send(self, kind: str, data: bytes, id: str = "") -> None:
        """One server-sent event; `data` is one line."""
        head = f"event: {kind}\n" + (f"id: {id}\n" if id else "")
        self._request.write(b"%bdata: %b\n\n" % (head.encode(), data))

    def begin(self) -> None:
        """What a client is told first: how long to wait before it comes again, in ms."""
        self._request.write(b"retry: 2000\n\n")

    def drop(self) -> None:
        """Close its connection at once."""
        transport: Any = self._request.transport
        transport.abortConnection()

    def pauseProducing(self) -> None:
        self._held = self._seconds()

    def resumeProducing(self) -> None:
        self._held = None

    def stopProducing(self) -> None:
        """It is gone; the request tells."""
