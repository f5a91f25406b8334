"""Whether this load balancer is to be sent traffic."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service

from lbtwist.service.balancer import LoadBalancer

STARTING = "starting: not every listener accepts yet"
CHECKING = "starting: not every server has been checked yet"
LEAVING = "leaving: it accepts nothing new"


class Readiness(Service):
    """Ready once every listener accepts and the first checks are done (rule 30), until it leaves."""

    def __init__(self, balancer: LoadBalancer, reactor: Any) -> None:
        self._balancer = balancer
        self._reactor = reactor
        self._waits_for = STARTING

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._begin)

    @property
    def problem(self) -> str:
        """Why it is not ready, in one line; empty when it is, or a newer generation has taken over."""
        if self._balancer.superseded:
            return ""
        if self._balancer.leaving:
            return LEAVING
        if self._waits_for:
            return self._waits_for
        listeners = self._balancer.listeners.values()
        deaf = [f"{listener.name} is {listener.state}" for listener in listeners if not listener.accepting]
        return f"not every listener accepts: {', '.join(deaf)}" if deaf else ""

    def _begin(self) -> None:
        listening = self._balancer.listening()
        listening.addCallback(self._listens).addCallback(self._checked)

    def _listens(self, _: object) -> Any:
        self._waits_for = CHECKING
        return self._balancer.checked()

    def _checked(self, _: object) -> None:
        self._waits_for = ""
