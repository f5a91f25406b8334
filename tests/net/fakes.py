"""In-memory connections and a dialer with a script: what the tests of protocols run on.

They pass the same contract as real sockets (test_transport_contract.py). Everything is told by
`clock.callLater(0, ...)`, so that with a `task.Clock` the test says when: `clock.advance(0)` lets all
happen that can.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.dialing import TIMED_OUT, DialFailure, IDial, IDialer

CAPACITY = 64 * 1024
"""Bytes that an end takes in before it is read from: the kernel's buffers."""
CLIENT = IPv4Address("TCP", "192.0.2.1", 50000)
SERVER = IPv4Address("TCP", "192.0.2.2", 80)


class StillReactor(Clock):
    """A reactor for a Poller that the test turns: its time and its readers stand still by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        assert reader not in self.readers
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)

    def turn(self) -> None:
        """What is due now, and then what readers have to say, once."""
        self.advance(0)
        for reader in self.ready():
            reader.doRead()

    def ready(self) -> list[Any]:
        """The readers that have something to say now; one that says it for ever would spin."""
        return select.select(self.readers, [], [], 0)[0]


@implementer(ITCPTransport, IConsumer, IPushProducer)
class FakeTransport:
    """One end of a Wire."""

    def __init__(self, clock: IReactorTime, host: IPv4Address, peer: IPv4Address, chunk: int, capacity: int):
        self.protocol: IProtocol | None = None
        self.far: FakeTransport
        """The other end."""
        self.disconnecting = False
        self.unread = bytearray()
        """Bytes that have arrived and were not read."""
        self.queue = bytearray()
        """Bytes that were written and do not fit the other end's `unread`."""
        self.reading = True
        self.closed = False
        self.reset = False
        """It was closed by an abort, or the other end was."""
        self.capacity = capacity
        self.no_delay = self.keep_alive = False
        self._clock = clock
        self._host = host
        self._peer = peer
        self._chunk = chunk
        self._turn: IDelayedCall | None = None
        self._fin_arrived = self._fin_read = False
        self._halving = self._fin_sent = False
        self._reason: Failure | None = None
        self._producer: Any = None
        self._pulling = self._held_back = False

    @property
    def connected(self) -> bool:
        return not self.closed

    def start(self, protocol: IProtocol) -> None:
        """Connect `protocol`."""
        self.protocol = protocol
        protocol.makeConnection(self)
        self._soon()

    def write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not bytes")
        if self._fin_sent or self._reason or self._shut_by_caller():
            return
        self.queue += data
        self._flush()
        if self.queue or self._pulling:
            self._hold_back()
        self._soon()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError("there is a producer")
        if self.closed:
            producer.stopProducing()
            return
        self._producer = producer
        self._pulling = not streaming
        if self._pulling:
            producer.resumeProducing()
        elif self.queue:
            self._hold_back()

    def unregisterProducer(self) -> None:
        self._producer = None
        self._pulling = self._held_back = False
        self._soon()

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            self.reading = True
            self._soon()

    def stopProducing(self) -> None:
        self.loseConnection()

    def loseWriteConnection(self) -> None:
        self._halving = True
        self._soon()

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.reading = False
        self._soon()

    def abortConnection(self) -> None:
        if not self.closed:
            self._end(ConnectionAborted())

    def getHost(self) -> IPv4Address:
        return self._host

    def getPeer(self) -> IPv4Address:
        return self._peer

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def getTcpKeepAlive(self) -> bool:
        return self.keep_alive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled

    def _shut_by_caller(self) -> bool:
        return (self.disconnecting or self._halving) and not self._pulling

    def _soon(self) -> None:
        if self._turn is None and not self.closed:
            self._turn = self._clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        """One step: a write goes out, or one thing is told to the protocol."""
        self._turn = None
        if self._reason is not None:
            self._finish(self._reason)
            return
        self._flush()
        if not self.queue:
            self._emptied()
        self._read()

    def _flush(self) -> None:
        far = self.far
        if far.closed and self.queue:
            self.queue.clear()
            self._lost()
        room = far.capacity - len(far.unread)
        if self.queue and room > 0:
            far.unread += self.queue[:room]
            del self.queue[:room]
            far._soon()

    def _emptied(self) -> None:
        if self._pulling or self._held_back:
            self._held_back = False
            self._producer.resumeProducing()
        elif self.disconnecting:
            self._end(ConnectionDone())
        elif self._halving and not self._fin_sent:
            self._send_fin()
            half_closeable = IHalfCloseableProtocol(self.protocol, None)
            if half_closeable is not None:
                half_closeable.writeConnectionLost()

    def _hold_back(self) -> None:
        if self._producer is not None and not (self._pulling or self._held_back):
            self._held_back = True
            self._producer.pauseProducing()

    def _read(self) -> None:
        if not self.reading or self._reason is not None:
            return
        assert self.protocol is not None
        if self.unread:
            data = bytes(self.unread[: self._chunk])
            del self.unread[: self._chunk]
            self.protocol.dataReceived(data)
            self.far._soon()
            self._soon()
        elif self.reset:
            self._end(ConnectionLost())
        elif self._fin_arrived and not self._fin_read:
            self._fin_read = True
            half_closeable = IHalfCloseableProtocol(self.protocol, None)
            if half_closeable is None:
                self._end(ConnectionDone())
            else:
                half_closeable.readConnectionLost()

    def _send_fin(self) -> None:
        self._fin_sent = True
        self.far._fin_arrived = True
        self.far._soon()

    def _lost(self) -> None:
        """The other end is gone. What it sent before is read first, where it is read from at all."""
        self.reset = True
        if not self.reading or not self.unread:
            self._end(ConnectionLost())
        else:
            self._soon()

    def _end(self, reason: Exception) -> None:
        self._reason = self._reason or Failure(reason)
        self.reading = False
        self.queue.clear()
        if isinstance(reason, ConnectionAborted):
            self.far._lost()
        self._soon()

    def _finish(self, reason: Failure) -> None:
        self.closed = True
        self._send_fin()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        protocol, self.protocol = self.protocol, None
        assert protocol is not None
        protocol.connectionLost(reason)


