"""Listening sockets that the process was given, and that no endpoint of it is on."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from lbtwist.net.sockets import ListeningSockets
from lbtwist.service.balancer import LoadBalancer


class Leftovers(Service):
    """Closes them once every listener has its own, and says which."""

    log = Logger()

    def __init__(self, balancer: LoadBalancer, sockets: ListeningSockets, reactor: Any) -> None:
        self._balancer = balancer
        self._sockets = sockets
        self._reactor = reactor

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._wait)

    def _wait(self) -> None:
        self._balancer.listening().addCallback(self._close)

    def _close(self, _: object) -> None:
        for name in self._sockets.close_rest():
            self.log.warn("nothing listens on the socket {name} that was given: closed", name=name)
