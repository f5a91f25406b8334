"""A check that connects, and no more."""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult, Step
from lbtwist.net.dialing import DialFailure, IDial, IDialer
from lbtwist.service.probes.target import at_port


@implementer(IHealthCheck)
class TCPCheck:
    """Passes a server that accepts a connection within `timeout` seconds.

    The connection is reset at once: what is closed in order would lie in TIME_WAIT for a minute.
    `port`, unless it is 0, is asked instead of the server's own.
    """

    def __init__(self, dialer: IDialer, clock: IReactorTime, timeout: float, port: int = 0) -> None:
        self._dialer = dialer
        self._clock = clock
        self._timeout = timeout
        self._port = port

    def check(self, address: Address) -> Deferred[CheckResult]:
        """IHealthCheck."""
        knock = Knock(self._clock)
        knock.dial = self._dialer.dial(
            at_port(address, self._port), lambda: knock, self._timeout, knock.failed
        )
        return knock.result


class Knock(Protocol):
    """One connection, closed as soon as it is there."""

    dial: IDial

    def __init__(self, clock: IReactorTime) -> None:
        self.result: Deferred[CheckResult] = Deferred(lambda _: self.dial.cancel())
        self._clock = clock
        self._begun = clock.seconds()

    def connectionMade(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()
        seconds = self._seconds()
        self.result.callback(CheckResult(True, "connected", seconds, steps=(Step("connect", seconds),)))

    def failed(self, failure: DialFailure) -> None:
        """There is no connection."""
        self.result.callback(CheckResult(False, failure.reason, self._seconds(), own_fault=failure.own))

    def _seconds(self) -> float:
        return self._clock.seconds() - self._begun
