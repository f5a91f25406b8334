"""Dialling through Twisted's own connectTCP and connectUNIX: on any reactor and any platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress, IConnector, IProtocol, ITCPTransport
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.arrival import hand_over
from lbtwist.net.dialing import TIMED_OUT, DialFailure, IDial, IDialer, failure_of


@implementer(IDialer)
class EndpointDialer:
    """Connects through `reactor`, which provides IReactorTCP, IReactorUNIX and IReactorTime."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        dial = EndpointDial(build if not first else lambda: Preceded(first, build()), failed)
        try:
            if address.port is None:
                self._reactor.connectUNIX(address.host, dial, timeout=timeout)
            else:
                self._reactor.connectTCP(address.host, address.port, dial, timeout=timeout)
        except OSError as problem:  # Twisted's Unix client makes its socket at once
            self._reactor.callLater(0, dial.failed, failure_of(problem.errno))
        return dial


@implementer(IDial)
class EndpointDial(ClientFactory):
    """One attempt to connect."""

    noisy = False

    def __init__(self, build: Callable[[], IProtocol], failed: Callable[[DialFailure], object]) -> None:
        self._build = build
        self._failed = failed
        self._connector: IConnector | None = None
        self._over = False

    def cancel(self) -> None:
        """IDial."""
        if not self._over:
            self._over = True
            if self._connector is not None:
                self._connector.stopConnecting()

    def failed(self, failure: DialFailure) -> None:
        """There is no connection, unless nobody waits for one any more."""
        if not self._over:
            self._over = True
            self._failed(failure)

    def startedConnecting(self, connector: IConnector) -> None:
        self._connector = connector

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        self._over = True
        transport = getattr(self._connector, "transport", None)
        if ITCPTransport.providedBy(transport):
            tune(transport)
        return self._build()

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.failed(failure_of_twisted(reason.value))


class Preceded(Protocol):
    """Sends `first`, and gives the connection to `protocol`."""

    def __init__(self, first: bytes, protocol: IProtocol) -> None:
        self._first = first
        self._protocol = protocol

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._first)
        hand_over(self.transport, self._protocol)


def tune(transport: Any) -> None:
    """Set what the direct dialer sets, where it is a TCP socket."""
    if not isinstance(transport.getHost(), UNIXAddress):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)


def failure_of_twisted(problem: BaseException | None) -> DialFailure:
    """The failure that Twisted tells by an exception."""
    if isinstance(problem, error.TimeoutError):
        return TIMED_OUT
    code = getattr(problem, "osError", None)
    return failure_of(code) if isinstance(code, int) else DialFailure(str(problem))
