"""The channel between two generations: messages over a socket pair."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.generations import Message
from lbtwist.wire.frames import FrameReader, frame

_PIECE = 65536
Heard = Callable[[Message], None]


class IChannel(Protocol):
    """One end of a channel."""

    def listen(self, heard: Heard, lost: Callable[[str], None], unread: bytes = b"") -> None:
        """`heard` gets each message from now on, `unread` bytes before all others, until `lost` hears why
        there are no more."""

    def send(self, message: Message) -> None:
        """Nothing happens where it is lost."""

    def pause(self) -> bytes:
        """Hear no more, without closing it. Returns what has come and is no whole message yet."""

    def close(self) -> None:
        """Neither `heard` nor `lost` is called any more. The other side's is not lost while another
        process has this end too."""

    def fileno(self) -> int:
        """Its descriptor."""


@implementer(IReadWriteDescriptor)
class Channel:
    """An end of a socket pair in `reactor`."""

    log = Logger()

    def __init__(self, connection: socket.socket, reactor: Any) -> None:
        self._socket = connection
        self._reactor = reactor
        self._reader = FrameReader()
        self._out = bytearray()
        self._heard: Heard = lambda message: None
        self._lost: Callable[[str], None] = lambda why: None
        connection.setblocking(False)

    def listen(self, heard: Heard, lost: Callable[[str], None], unread: bytes = b"") -> None:
        self._heard, self._lost = heard, lost
        self._reader = FrameReader(unread)
        self._reactor.addReader(self)
        self._read(b"")

    def send(self, message: Message) -> None:
        if self._socket.fileno() >= 0:
            self._out += frame(message)
            self.doWrite()

    def pause(self) -> bytes:
        self._reactor.removeReader(self)
        return self._reader.unread

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "upgrade"

    def doRead(self) -> None:
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if data:
            self._read(data)
        else:
            self._end("it has ended")

    def doWrite(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            self._reactor.addWriter(self)
            return
        except OSError:
            self._out.clear()  # reading tells of the end, and of what was said before it
        self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        self._end(reason.getErrorMessage())

    def _read(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                if self._socket.fileno() >= 0:
                    self._heard(message)
        except ValueError as error:
            self.log.error("what another generation says can't be read: {error}", error=error)
            self._end(f"what it says can't be read: {error}")

    def _end(self, why: str) -> None:
        if self._socket.fileno() >= 0:
            self.close()
            self._lost(why)
