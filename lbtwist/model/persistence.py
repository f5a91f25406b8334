"""Session persistence by the client's address: who had a server lately gets it again."""

from __future__ import annotations

from collections import OrderedDict

LIMIT = 100_000
"""Clients that are remembered at once, about 25 MB; over it the one seen longest ago is forgotten."""


class SourceTable:
    """Which member each client is tied to, and until when; seeing it again renews that."""

    def __init__(self, timeout: float, limit: int = LIMIT) -> None:
        self.timeout = timeout
        """Seconds a client is remembered after it was last seen."""
        self._limit = limit
        self._ties: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ties)

    def member_of(self, client: str, now: float) -> int | None:
        """The number of the member that `client` is tied to. Whether that may take it, is not asked."""
        tie = self._ties.get(client)
        if tie is None:
            return None
        number, seen = tie
        if now >= seen + self.timeout:
            del self._ties[client]
            return None
        return number

    def tie(self, client: str, number: int, now: float) -> None:
        """`client` has been given member `number`."""
        self._ties[client] = (number, now)
        self._ties.move_to_end(client)
        if len(self._ties) > self._limit:
            self._ties.popitem(last=False)