class Wire:
    """Two connected transports, `client` and `server`, without protocols yet.

    `chunk` is the most bytes of one `dataReceived`: 1 is a byte at a time. `capacity` is what each end
    takes in unread, before the other one must queue.
    """

    def __init__(self, clock: IReactorTime, chunk: int = 64 * 1024, capacity: int = CAPACITY) -> None:
        self.client = FakeTransport(clock, CLIENT, SERVER, chunk, capacity)
        self.server = FakeTransport(clock, SERVER, CLIENT, chunk, capacity)
        self.client.far, self.server.far = self.server, self.client

    def connect(self, client: IProtocol, server: IProtocol) -> None:
        """Give both ends their protocols."""
        self.server.start(server)
        self.client.start(client)

    def accept(self, factory: IProtocolFactory, client: IProtocol) -> IProtocol | None:
        """Connect `client` to what `factory` builds; None where it builds none, and the client is closed."""
        server = factory.buildProtocol(self.server.getPeer())
        self.client.start(client)
        if server is None:
            self.server.closed = True
            self.server._send_fin()
        else:
            self.server.start(server)
        return server


Outcome = Callable[[], IProtocol] | DialFailure
"""Who is connected (a protocol for the far end), or why not."""


@implementer(IDialer)
class FakeDialer:
    """Answers as it is told: `answers[address] = (outcome, seconds)`. Others are refused at once.

    An answer that takes longer than the timeout is a timeout.
    """

    def __init__(self, clock: IReactorTime, chunk: int = 64 * 1024, capacity: int = CAPACITY) -> None:
        self.answers: dict[Address, tuple[Outcome, float]] = {}
        self.dialled: list[Address] = []
        """All addresses that were dialled, in order."""
        self.firsts: list[bytes] = []
        """What was to be sent first, of each dial."""
        self.wires: list[Wire] = []
        """All connections that were made, in order; their client is the one who dialled."""
        self._clock = clock
        self._chunk = chunk
        self._capacity = capacity

    def answer(self, address: Address, outcome: Outcome, after: float = 0.0) -> None:
        """From now on a dial of `address` ends with `outcome`, `after` seconds later."""
        self.answers[address] = (outcome, after)

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        self.dialled.append(address)
        self.firsts.append(first)
        outcome, after = self.answers.get(address, (DialFailure("refused"), 0.0))
        if after > timeout:
            outcome, after = TIMED_OUT, timeout
        return FakeDial(self._clock.callLater(after, self._end, outcome, build, failed, first))

    def _end(
        self,
        outcome: Outcome,
        build: Callable[[], IProtocol],
        failed: Callable[[DialFailure], object],
        first: bytes,
    ) -> None:
        if isinstance(outcome, DialFailure):
            failed(outcome)
            return
        wire = Wire(self._clock, self._chunk, self._capacity)
        self.wires.append(wire)
        wire.server.start(outcome())
        protocol = build()
        if first:
            wire.client.write(first)
        wire.client.start(protocol)


@implementer(IDial)
class FakeDial:
    """A dial of a FakeDialer."""

    def __init__(self, call: IDelayedCall) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()
