"""A check that connects, over TLS or without, and no more."""

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
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.dialing import TLSDialer
from lbtwist.net.tls.trust import Trust
from lbtwist.service.probes.target import at_port


@implementer(IHealthCheck)
class TCPCheck:
    """Passes a server that accepts a connection within `timeout` seconds; with `trust`, one that proves
    then who it is.

    The connection is reset at once: what is closed in order would lie in TIME_WAIT for a minute.
    `port`, unless it is 0, is asked instead of the server's own.
    """

    def __init__(
        self,
        dialer: IDialer,
        clock: IReactorTime,
        timeout: float,
        port: int = 0,
        trust: Trust | None = None,
    ) -> None:
        self.trust = trust
        self._dialer = dialer
        self._clock = clock
        self._timeout = timeout
        self._port = port
        self._sweep = Sweep(clock)

    def check(self, address: Address) -> Deferred[CheckResult]:
        """IHealthCheck."""
        knock = Knock(self._clock, "tls" if self.trust else "connect")
        dialer = self._dialer
        if self.trust is not None:
            dialer = TLSDialer(dialer, self.trust, self._sweep, lambda: knock.mark("connect"))
        knock.dial = dialer.dial(at_port(address, self._port), lambda: knock, self._timeout, knock.failed)
        return knock.result


class Knock(Protocol):
    """One connection, closed as soon as it is there."""

    dial: IDial

    def __init__(self, clock: IReactorTime, step: str) -> None:
        """`step` is what is done when it is connected."""
        self.result: Deferred[CheckResult] = Deferred(lambda _: self.dial.cancel())
        self._clock = clock
        self._step = step
        self._steps: list[Step] = []
        self._begun = self._step_begun = clock.seconds()

    def connectionMade(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()
        self.mark(self._step)
        self._conclude(True, "connected")

    def failed(self, failure: DialFailure) -> None:
        """There is no connection."""
        self._conclude(False, failure.reason, own_fault=failure.own)

    def mark(self, step: str) -> None:
        """That step is done."""
        now = self._clock.seconds()
        self._steps.append(Step(step, now - self._step_begun))
        self._step_begun = now

    def _conclude(self, passed: bool, reason: str, own_fault: bool = False) -> None:
        seconds = self._clock.seconds() - self._begun
        steps = tuple(self._steps)
        self.result.callback(CheckResult(passed, reason, seconds, own_fault=own_fault, steps=steps))
