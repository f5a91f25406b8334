"""What operators wanted of a group's servers before a restart, until those come (rule 67)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.model.address import Address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Admin, Origin, Registration
from lbtwist.model.state.intent import Intent, restored
from lbtwist.service.returning import Returning


class Recollection:
    """Known from before, each until its server joins, or is known not to."""

    log = Logger()

    def __init__(self, group: str, returning: Returning, clock: IReactorTime) -> None:
        self._group = group
        self._returning = returning
        self._clock = clock
        self._intents: dict[Address, Intent] = {}
        self.done: dict[Address, Because] = {}
        """Who last did something by a verb to the server at an address."""

    def __iter__(self) -> Iterator[Intent]:
        """Those whose servers have not come yet; `until` is on the monotonic clock."""
        return iter(tuple(self._intents.values()))

    def remember(self, intents: Iterable[Intent]) -> None:
        """To be called before the group is started. `until` is on the monotonic clock."""
        for intent in intents:
            self._intents[intent.address] = intent
            self.done[intent.address] = intent.because

    def note(self, addresses: Iterable[Address], because: Because) -> None:
        """An operator does something to the servers there; what was wanted before says nothing any more."""
        for address in addresses:
            self.done[address] = because
            self._intents.pop(address, None)

    def coming(self, servers: Servers, host: Callable[[str], str], origin: Origin) -> Servers:
        """`servers` as they join, without those that a verb has removed. `host` tells the host by whose
        name a server is given; empty where it is not."""
        if not self._intents:
            return servers
        joining = {a: self._joining(a, said, host(said.name), origin) for a, said in servers.items()}
        return {address: wanted for address, wanted in joining.items() if wanted is not None}

    def added(self) -> list[Intent]:
        """Of servers that verbs had added, and that nothing else has brought."""
        return [intent for intent in self if intent.said is None and intent.live is not None]

    def join(self, registration: Registration) -> None:
        """It has joined, and is not published yet: it comes up in its state."""
        intent = self._intents.pop(registration.address, None)
        if intent is None or intent.admin is Admin.READY:
            return
        left = None if intent.until is None else intent.until - self._clock.seconds()
        if left is not None and left <= 0:
            self.log.info("the maintenance of {server} is over", server=registration.label)
            return
        registration.admin, registration.because = intent.admin, intent.because
        if left is not None:
            self._returning.schedule(registration, left)

    def settle(self) -> None:
        """All have come that come: what is left is of servers that are there no more."""
        for intent in self:
            self.log.info(
                "{group}: there is no server at {address} any more: what operators wanted of it is dropped",
                group=self._group,
                address=intent.address,
            )
        self._intents.clear()

    def forget(self) -> None:
        self._intents.clear()

    def _joining(self, address: Address, said: Wanted, host: str, origin: Origin) -> Wanted | None:
        intent = self._intents.get(address) or self._removed(said.name, host)
        if intent is None:
            return said
        if intent.live is None and origin is Origin.SOURCE:
            intent = intent._replace(said=said)  # another weight is no reason for it to come back
        found = restored(intent, said)
        for what in found.edited:
            self.log.warn(
                "{group}/{server}: {what} live; the file has changed it since, and wins",
                group=self._group,
                server=said.name,
                what="it was removed" if what == "removed" else f"its {what} was set",
            )
        if found.wanted is None:
            del self._intents[intent.address]
        return found.wanted

    def _removed(self, name: str, host: str) -> Intent | None:
        """One that a verb removed does not come back with another address of its host."""
        of_host = (i for i in self._intents.values() if host and i.host == host and i.live is None)
        return next((i for i in of_host if i.said and i.said.name == name), None)
