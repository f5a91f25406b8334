"""Listeners of an older generation that the new one's configuration drops or moves (rules 72 and 75)."""

from __future__ import annotations

import math

from lbtwist.model.drain import Because, Cause
from lbtwist.model.generations import HandedListener
from lbtwist.model.plane import Scope
from lbtwist.net.generations import Generations
from lbtwist.net.mirror import LAST_REQUESTS
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener

_NOT_NAMED = Because("upgrade", "the configuration of the new generation does not have it there")


def same(listener: Listener | None, handed: HandedListener) -> bool:
    """It goes on: what is connected there counts with `listener`, as after a reload."""
    if listener is None:
        return False
    now = (str(listener.settings.endpoint), listener.settings.protocol)
    return handed.disabled or (handed.endpoint, handed.protocol) == now


class Dropped:
    """One that does not go on, as this number of ours."""

    def __init__(
        self, balancer: LoadBalancer, plane: Generations, handed: HandedListener, number: int
    ) -> None:
        self._balancer = balancer
        self._plane = plane
        self._handed = handed
        self._scope = Scope.listener(number)

    def drain(self) -> None:
        """Now. Where nothing is live, clients may still have a last request there (rule 71), which is
        drained when there is none left but those."""
        if self._plane.tally(self._scope).live:
            self._begin()
        else:
            self._balancer.clock.callLater(LAST_REQUESTS, self._drain_late)

    def _drain_late(self) -> None:
        if self._balancer.leaving:
            return
        if self._plane.tally(self._scope).live:
            self._begin()
        else:
            self._plane.forget(self._scope)

    def _begin(self) -> None:
        handed, scope = self._handed, self._scope
        timeout = math.inf if handed.timeout is None else handed.timeout
        running = self._balancer.drains.open(
            f"listener {handed.name}",
            scope,
            Cause.REMOVAL,
            _NOT_NAMED,
            timeout,
            lambda receipt: self._plane.forget(scope),
        )
        running.begin()
