"""What operators want of one server, and what is left of that when the file has been read anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.merge import overlaid
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
    return Restored(overlaid(intent.live, intent.said, now), tuple(_edited(intent.said, intent.live, now)))


def _edited(said: Wanted, live: Wanted, now: Wanted) -> Iterable[str]:
    for name, was, mine, new in zip(Wanted._fields, said, live, now, strict=True):
        if name != "name" and was != mine and new not in (was, mine):
            yield name
