"""Servers that are given by name: resolved, and resolved again, into members of their group."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults

from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.drain import Because
from lbtwist.model.hostname import HostName
from lbtwist.model.members import Members, Wanted
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.discovery import Merging
from lbtwist.service.resolving import Resolving

_NAMES = Because("name service")
Resolved = Callable[[Address, bool], None]
"""`ServerGroup.resolved`: the name of the server at that address is known, or can't be resolved."""
Resolve = Callable[[HostName, Callable[[Address | None, str], None]], Resolving]


class NamedServer:
    """One server given by name. A changed address is a removal and an addition; one that can't be
    resolved keeps the last, and takes nothing new. One that a verb has removed does not come back with
    another address, only where the file says something else of it (rule 67)."""

    def __init__(self, host: HostName, wanted: Wanted, following: NamedServers) -> None:
        self.host = host
        self.wanted = wanted
        self.problem = ""
        """Why there is no address at present."""
        self.found: Address | None = None
        """What the name stands for at present."""
        self.address: Address | None = None
        """Where it is a member, or was before a verb removed it."""
        self._following = following
        self._resolving = following.resolve(host, self._heard)

    def start(self) -> None:
        self._resolving.start()

    def stop(self) -> Deferred[None]:
        return self._resolving.stop()

    def leave(self) -> None:
        """The file names it no more: it is removed by the rules."""
        self.stop()
        self._follow(None, self.wanted)

    def cede(self) -> None:
        """Another server is at its address now."""
        self.address = None

    def place(self, wanted: Wanted, objection: str) -> bool:
        """Be where the name points, unless there is an objection to that. True when it has moved."""
        before, found = self.address, None if objection else self.found
        if self.found is not None:
            self.problem = objection
        self._follow(found or before, wanted)
        if (mine := self._registered()) and self.address is not None:
            self._following.resolved(self.address, found is not None)
        return mine and self.address != before

    def _heard(self, address: Address | None, words: str) -> None:
        self.found, self.problem = address, words
        self._following.place()

    @property
    def registration(self) -> Registration | None:
        """The member that it is at present; none before it was resolved, nor when a verb has removed it."""
        registration = self._following.members.current_at(self.address) if self.address else None
        return registration if registration is not None and registration.name == self.wanted.name else None

    def _registered(self) -> bool:
        return self.registration is not None

    def _follow(self, address: Address | None, wanted: Wanted) -> None:
        before = {self.address: self.wanted} if self.address else {}
        after = {address: wanted} if address else {}
        removed = self.address is not None and not self._registered() and wanted == self.wanted
        self.address, self.wanted = address, wanted
        if after != before and not removed:
            self._following.merge(before, after, _NAMES, Origin.FILE)


class NamedServers:
    """All servers of one group that are given by name."""

    def __init__(self, members: Members, merge: Merging, resolved: Resolved, resolve: Resolve) -> None:
        self.members = members
        self.merge = merge
        self.resolved = resolved
        self.resolve = resolve
        self._servers: dict[str, NamedServer] = {}
        self._wanted: dict[str, Wanted] = {}
        self._others: frozenset[str] = frozenset()
        """Names of servers that the file gives by address."""

    def follow(self, settings: GroupSettings) -> None:
        """Have those that `settings` name, and no others."""
        hosts = {
            name: server.address
            for name, server in settings.servers.items()
            if isinstance(server.address, HostName)
        }
        self._others = frozenset(settings.servers.keys() - hosts.keys())
        self._wanted = {
            name: Wanted(name, server.weight, server.max_connections, server.backup, server.zone)
            for name, server in settings.servers.items()
            if name in hosts
        }
        for name, named in list(self._servers.items()):
            if hosts.get(name) != named.host:
                del self._servers[name]
                named.leave()
        self.place()
        for name, host in hosts.items():
            if name not in self._servers:
                self._servers[name] = named = NamedServer(host, self._wanted[name], self)
                named.start()

    def place(self) -> None:
        """Have each where its name points. One that leaves an address makes room for another."""
        servers = [(named, self._wanted[name]) for name, named in self._servers.items()]
        while any(named.place(wanted, self._objection(named)) for named, wanted in servers):
            pass

    def stop(self) -> Deferred[None]:
        """Resolve no more; the members stay. Fires when nothing is left of it."""
        stopping = gatherResults([server.stop() for server in self._servers.values()])
        return stopping.addCallback(lambda _: None)

    def forget(self) -> None:
        """Follow none any more; the members stay."""
        self.stop()
        self._servers.clear()

    def placed(self) -> list[NamedServer]:
        """Those that have an address, also where a verb removed them."""
        return [server for server in self._servers.values() if server.address is not None]

    def unresolved(self) -> list[NamedServer]:
        """Those that have never had an address."""
        return [server for server in self._servers.values() if server.address is None]

    def registered(self, name: str) -> Registration | None:
        """The member that the server of that name is at present."""
        named = self._servers.get(name)
        return named.registration if named else None

    def awaited(self, name: str) -> bool:
        """It has never had an address: it is no member, and no verb has removed it."""
        named = self._servers.get(name)
        return named is not None and named.address is None

    def readmit(self, name: str) -> None:
        """One that a verb has removed is a member again."""
        named = self._servers.get(name)
        if named is not None and named.registration is None:
            named.cede()
            self.place()

    def _objection(self, named: NamedServer) -> str:
        """Two servers of the file can't be one; the one that came first stays."""
        other = self.members.current_at(named.found) if named.found else None
        if other is None or other.name == named.wanted.name:
            return ""
        rival = self._servers.get(other.name)
        if rival is not None and rival.found not in (None, named.found):
            rival.cede()  # it is moving, too
            return ""
        if rival is None and other.name not in self._others:
            return ""
        return f"{named.host.host} is {named.found}, as {other.label} is already"
