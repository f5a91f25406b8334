"""Who of a server group takes new connections, as the data plane follows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from lbtwist.model.plane import Member, Rotation
from lbtwist.model.schedule import WeightedRoundRobin


class IUnderWay(Protocol):
    """A connection on its way to a server."""

    @property
    def number(self) -> int: ...

    def redirect(self) -> None: ...


class GroupRotation:
    """The rotation of one group, and the connections on their way to its members."""

    def __init__(self) -> None:
        self.retries = 0
        self.under_way: dict[IUnderWay, None] = {}
        self._rotation = Rotation()
        self._scheduler = WeightedRoundRobin()

    def update(self, rotation: Rotation) -> None:
        """From now on these members and no others, also for those on their way (rule 9)."""
        if rotation == self._rotation:
            return
        self._rotation = rotation
        self.retries = rotation.retries
        self._scheduler.update(rotation.members)
        numbers = {member.number for member in rotation.members}
        for connection in list(self.under_way):
            if connection.number not in numbers:
                connection.redirect()

    def order(self) -> Iterator[Member]:
        """Members in order of preference for one new connection."""
        return self._scheduler.order("")
