"""The step that judges clients of an http listener: who may not come in is told so."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from lbtwist.model.access import End
from lbtwist.model.gate import Verdict
from lbtwist.net.admission import Admission
from lbtwist.net.http.deadline import Deadline
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.http.linger import LINGER, Lingering
from lbtwist.wire.answer import answer

MAX_ANSWERED = 1000
"""Clients that are answered at the same time, with those that have steps to pass: of a flood the rest is
closed."""


class HttpAdmission(Admission):
    """Answers with 403, or with 429 where a client may come again."""

    _frontend: HttpFrontend

    def __init__(self, frontend: HttpFrontend) -> None:
        super().__init__(frontend)

    def _refuse(self, address: IAddress | None, verdict: Verdict) -> Refused | None:
        frontend = self._frontend
        if len(frontend.arrivals) >= MAX_ANSWERED:
            self._count(address, verdict)
            return None
        status = status_of(verdict)
        wait = ceil(verdict.wait) if verdict.wait else None
        response = answer(status, frontend.policy.proxy_name, frontend.date, retry_after=wait)
        self._count(address, verdict, status, len(response))
        frontend.responses.count(status)
        return Refused(frontend, response)


def status_of(verdict: Verdict) -> int:
    """What a client is answered: RFC 9110, 15.5.4; RFC 6585, 4."""
    return HTTPStatus.FORBIDDEN if verdict.end is End.DENIED else HTTPStatus.TOO_MANY_REQUESTS


class Refused(Lingering):
    """A client that gets `response` before it has asked, and is closed in stages."""

    def __init__(self, frontend: HttpFrontend, response: bytes) -> None:
        super().__init__(frontend, Deadline(frontend.sweep))
        self._response = response

    def connectionMade(self) -> None:
        # Not among the clients: those that are refused take no place of others.
        self._frontend.arrivals.enter(self)
        self.transport.write(self._response)
        self.begin(self.transport, LINGER)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self._frontend.arrivals.depart(self)
