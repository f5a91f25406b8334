"""Dialling a server that speaks TLS: there is a connection when it has proved who it is."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IProtocol
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.dialing import TIMED_OUT, DialFailure, IDial, IDialer
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.server_handshake import ServerHandshake
from lbtwist.net.tls.transport import TLSTransport
from lbtwist.net.tls.trust import Trust


@implementer(IDialer)
class TLSDialer:
    """Connects by another dialer, and shakes hands within the same timeout, exact to 0.1 s.

    What a dial sends first goes out before the handshake. `connected` is called when only that is left.
    """

    def __init__(
        self,
        dialer: IDialer,
        trust: Trust,
        sweep: Sweep,
        connected: Callable[[], object] = lambda: None,
    ) -> None:
        self._dialer = dialer
        self._trust = trust
        self._sweep = sweep
        self._connected = connected

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        dial = TLSDial(self._sweep, timeout, build, failed, self._connected)
        transport = ServerHandshake(self._trust, address, dial.done, dial.refused).below()
        dial.begin(transport, lambda: self._dialer.dial(address, dial.shake_hands, timeout, dial.fail, first))
        return dial


@implementer(IDial)
class TLSDial:
    """One connection in the making."""

    __slots__ = ("due_bucket", "_sweep", "_late", "_build", "_failed", "_connected", "_dial", "_transport")

    def __init__(
        self,
        sweep: Sweep,
        timeout: float,
        build: Callable[[], IProtocol],
        failed: Callable[[DialFailure], object],
        connected: Callable[[], object],
    ) -> None:
        self.due_bucket: int | None = None
        self._sweep = sweep
        self._late = sweep.seconds() + timeout
        self._build = build
        self._failed = failed
        self._connected = connected
        self._dial: IDial | None = None
        """Until it is connected."""
        self._transport: TLSTransport | None = None
        """Until the handshake is over, one way or the other."""

    def begin(self, transport: TLSTransport, dial: Callable[[], IDial]) -> None:
        """Have `transport` connected."""
        self._transport = transport
        self._dial = dial()

    def cancel(self) -> None:
        """IDial."""
        self._release()

    def shake_hands(self) -> IProtocol:
        """It is connected; the handshake has the rest of the time."""
        assert self._transport is not None
        self._dial = None
        self._sweep.enter(self, self._late)
        self._connected()
        return self._transport

    def done(self) -> None:
        """The server is who it should be."""
        transport, build = self._transport, self._build
        assert transport is not None
        self._end()
        transport.protocol = protocol = build()
        protocol.makeConnection(transport)

    def refused(self, reason: str) -> None:
        """There is no TLS with it."""
        self.fail(DialFailure(reason))

    def due(self, now: float) -> None:
        """The sweep: the handshake takes too long."""
        self.fail(TIMED_OUT)

    def fail(self, failure: DialFailure) -> None:
        """There is no connection, unless nobody waits for one any more."""
        if self._transport is not None:
            failed = self._failed
            self._release()
            failed(failure)

    def _release(self) -> None:
        dial, transport = self._dial, self._transport
        if transport is None:
            return
        self._end()
        if dial is not None:
            dial.cancel()
        elif transport.connected:
            transport.abortConnection()

    def _end(self) -> None:
        self._transport = self._dial = None
        self._sweep.leave(self)
        del self._build, self._failed, self._connected  # they know who has this dial
