"""The factory of every listener: what a client passes before the protocol that serves it."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory

from lbtwist.net.arrival import Onward
from lbtwist.net.frontend import Frontend
from lbtwist.net.logged import turn_away
from lbtwist.net.rotation import GroupRotation


class Step(Protocol):
    """One thing that a client has to pass, as its listener is configured now."""

    def enter(
        self, address: IAddress | None, group: GroupRotation | None, onward: Onward
    ) -> IProtocol | None:
        """What its connection gets: `onward`'s protocol at once, or an Arrival that asks for it later, with
        what is known of the client then. None closes it."""


class Entrance(Factory):
    """Has each client pass the steps of its listener, in their order; most listeners have none."""

    noisy = False

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._steps: tuple[Step, ...] = ()
        self._way: Onward = self.build

    def build(self, address: IAddress | None, group: GroupRotation | None) -> IProtocol | None:
        """The protocol that serves a client; None closes its connection."""
        raise NotImplementedError

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:  # type: ignore[override]
        frontend = self._frontend
        if not frontend.steps:
            return self.build(addr, None)
        if frontend.crowded:
            turn_away(frontend, addr)
            return None
        if frontend.steps is not self._steps:
            self._follow(frontend.steps)
        return self._way(addr, None)

    def _follow(self, steps: tuple[Step, ...]) -> None:
        way: Onward = self.build
        for step in reversed(steps):
            way = partial(step.enter, onward=way)
        self._steps, self._way = steps, way
