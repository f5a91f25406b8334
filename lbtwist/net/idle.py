"""Servers' connections that wait for their next request, by registration."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol


class Kept(Protocol):
    """A server's connection without a request."""

    used: float
    """When its last response ended, on the monotonic clock."""

    def dismiss(self) -> None:
        """Close it: it has lost its place here."""


class IdleConnections:
    """The idle connections of one server group; of each member the one used last is taken first."""

    def __init__(self) -> None:
        self._by_member: dict[int, list[Kept]] = {}

    def take(self, number: int, since: float) -> Kept | None:
        """One of member `number` that was used at `since` or later; None where there is none."""
        waiting = self._by_member.get(number)
        if not waiting or waiting[-1].used < since:
            return None
        return waiting.pop()

    def put(self, number: int, connection: Kept, limit: int) -> None:
        """Keep it for member `number`; over the `limit` the one used longest ago has to go."""
        waiting = self._by_member.get(number)
        if waiting is None:
            waiting = self._by_member[number] = []
        waiting.append(connection)
        if len(waiting) > limit:
            waiting.pop(0).dismiss()

    def remove(self, number: int, connection: Kept) -> None:
        """It is closed; nothing happens where it has no place."""
        waiting = self._by_member.get(number, [])
        if connection in waiting:
            waiting.remove(connection)

    def retain(self, members: Container[int]) -> None:
        """Close those of all but `members`: idle connections hold no drain up (rule 15)."""
        for number in [number for number in self._by_member if number not in members]:
            for connection in self._by_member.pop(number):
                connection.dismiss()
