"""What operators want of one server, and what is left of that when the file has been read anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers, overlaid
from lbtwist.model.registration import Admin


class Intent(NamedTuple):
    """What operators did to the server at one address of a group, and over what."""

    address: Address
    said: Wanted | None
    """What the file or the source said of it then; None: nothing, a verb has added it."""
    live: Wanted | None
    """What it was by all that was done; None: a verb has removed it."""
    admin: Admin = Admin.READY
    until: float | None = None
    """When it comes back by itself, on the wall clock."""
    because: Because = Because("")
    """Who did it, and why."""
    host: str = ""
    """The host's name and port by which the file gives it, where it does not by an address."""


Intents = Iterable[Intent]


class Restored(NamedTuple):
    """What is made of an intent."""

    wanted: Wanted | None
    """The server as it joins; None: it stays removed."""
    edited: tuple[str, ...] = ()
    """Fields of it that were changed live, and that the file has changed since: it wins."""


def restored(intent: Intent, now: Wanted) -> Restored:
    """What the server is that the file now says `now` of."""
    if intent.said is None:
        return Restored(now)
    if intent.live is None:
        return Restored(None) if now == intent.said else Restored(now, ("removed",))
    name = intent.live.name if now.name == intent.said.name else now.name
    wanted = overlaid(intent.live, intent.said, now)._replace(name=name)
    return Restored(wanted, tuple(_edited(intent.said, intent.live, now)))


def with_names_of(said: Servers, servers: Servers) -> Servers:
    """`servers` by the names that are `said` of them."""
    return {address: wanted._replace(name=said[address].name) for address, wanted in servers.items()}


def with_free_names(servers: Servers, said: Servers) -> Servers:
    """`servers`, where several would have one name by those that are `said` of them, which differ."""
    named = dict(servers)
    while clashing := _clashing(named, said):
        named.update(with_names_of(said, clashing))
    return named


def _clashing(servers: Servers, said: Servers) -> Servers:
    times = Counter(wanted.name for wanted in servers.values())
    return {a: w for a, w in servers.items() if times[w.name] > 1 and w.name != said[a].name}


def _edited(said: Wanted, live: Wanted, now: Wanted) -> Iterable[str]:
    for name, was, mine, new in zip(Wanted._fields, said, live, now, strict=True):
        if was != mine and new not in (was, mine):
            yield name
