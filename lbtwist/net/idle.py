"""Servers' connections that wait for their next request, by registration."""

from __future__ import annotations

from collections.abc import Container, Iterator
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
        self._budget.pools.add(self)
        self._by_member: dict[int, list[Kept]] = {}
        """Those of a member in the order of their last use."""

    def take(self, number: int, since: float, owner: object | None = None) -> Any:
        """One of member `number` and of `owner` that was used at `since` or later, as it was `put`; None
        where there is none."""
        waiting = self._by_member.get(number)
        if not waiting:
            return None
        last = waiting.pop()
        if last.owner is not owner or last.used < since:
            waiting.append(last)
            return self._take_from(waiting, since, owner)
        self._budget.spare -= 1
        return last

    def put(self, number: int, connection: Kept, limit: int) -> None:
        """Keep it for member `number`; over the `limit` the one used longest ago has to go."""
        waiting = self._by_member.get(number)
        if waiting is None:
            waiting = self._by_member[number] = []
        waiting.append(connection)
        self._budget.spare += 1
        if len(waiting) > limit:
            self._dismiss(waiting.pop(0))

    def remove(self, number: int, connection: Kept) -> None:
        """It is closed; nothing happens where it has no place."""
        waiting = self._by_member.get(number, [])
        if connection in waiting:
            waiting.remove(connection)
            self._budget.spare -= 1

    def retain(self, members: Container[int]) -> None:
        """Close those of all but `members`: idle connections hold no drain up (rule 15)."""
        for number in [number for number in self._by_member if number not in members]:
            for connection in self._by_member.pop(number):
                self._dismiss(connection)

    def waiting(self) -> Iterator[tuple[float, int, Kept]]:
        """Each: when it was used last, for which member it is, and itself."""
        for number, waiting in self._by_member.items():
            for connection in waiting:
                yield connection.used, number, connection

    def give_up(self, number: int, connection: Kept) -> None:
        """Close one of member `number`: descriptors are short."""
        self.remove(number, connection)
        connection.dismiss()

    def _take_from(self, waiting: list[Kept], since: float, owner: object | None) -> Kept | None:
        """The last one is another client's, or too old."""
        taken = next((each for each in reversed(waiting) if each.owner is owner), None)
        if taken is None or taken.used < since:
            return None
        waiting.remove(taken)
        self._budget.spare -= 1
        return taken

    def _dismiss(self, connection: Kept) -> None:
        self._budget.spare -= 1
        connection.dismiss()
