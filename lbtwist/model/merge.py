"""What a file or a source says anew of servers, merged with what operators did to the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.members import Wanted, changes
from lbtwist.model.registration import Registration

Servers = Mapping[Address, Wanted]


class Merge(NamedTuple):
    """What has to be done."""

    leaving: list[Registration]
    changed: dict[Address, Wanted]
    """Other names, weights or limits for registered servers; no connection is touched."""
    new: dict[Address, Wanted]


def merge(members: Iterable[Registration], before: Servers, after: Servers, *, back: bool = False) -> Merge:
    """The difference of what was said `before` and `after`, over what `members` are at present.

    What it did not speak of, or speaks of as before, stays as it is; names are always those of `after`.
    Whoever else has such a name leaves. One that is no member any more comes `back` where something else
    is said of it.
    """
    difference = changes(before, after)
    registered = {r.address: r for r in members if r.registered}
    there = {address: now for address, now in after.items() if address in registered}
    spoken = {
        address: overlaid(wanted_of(registered[address]), before.get(address), now)
        for address, now in there.items()
        if now != before.get(address) or now.name != registered[address].name
    }
    said = {**difference.added, **difference.changed} if back else difference.added
    new = {address: now for address, now in said.items() if address not in there}
    names = {wanted.name for wanted in (*there.values(), *new.values())}
    leaving = [
        registration
        for address, registration in registered.items()
        if address in difference.removed or (address not in after and registration.name in names)
    ]
    changed = {a: wanted for a, wanted in spoken.items() if wanted != wanted_of(registered[a])}
    return Merge(leaving, changed, new)


def wanted_of(registration: Registration) -> Wanted:
    """What a registration is at present."""
    return Wanted(
        registration.name,
        registration.weight,
        registration.max_connections,
        registration.backup,
        registration.zone,
    )


def overlaid(live: Wanted, was: Wanted | None, now: Wanted) -> Wanted:
    """`now`, with the live value of all that it says as before but the name."""
    if was is None:
        return now
    kept: dict[str, Any] = {
        field: mine
        for field, mine, old, new in zip(Wanted._fields, live, was, now, strict=True)
        if old == new and field != "name"
    }
    return now._replace(**kept)
