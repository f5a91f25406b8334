"""Session persistence, by the client's address or by a cookie: who had a server lately gets it again."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from functools import lru_cache

LIMIT = 100_000
"""Clients that are remembered at once, about 25 MB; over it the one seen longest ago is forgotten."""


@lru_cache(maxsize=LIMIT)
def cookie_value(secret: bytes, group: str, server: str) -> bytes:
    """What the cookie of a client says that is tied to `server` of `group`: 16 hexadecimal digits that
    tell nothing of them. It is remembered: members are told anew with each change."""
    name = group.encode()
    # The length keeps `a`, `bc` and `ab`, `c` apart.
    message = b"%d:%b%b" % (len(name), name, server.encode())
    return hmac.digest(secret, message, hashlib.sha256).hex()[:16].encode()


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
