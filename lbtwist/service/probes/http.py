"""A check that asks by HTTP/1.1, over TLS or without."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer

from lbtwist import __version__
from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult, Step
from lbtwist.net.dialing import TIMED_OUT, DialFailure, IDial, IDialer
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.dialing import TLSDialer
from lbtwist.net.tls.trust import Trust
from lbtwist.service.probes.conversation import NO_ANSWER, Conversation
from lbtwist.service.probes.question import Question
from lbtwist.service.probes.target import at_port

GRACE = 0.25
"""Seconds for the body that the server is sending: a reset in its midst would be an error there."""

_FIELDS = Headers({b"User-Agent": [f"lbtwist/{__version__}".encode()], b"Accept": [b"*/*"]})


@implementer(IHealthCheck)
class HTTPCheck:
    """Passes a server that answers `question` as it should within `timeout` seconds.

    Each check is a connection of its own. With `trust` it is asked over TLS, when the server has proved
    who it is. `port`, unless it is 0, is asked instead of the server's own.
    """

    def __init__(
        self,
        question: Question,
        dialer: IDialer,
        clock: IReactorTime,
        timeout: float,
        port: int = 0,
        trust: Trust | None = None,
    ) -> None:
        self.question = question
        self.dialer = dialer
        self.clock = clock
        self.timeout = timeout
        self.trust = trust
        self.pool = HTTPConnectionPool(clock, persistent=False)
        self.sweep = Sweep(clock)
        self._port = port

    def check(self, address: Address) -> Deferred[CheckResult]:
        """IHealthCheck."""
        visit = Visit(self, at_port(address, self._port))
        visit.begin()
        return visit.result


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Visit:
    """One check: a connection, a request and a verdict. At its end nothing is left of it.

    The status decides; of the rest of the answer as much is read as comes in GRACE.
    """

    def __init__(self, check: HTTPCheck, address: Address) -> None:
        self.result: Deferred[CheckResult] = Deferred(lambda _: self._release())
        self._check = check
        self._address = address
        self._begun = self._step_begun = check.clock.seconds()
        self._steps: list[Step] = []
        self._verdict: CheckResult | None = None
        self._over = False
        self._timer: IDelayedCall | None = None
        self._dial: IDial | None = None
        self._conversation: Conversation | None = None
        self._ready: Deferred[IProtocol] = Deferred()

    def begin(self) -> None:
        """Connect and ask."""
        check = self._check
        agent = Agent.usingEndpointFactory(check.clock, self, check.pool)
        url = check.question.url("https" if check.trust else "http", self._address)
        asked = agent.request(check.question.method.encode(), url, _FIELDS)
        asked.addCallbacks(self._answered, lambda _: self.ended(NO_ANSWER))
        self._timer = check.clock.callLater(check.timeout, self._expire)

    def endpointForURI(self, uri: URI) -> Visit:
        """IAgentEndpointFactory: whoever is asked for, it is this server that is connected."""
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """IStreamClientEndpoint."""

        def build() -> Protocol:
            client = protocolFactory.buildProtocol(cast(Any, None))
            self._conversation = Conversation(self, client, "tls" if check.trust else "connect")
            return self._conversation

        check = self._check
        self._dial = self._dialer.dial(self._address, build, check.timeout, self._not_connected)
        return self._ready

    def mark(self, step: str) -> None:
        """That step is done."""
        now = self._check.clock.seconds()
        self._steps.append(Step(step, now - self._step_begun))
        self._step_begun = now

    def ready(self, client: Any) -> None:
        """The request may be sent: `client` was connected."""
        self._ready.callback(client)

    def ended(self, reason: str) -> None:
        """No more will be read: that is why it failed, unless the status has decided."""
        if not self._over:
            self._conclude(self._verdict or self._judgement(False, reason))

    @property
    def _dialer(self) -> IDialer:
        check = self._check
        if check.trust is None:
            return check.dialer
        return TLSDialer(check.dialer, check.trust, check.sweep, lambda: self.mark("connect"))

    def _not_connected(self, failure: DialFailure) -> None:
        if failure == TIMED_OUT:
            self._expire()
        else:
            self._conclude(self._judgement(False, failure.reason, own_fault=failure.own))

    def _answered(self, response: IResponse) -> None:
        if self._over:
            return
        self.mark("response")
        question, status = self._check.question, response.code
        drains = question.drains(status, response.headers.hasHeader)
        self._verdict = self._judgement(
            drains or question.accepts(status), question.reason(status, drains), drain_requested=drains
        )
        if self._timer is not None and self._begun + self._check.timeout - self._step_begun > GRACE:
            self._timer.reset(GRACE)
        response.deliverBody(Rest(self))

    def _expire(self) -> None:
        self.ended(f"timed out after {self._check.timeout:g} s")

    def _judgement(self, passed: bool, reason: str, **more: bool) -> CheckResult:
        seconds = self._check.clock.seconds() - self._begun
        return CheckResult(passed, reason, seconds, steps=tuple(self._steps), **more)

    def _conclude(self, verdict: CheckResult) -> None:
        self._release()
        self.result.callback(verdict)

    def _release(self) -> None:
        self._over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._dial is not None:
            self._dial.cancel()
        if self._conversation is not None and self._conversation.transport is not None:
            # Reset: what is closed in order would lie in TIME_WAIT for a minute.
            cast(ITCPTransport, self._conversation.transport).abortConnection()


class Rest(Protocol):
    """The body: nobody needs it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._visit.ended("")
