"""Servers that are given by name: resolved, and resolved again, into members of their group."""

from __future__ import annotations

from collections.abc import Callable

from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.drain import Because
from lbtwist.model.hostname import HostName
from lbtwist.model.members import Wanted
from lbtwist.model.registration import Origin
from lbtwist.service.discovery import Merging
from lbtwist.service.resolving import Resolving

_NAMES = Because("name service")
Resolved = Callable[[Address, bool], None]
"""`ServerGroup.resolved`: the name of the server at that address is known, or can't be resolved."""
Resolve = Callable[[HostName, Callable[[Address | None, str], None]], Resolving]


class NamedServer:
    """One server given by name. A changed address is a removal and an addition; one that can't be
    resolved keeps the last, and takes nothing new."""

    def __init__(
        self, host: HostName, wanted: Wanted, merge: Merging, resolved: Resolved, resolve: Resolve
    ) -> None:
        self.host = host
        self.wanted = wanted
        self.problem = ""
        """Why there is no address at present."""
        self.address: Address | None = None
        """The last one that was known."""
        self._merge = merge
        self._resolved = resolved
        self._resolving = resolve(host, self._heard)

    def start(self) -> None:
        self._resolving.start()

    def stop(self) -> None:
        self._resolving.stop()

    def want(self, wanted: Wanted) -> None:
        """Another name, weight or limit."""
        self._follow(self.address, wanted)

    def leave(self) -> None:
        """The file names it no more: it is removed by the rules."""
        self.stop()
        self._follow(None, self.wanted)

    def _heard(self, address: Address | None, words: str) -> None:
        self.problem = "" if address else words
        if address is not None:
            self._follow(address, self.wanted)
        if self.address is not None:
            self._resolved(self.address, address is not None)

    def _follow(self, address: Address | None, wanted: Wanted) -> None:
        before = {self.address: self.wanted} if self.address else {}
        after = {address: wanted} if address else {}
        self.address, self.wanted = address, wanted
        if after != before:
            self._merge(before, after, _NAMES, Origin.FILE)


class NamedServers:
    """All servers of one group that are given by name."""

    def __init__(self, merge: Merging, resolved: Resolved, resolve: Resolve) -> None:
        self._merge = merge
        self._resolved = resolved
        self._resolve = resolve
        self._servers: dict[str, NamedServer] = {}

    def follow(self, settings: GroupSettings) -> None:
        """Have those that `settings` name, and no others."""
        wanted = {
            name: (
                server.address,
                Wanted(name, server.weight, server.max_connections, server.backup, server.zone),
            )
            for name, server in settings.servers.items()
            if isinstance(server.address, HostName)
        }
        for name, server in list(self._servers.items()):
            if name not in wanted or wanted[name][0] != server.host:
                del self._servers[name]
                server.leave()
        for name, (host, what) in wanted.items():
            if name in self._servers:
                self._servers[name].want(what)
            else:
                self._servers[name] = server = NamedServer(
                    host, what, self._merge, self._resolved, self._resolve
                )
                server.start()

    def stop(self) -> None:
        """Resolve no more; the members stay."""
        for server in self._servers.values():
            server.stop()

    def forget(self) -> None:
        """Follow none any more; the members stay."""
        self.stop()
        self._servers.clear()

    def unresolved(self) -> list[NamedServer]:
        """Those that have never had an address."""
        return [server for server in self._servers.values() if server.address is None]
