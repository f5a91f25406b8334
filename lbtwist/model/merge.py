"""What a file or a source says anew of servers, merged with what operators did to the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.members import Members, Wanted
from lbtwist.model.registration import Registration

Servers = Mapping[Address, Wanted]
_LIVE = attrgetter(*Wanted._fields)


class Merge(NamedTuple):
    """What has to be done."""

    leaving: list[Registration]
    changed: dict[Address, Wanted]
    """Other names, weights or limits for registered servers; no connection is touched."""
    new: dict[Address, Wanted]


def merge(members: Members, before: Servers, after: Servers, *, back: bool = False) -> Merge:
    """The difference of what was said `before` and `after`, over what `members` are at present.

    What it did not speak of, or speaks of as before, stays as it is; names are always those of `after`.
    Whoever else has such a name leaves. One that is no member any more comes `back` where something else
    is said of it.
    """
    at = members.by_address
    leaving = {a: at[a] for a in before if a not in after and a in at}
    plan = Merge([], {}, {})
    for address, now in after.items():
        was, registration = before.get(address), at.get(address)
        if registration is None:
            if was is not None and not (back and now != was):
                continue
            plan.new[address] = now
        elif now != was or now.name != registration.name:
            live = wanted_of(registration)
            if (wanted := overlaid(live, was, now)) != live:
                plan.changed[address] = wanted
        else:
            continue
        if registration is None or now.name != registration.name:
            named = members.current(now.name)
            if named is not None and named.address not in after:
                leaving[named.address] = named
    plan.leaving.extend(leaving.values())
    return plan


def wanted_of(registration: Registration) -> Wanted:
    """What a registration is at present."""
    return Wanted._make(_LIVE(registration))


def overlaid(live: Wanted, was: Wanted | None, now: Wanted) -> Wanted:
    """`now`, with the live value of all that it says as before but the name."""
    if was is None or live[1:] == was[1:]:
        return now
    kept: dict[str, Any] = {
        field: mine
        for field, mine, old, new in zip(Wanted._fields, live, was, now, strict=True)
        if old == new and field != "name"
    }
    return now._replace(**kept)
