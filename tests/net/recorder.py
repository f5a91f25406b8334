"""A protocol that writes down what it hears, for tests that drive its transport by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer


class Recorder(Protocol):
    """Hears an end of input as the end of the connection."""

    transport: Any

    def __init__(self, made: Callable[[Any], object] | None = None, keep: bool = True) -> None:
        self.events: list[str] = []
        """All but data, in order: `made`, `read lost`, `write lost`, `lost`, `paused`, `resumed`."""
        self.received = bytearray()
        self.count = 0
        self.digest = hashlib.sha256()
        self.reason: Failure | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self.on_lost: Callable[[], object] | None = None
        self._made = made
        self._keep = keep
        self._inside = False
        self._waiting: list[tuple[Callable[[], object], Deferred[None]]] = []

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is called within is a method of the transport: nothing may be told from inside of it."""
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when `condition()`, which is asked after each event of this protocol."""
        if not condition():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((condition, waiting))
            await waiting

    async def until_received(self, count: int) -> None:
        await self.until(lambda: self.count >= count)

    async def until_heard(self, event: str) -> None:
        await self.until(lambda: event in self.events)

    def connectionMade(self) -> None:
        self._hear("made")
        if self._made is not None:
            self._made(self)

    def dataReceived(self, data: bytes) -> None:
        assert not self._inside
        assert "lost" not in self.events
        self.count += len(data)
        self.digest.update(data)
        if self._keep:
            self.received += data
        if self.on_data is not None:
            self.on_data(data)
        self._tell()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.reason = reason
        self._hear("lost")
        if self.on_lost is not None:
            self.on_lost()

    def pauseProducing(self) -> None:
        """As a producer, which this is not: only what it is told is of interest."""
        self._hear("paused", at_once=True)

    def resumeProducing(self) -> None:
        self._hear("resumed", at_once=True)

    def stopProducing(self) -> None:
        self._hear("stopped", at_once=True)

    def _hear(self, event: str, at_once: bool = False) -> None:
        assert at_once or not self._inside, f"{event} was told from inside of a call"
        self.events.append(event)
        self._tell()

    def _tell(self) -> None:
        for entry in list(self._waiting):
            condition, waiting = entry
            if condition():
                self._waiting.remove(entry)
                waiting.callback(None)


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Recorder):
    """Hears the end of each direction for itself."""

    def readConnectionLost(self) -> None:
        self._hear("read lost")

    def writeConnectionLost(self) -> None:
        self._hear("write lost")
