"""One of Twisted's own ports, made to accept no more clients than there is room for."""

from __future__ import annotations

import select
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from lbtwist.net.budget import Budget

PAUSE = 0.1
"""Seconds without accepting when that fails for want of something: the reactor would call at once again."""


class PacedPort:
    """Stands between the reactor and `port`, a port of TCP or of Unix sockets that listens."""

    def __init__(self, port: Any, budget: Budget, reactor: Any) -> None:
        self._port = port
        self._budget = budget
        self._reactor = reactor
        self._accept = port.doRead
        self._held = False
        self._rest: IDelayedCall | None = None
        port.doRead = self._read
        budget.watch(self)

    def pause(self) -> None:
        self._held = True
        self._port.stopReading()

    def resume(self) -> None:
        self._held = False
        if self._rest is None:
            self._port.startReading()

    def close(self) -> None:
        """Let go of the port, which is about to be closed."""
        self._budget.forget(self)
        self._port.doRead = self._accept
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.cancel()

    def _read(self) -> None:
        port = self._port
        port.numberAccepts = max(1, min(port.numberAccepts, self._budget.left))
        before = port.sessionno
        self._accept()
        if port.sessionno == before and self._rest is None and waits(port):
            port.stopReading()
            self._rest = self._reactor.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._rest = None
        if not self._held:
            self._port.startReading()


def waits(port: Any) -> bool:
    """Someone waits to be accepted."""
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    return bool(poll.poll(0))
