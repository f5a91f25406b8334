"""The sending side of a connection: a write is tried at once, and only the rest is queued."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from errno import EAGAIN, ENOBUFS
from socket import MSG_MORE
from typing import Any, Protocol

from twisted.internet.interfaces import IHalfCloseableProtocol, IProducer, IProtocol, ITransport
from twisted.python.failure import Failure

from lbtwist.net.poller import Poller
from lbtwist.net.sockaddr import lent, send_fin

OPEN, HELD, SHUT = range(3)
"""What becomes of a write: tried at once, queued, dropped."""


class Waiting(Protocol):
    """What the socket has not taken yet, wherever that is kept."""

    def __len__(self) -> int:
        """So many bytes."""

    def send(self, fd: int) -> int:
        """Send to `fd` as much as it takes. Returns how many bytes are left. Raises OSError."""

    def drop(self) -> None:
        """It is sent no more."""


class Queue(bytearray):
    """Bytes that wait in our memory."""

    __slots__ = ()

    def send(self, fd: int) -> int:
        del self[: os.write(fd, self)]
        return len(self)

    def drop(self) -> None:
        self.clear()


class Last(Queue):
    """Bytes that FIN follows: they wait for it in the kernel, and both leave in one segment. tcp(7)."""

    __slots__ = ()

    def send(self, fd: int) -> int:
        del self[: lent(fd, lambda borrowed: borrowed.send(self, MSG_MORE))]
        return len(self)


class SendingSide:
    """IConsumer and the half-close of a transport; what is about reading and the end, that one adds.

    A push producer is paused as soon as anything is queued and resumed when nothing is, so that a slow
    peer costs one read of memory. It does not hold up a close. A pull producer is asked for more
    whenever nothing is queued, and both closes wait until it is unregistered.
    """

    __slots__ = (
        "protocol",
        "disconnecting",
        "_poller",
        "_fd",
        "_output",
        "_queue",
        "_halving",
        "_producer",
        "_pulling",
        "_held_back",
        "_reason",
    )

    protocol: IProtocol

    def __init__(self, poller: Poller, fd: int) -> None:
        self.disconnecting = False
        """Whether `loseConnection` was called."""
        self._poller = poller
        self._fd = fd
        self._output = OPEN
        self._queue: Waiting | None = None
        self._halving = False
        self._producer: IProducer | None = None
        self._pulling = False
        self._held_back = False
        self._reason: Failure | None = None

    @property
    def queued(self) -> int:
        """Bytes that the socket has not taken yet."""
        return len(self._queue) if self._queue is not None else 0

    def write(self, data: bytes) -> None:
        """Send `data`, or as much as the socket takes, and queue the rest; dropped after a close."""
        if self._output:
            self._enqueue(data)
            return
        try:
            sent = os.write(self._fd, data)
        except OSError as error:
            if error.errno not in (EAGAIN, ENOBUFS):
                self._write_failed()
                return
            sent = 0
        if sent != len(data):
            self._output = HELD
            self._enqueue(memoryview(data)[sent:])

    def write_last(self, data: bytes) -> None:
        """`write` of what `loseWriteConnection` or a close follows at once."""
        if self._output == OPEN:
            self._try(Last(data))
        else:
            self._enqueue(data)

    def pour(self, waiting: Waiting) -> None:
        """`write` of all that is in `waiting`, which keeps the rest; dropped after a close.

        It may be called again for the same before that is empty; nothing else may be written until then.
        """
        if self._output == OPEN:
            self._try(waiting)
        elif self._output == SHUT:
            waiting.drop()

    def writeSequence(self, data: Iterable[bytes | memoryview]) -> None:
        """`write` of all of them together, which are not copied where the socket takes them at once."""
        pieces = list(data)
        if self._output:
            self._enqueue(b"".join(pieces))
            return
        try:
            sent = os.writev(self._fd, pieces)
        except OSError as error:
            if error.errno not in (EAGAIN, ENOBUFS):
                self._write_failed()
                return
            sent = 0
        if sent != sum(map(len, pieces)):
            self._output = HELD
            self._enqueue(memoryview(b"".join(pieces))[sent:])

    def loseWriteConnection(self) -> None:
        """Send FIN after what is queued, and then tell an IHalfCloseableProtocol. Reading goes on."""
        if self._output == SHUT or self._halving:
            return
        self._halving = True
        if not self._pulling:
            self._output = SHUT
            if self._queue is None:
                self._poller.soon(self._shut)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Have `producer` write here at this connection's pace. Raises RuntimeError when there is one."""
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is this transport's producer, and was not unregistered")
        if self._fd < 0:
            producer.stopProducing()
            return
        self._producer = producer
        self._pulling = not streaming
        if streaming:
            if self._queue is not None:
                self._hold_back()
        else:
            self._output = max(self._output, HELD)
            producer.resumeProducing()  # type: ignore[attr-defined]

    def unregisterProducer(self) -> None:
        """Nothing more comes from the producer."""
        was_pulling, self._pulling = self._pulling, False
        self._producer = None
        self._held_back = False
        if was_pulling and self._queue is None and self._reason is None:
            self._emptied()

    def _enqueue(self, data: bytes | memoryview) -> None:
        if self._output == SHUT or not data:
            return
        if self._queue is None:
            self._hold(Queue(data))
        else:
            assert isinstance(self._queue, Queue), "something was written behind what is poured"
            self._queue += data

    def _try(self, waiting: Waiting) -> None:
        try:
            left = waiting.send(self._fd)
        except OSError as error:
            if error.errno not in (EAGAIN, ENOBUFS):
                self._write_failed()
                waiting.drop()
                return
            left = len(waiting)
        if left:
            self._output = HELD
            self._hold(waiting)

    def _hold(self, waiting: Waiting) -> None:
        self._queue = waiting
        self._hold_back()
        self._watch()

    def _hold_back(self) -> None:
        """Something is queued: pause a push producer."""
        if self._producer is not None and not (self._pulling or self._held_back):
            self._held_back = True
            self._producer.pauseProducing()  # type: ignore[attr-defined]

    def _flush(self, queue: Waiting) -> None:
        """The socket takes more of `queue`."""
        try:
            left = queue.send(self._fd)
        except OSError as error:
            if error.errno not in (EAGAIN, ENOBUFS):
                self._write_failed()
            return
        if not left:
            self._queue = None
            self._emptied()
            self._watch()

    def _emptied(self) -> None:
        """Nothing is queued any more: do what was waiting for this, or ask for more."""
        if self._pulling and self._producer is not None:
            self._producer.resumeProducing()  # type: ignore[attr-defined]
        elif self.disconnecting:
            self._sent_all()
        else:
            self._open_or_shut()
            if self._held_back and self._producer is not None:
                self._held_back = False
                self._producer.resumeProducing()  # type: ignore[attr-defined]

    def _open_or_shut(self) -> None:
        if self._halving:
            self._output = SHUT
            self._poller.soon(self._shut)
        else:
            self._output = OPEN

    def _shut(self) -> None:
        if self._reason is not None:
            return
        try:
            lent(self._fd, send_fin)
        except OSError:
            self._write_failed()
            return
        protocol: Any = self.protocol
        if IHalfCloseableProtocol.providedBy(protocol):  # an adaptation is 5 times as dear
            self._guard(protocol.writeConnectionLost)

    def _guard(self, call: Callable[[], object]) -> None:
        """`call()`; what it raises is the end of this connection."""
        raise NotImplementedError

    def _write_failed(self) -> None:
        """The peer has reset the connection, or it was lost."""
        raise NotImplementedError

    def _sent_all(self) -> None:
        """Everything was sent that was written before `loseConnection`."""
        raise NotImplementedError

    def _watch(self) -> None:
        """Have the poller tell what is of interest now."""
        raise NotImplementedError


def write_both(transport: ITransport, head: bytes, body: bytes | memoryview) -> None:
    """`transport.write` of one after the other, which are not copied where the transport is one of ours."""
    if isinstance(transport, SendingSide):
        transport.writeSequence((head, body))
    else:
        transport.write(head + body)


def write_last(transport: ITransport, data: bytes) -> None:
    """`transport.write` of what `loseWriteConnection` follows at once: in one segment with FIN, where the
    transport is one of ours."""
    if isinstance(transport, SendingSide):
        transport.write_last(data)
    else:
        transport.write(data)


def queued(transport: object) -> int:
    """Bytes that wait in our memory for the peer; 0 where a transport does not tell."""
    return transport.queued if isinstance(transport, SendingSide) else 0
