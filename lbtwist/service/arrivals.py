"""How servers join a group: by what is known of them, and those together that come together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings, Rejoin
from lbtwist.model.drain import Because
from lbtwist.model.hostname import HostName
from lbtwist.model.members import Members
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin, Registration
from lbtwist.model.state.intent import with_free_names
from lbtwist.service.events import Events
from lbtwist.service.group_health import GroupHealth
from lbtwist.service.inherited import Inherited
from lbtwist.service.publication import Publication
from lbtwist.service.recollection import Recollection
from lbtwist.service.roll import Roll


class Arrivals:
    """Registers servers, in the state that operators want them in. Whoever calls publishes it."""

    log = Logger()

    def __init__(
        self,
        settings: GroupSettings,
        members: Members,
        roll: Roll,
        health: GroupHealth,
        publication: Publication,
        recollection: Recollection,
        inherited: Inherited,
        check_network: Callable[[Address], None],
        events: Events,
    ) -> None:
        """`check_network` raises Refused for an address where no server may be."""
        self.settings = settings
        self._members = members
        self._roll = roll
        self._health = health
        self._publication = publication
        self._recollection = recollection
        self._inherited = inherited
        self._check_network = check_network
        self._events = events
        self._beginning: set[str] = set()
        """Names of servers that begin with the group, those that are not resolved yet."""

    def begin(self, servers: Servers) -> None:
        """The group begins, with these of the settings that have an address, and with those that verbs had
        added."""
        self._beginning.update(self.settings.servers)
        self.admit(with_free_names(self.coming(servers, Origin.FILE), servers), Because("file"))
        self._bring_back()

    def admit(self, servers: Servers, because: Because, rejoin: Rejoin | None = None) -> list[Registration]:
        """Register servers, each by `rejoin`, or else the group's own setting, where an earlier stay of it
        still drains (rule 16). Their names and addresses are free."""
        added = self._roll.admit(servers, rejoin or self.settings.connection_draining.rejoin)
        for registration in added:
            self._recollection.join(registration)
            self._inherited.join(registration)
        self._begin_together(added)
        self._health.begin(added)
        for registration in added:
            self.log.info("{server} added by {who}", server=registration.label, who=because.who)
            self._events.add("server", registration.label, f"added at {registration.address}", because.who)
        return added

    def coming(self, servers: Servers, origin: Origin) -> Servers:
        """As they join, by what operators wanted of them before a restart."""
        return self._recollection.coming(servers, self._host, origin)

    def _host(self, name: str) -> str:
        """The host by whose name the file gives that server; empty where it does not."""
        server = self.settings.servers.get(name)
        return str(server.address) if server and isinstance(server.address, HostName) else ""

    def _bring_back(self) -> None:
        """Servers that verbs had added; the file's go before them."""
        for intent in self._recollection.added():
            assert intent.live is not None
            try:
                self._check_network(intent.address)
                self._members.check_free(intent.live.name, intent.address)
            except Refused as refused:
                group = self._members.group
                self.log.warn("{group}: it can't be brought back: {why}", group=group, why=refused)
                self._recollection.note([intent.address], intent.because)
                continue
            self.admit({intent.address: intent.live}, intent.because)

    def _begin_together(self, added: Sequence[Registration]) -> None:
        """Those that come when nobody is there, or that the group began with, do not start slowly."""
        nobody = not self._publication.choice.registrations
        self._publication.begin_together(r for r in added if nobody or r.name in self._beginning)
        self._beginning.difference_update(r.name for r in added)
