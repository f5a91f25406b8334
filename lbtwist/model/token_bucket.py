"""Token buckets: how often something may happen, of one kind or of each of many clients.

A bucket is the one number when it is full again (the virtual scheduling of ITU-T I.371), in whole
nanoseconds: so sums of intervals are exact, and a full bucket is no bucket at all.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from math import ceil
from typing import NamedTuple

SECOND = 1_000_000_000
"""In nanoseconds, as all times here are."""


class Rate(NamedTuple):
    """How often, and how many at once."""

    per_second: float = 0.0
    """0 is no limit."""
    burst: int = 0
    """Tokens that a full bucket has; 0 for as many as come in a second, at least one."""

    @property
    def interval(self) -> int:
        """Nanoseconds until there is another token."""
        return max(1, round(SECOND / self.per_second))

    @property
    def size(self) -> int:
        """Tokens that a full bucket has."""
        return self.burst or max(1, ceil(self.per_second))


class Bucket:
    """One bucket for all. `now` never goes back."""

    __slots__ = ("_interval", "_room", "_full_at")

    def __init__(self, rate: Rate) -> None:
        self._interval = rate.interval
        self._room = (rate.size - 1) * self._interval
        self._full_at = 0

    def wait(self, now: int) -> int:
        """Nanoseconds until it has a token; 0 when it has one."""
        return max(0, self._full_at - now - self._room)

    def take(self, now: int) -> None:
        """Take one that it has."""
        self._full_at = max(self._full_at, now) + self._interval


CLIENTS = 100_000
"""Clients whose buckets are each their own, at most."""
SHARED = 1 << 16
"""Buckets that all further clients share."""


class Buckets:
    """A bucket for each client, in bounded memory, whoever comes from however many addresses.

    Those that are full again are forgotten, which changes nothing. While there are as many as may be
    that are not, none of them is given up: who is new then has one of `shared` buckets by a secret hash of
    its key, together with others. No client ever gets more than its rate; some of the new ones get less.
    """

    __slots__ = ("_interval", "_room", "_most", "_full_at", "_shared", "_shares")

    def __init__(self, rate: Rate, most: int = CLIENTS, shared: int = SHARED) -> None:
        self._interval = rate.interval
        self._room = (rate.size - 1) * self._interval
        self._most = most
        self._shares = shared
        # A plain dict would look through all that were taken out in front to find the first.
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._shared: array[int] | None = None

    def __len__(self) -> int:
        """Clients that have a bucket of their own."""
        return len(self._full_at)

    def wait(self, client: str, now: int) -> int:
        """Nanoseconds until the client's bucket has a token; 0 when it has one."""
        return max(0, self._full_again(client) - now - self._room)

    def take(self, client: str, now: int) -> None:
        """Take one that it has."""
        full_at = max(self._full_again(client), now) + self._interval
        self._forget_full(now)
        if client in self._full_at or len(self._full_at) < self._most:
            self._full_at[client] = full_at
            self._full_at.move_to_end(client)
        else:
            self._share(client, full_at)

    def _full_again(self, client: str) -> int:
        """Who leaves a shared bucket has what was left in it: it would get its burst twice else."""
        own = self._full_at.get(client)
        if own is not None:
            return own
        return 0 if self._shared is None else self._shared[hash(client) % self._shares]

    def _forget_full(self, now: int) -> None:
        """Who has taken last is the last: in front are those that are full, or soon will be. Two of them
        each time are enough, as one comes."""
        for _ in range(2):
            first = next(iter(self._full_at), None)
            if first is None or self._full_at[first] > now:
                break
            del self._full_at[first]

    def _share(self, client: str, full_at: int) -> None:
        if self._shared is None:
            self._shared = array("q", bytes(8 * self._shares))
        # Python hashes text with a secret of the process: nobody can choose whom to share with.
        self._shared[hash(client) % self._shares] = full_at
