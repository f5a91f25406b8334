"""The clients that are connected to one http listener, with a request or without."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from lbtwist.model.per_client import PerClient
from lbtwist.net.budget import Budget
from lbtwist.net.live import Vacancy


class Guest(Protocol):
    """One client's connection."""

    def leave(self) -> None:
        """The listener accepts nothing new any more: be gone soon, when nothing is in flight (rule 71)."""

    def close_idle(self) -> None:
        """Close at once, unless something is in flight."""

    def watch_idle(self) -> None:
        """Go by the present idle timeout."""


class Clients:
    """Who is connected, and who waits until nobody is."""

    def __init__(self, budget: Budget | None = None, per_client: PerClient | None = None) -> None:
        self._budget = budget or Budget()
        self._per_client = PerClient() if per_client is None else per_client
        self._guests: dict[Guest, str] = {}
        """With the IP address that each counts for, where its client's connections are counted."""
        self._vacancy = Vacancy()

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, guest: Guest, host: str = "") -> None:
        """It is connected, from the IP address `host`; empty where it counts for no client."""
        self._guests[guest] = host
        if self._per_client.counting:
            self._per_client.enter(host)
        self._budget.enter()

    def replace(self, guest: Guest, by: Guest) -> None:
        """The connection of `guest` is that of `by` from now on."""
        host = self._guests.pop(guest, None)
        if host is None:
            self._budget.enter()
        self._guests[by] = host or ""

    def depart(self, guest: Guest) -> None:
        """It is closed; nothing happens when it was not here."""
        host = self._guests.pop(guest, None)
        if host is None:
            return
        if self._per_client.counting:
            self._per_client.leave(host)
        self._budget.leave()
        if not self._guests:
            self._vacancy.tell()

    def all(self) -> list[Guest]:
        """All of them, now."""
        return list(self._guests)

    def hosts(self) -> list[str]:
        """The IP addresses that they count for."""
        return list(self._guests.values())

    def when_none(self) -> Deferred[None]:
        """Fires when nobody is connected. Cancelling it ends the waiting."""
        return self._vacancy.wait() if self._guests else succeed(None)
