"""How many connections each client has."""

from __future__ import annotations

from collections.abc import Iterable

from lbtwist.model.client_key import client_key


class PerClient:
    """Counts while there is a limit to be kept; a client without a connection takes no memory.

    Clients are told apart by `client_key`. Who has no address, on a Unix socket, is not counted.
    """

    __slots__ = ("counting", "_counts")

    def __init__(self) -> None:
        self.counting = False
        """Whether connections are to be told."""
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def begin(self, hosts: Iterable[str]) -> None:
        """Count from now on; there are connections from these IP addresses already."""
        self._counts.clear()
        self.counting = True
        for host in hosts:
            self.enter(host)

    def stop(self) -> None:
        """Count no more."""
        self.counting = False
        self._counts.clear()

    def of(self, host: str) -> int:
        """The connections of the client at `host`."""
        return self._counts.get(client_key(host), 0)

    def enter(self, host: str) -> None:
        """The client at `host` has one more."""
        if host:
            key = client_key(host)
            self._counts[key] = self._counts.get(key, 0) + 1

    def leave(self, host: str) -> None:
        """It has one less."""
        if host:
            key = client_key(host)
            left = self._counts.pop(key) - 1
            if left:
                self._counts[key] = left
