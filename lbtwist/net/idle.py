"""Servers' connections that wait for their next request, by registration."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Protocol

from lbtwist.net.budget import Budget


class Kept(Protocol):
    """A server's connection without a request."""

    used: float
    """When its last response ended, on the monotonic clock."""

    @property
    def owner(self) -> object | None:
        """The one client that it may serve; None where it may serve any."""

    def dismiss(self) -> None:
        """Close it: it has lost its place here."""


class IdleConnections:
    """The idle connections of one server group; of each member the one used last is taken first."""

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self._by_member: dict[int, list[Kept]] = {}

    def take(self, number: int, since: float, owner: object | None = None) -> Any:
        """One of member `number` and of `owner` that was used at `since` or later, as it was `put`; None
        where there is none."""
        waiting = self._by_member.get(number)
        if not waiting:
            return None
        place = len(waiting) - 1
        while waiting[place].owner is not owner:
            if not place:
                return None
            place -= 1
        taken = waiting[place]
        if taken.used < since:
            return None
        del waiting[place]
        self._budget.spare.pop(taken, None)
        return taken

    def put(self, number: int, connection: Kept, limit: int) -> None:
        """Keep it for member `number`; over the `limit` the one used longest ago has to go."""
        waiting = self._by_member.get(number)
        if waiting is None:
            waiting = self._by_member[number] = []
        waiting.append(connection)
        self._budget.spare[connection] = (self, number)
        if len(waiting) > limit:
            self._dismiss(waiting.pop(0))

    def remove(self, number: int, connection: Kept) -> None:
        """It is closed; nothing happens where it has no place."""
        self._budget.spare.pop(connection, None)
        waiting = self._by_member.get(number, [])
        if connection in waiting:
            waiting.remove(connection)

    def retain(self, members: Container[int]) -> None:
        """Close those of all but `members`: idle connections hold no drain up (rule 15)."""
        for number in [number for number in self._by_member if number not in members]:
            for connection in self._by_member.pop(number):
                self._dismiss(connection)

    def give_up(self, number: int, connection: Kept) -> None:
        """Close one of member `number`: descriptors are short."""
        self.remove(number, connection)
        connection.dismiss()

    def _dismiss(self, connection: Kept) -> None:
        self._budget.spare.pop(connection, None)
        connection.dismiss()
