"""What a server group follows by itself: the source of its members, and the names of its servers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults

from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.members import Members
from lbtwist.model.merge import Servers
from lbtwist.service.discovery import Discovery, Merging
from lbtwist.service.events import Events
from lbtwist.service.makers import Makers
from lbtwist.service.named import NamedServers, Resolved


class Following:
    """Asks nobody before `start`, nor after `stop` or `forget`."""

    def __init__(
        self,
        settings: GroupSettings,
        members: Members,
        merge: Merging,
        resolved: Resolved,
        check_network: Callable[[Address], None],
        makers: Makers,
        events: Events,
    ) -> None:
        """`merge` follows what is said of servers, `resolved` hears of names that can't be resolved, and
        `check_network` raises Refused for an address where no server may be."""
        self._members = members
        self._merge = merge
        self._check_network = check_network
        self._makers = makers
        self._events = events
        self._started = False
        self.discovery = self._discovery(settings)
        """Where the members come from, where they are discovered."""
        self.named = NamedServers(members, merge, resolved, makers.resolving)
        """The servers that are given by name."""

    def start(self, settings: GroupSettings) -> None:
        """Ask from now on."""
        self._started = True
        self.named.follow(settings)
        if self.discovery is not None:
            self.discovery.start({})

    def change(self, settings: GroupSettings, said: Servers, *, anew: bool) -> None:
        """Other settings. The source is another one with `anew`: until its first answer what was `said`
        of servers before holds."""
        if anew:
            self._forget_source()
            self.discovery = self._discovery(settings)
            if self.discovery is not None and self._started:
                self.discovery.start(said)
        self.named.follow(settings)

    def forget(self) -> None:
        """Ask nobody any more until the next `change`; the members stay."""
        self.named.forget()
        self._forget_source()

    def stop(self) -> Deferred[None]:
        """Ask nobody any more; the members stay. Fires when nothing is left of it."""
        self._started = False
        stopping = [self.named.stop()]
        if self.discovery is not None:
            stopping.append(self.discovery.stop())
        return gatherResults(stopping).addCallback(lambda _: None)

    def _forget_source(self) -> None:
        before, self.discovery = self.discovery, None
        if before is not None:
            before.stop()

    def _discovery(self, settings: GroupSettings) -> Discovery | None:
        source = self._makers.source(settings)
        if source is None or settings.discovery is None:
            return None
        return Discovery(
            self._members.group,
            self._merge,
            self._check_network,
            settings.discovery,
            source,
            self._events,
        )
