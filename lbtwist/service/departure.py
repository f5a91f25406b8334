"""How a load balancer leaves: the last drain, that of all its connections, and what else it waits for."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IReactorTime

from lbtwist.model.drain import Because, Cause
from lbtwist.model.plane import EVERYTHING
from lbtwist.service.draining import Drains
from lbtwist.service.lame_duck import LameDuck
from lbtwist.service.running_drain import RunningDrain


class Departure:
    """Its deadline may be given before, and another one while it is under way."""

    def __init__(self, drains: Drains, clock: IReactorTime) -> None:
        self.lame_duck = LameDuck(clock)
        self._drains = drains
        self._parting: list[Deferred[Any]] = []
        """Services that have been a part of it, and have not ended yet."""
        self._drain: RunningDrain | None = None
        self._timeout: float | None = None
        self._because = Because("signal")

    def allow(self, timeout: float, because: Because) -> None:
        """Connections may finish within `timeout` seconds from its beginning."""
        self._timeout, self._because = timeout, because

    def extend(self, timeout: float) -> None:
        """Those that are drained already may finish within `timeout` seconds from now. Raises Refused when
        they are being cut."""
        if self._drain is not None:
            self._drain.extend(timeout)

    def hurry(self) -> None:
        """Cut at once what is still waited for, and wait for nothing that has not begun."""
        self._timeout = 0.0
        self.lame_duck.end()
        if self._drain is not None and not self._drain.drain.ended:
            self._drain.cut()

    def part(self, service: IService) -> None:
        """It goes ahead; the end waits for it."""
        self._parting.append(maybeDeferred(service.disownServiceParent))

    async def drain(self, subject: str, timeout: float) -> None:
        """Drain everything, within `timeout` seconds where nobody has said another; other drains end with
        that."""
        if self._timeout is not None:
            timeout = self._timeout
        last = self._drain = self._drains.open(subject, EVERYTHING, Cause.SHUTDOWN, self._because, timeout)
        ended = last.done()
        last.begin()
        await ended
        for drain in self._drains:
            drain.interrupt()
        await DeferredList(self._parting, consumeErrors=True)
