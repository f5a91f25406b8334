"""The last word of an operator holds: what an edit speaks of replaces what verbs did to the same servers."""

from __future__ import annotations

from collections.abc import Collection

from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.config.changes import KeyPath
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers, wanted_of
from lbtwist.model.registration import Registration
from lbtwist.service.group import ServerGroup

_FIELDS = Wanted._fields[1:]

EVERYTHING: KeyPath = ()
"""The path of the whole."""


def spoken_of(group: str, paths: Collection[KeyPath]) -> list[KeyPath]:
    """Of key `paths` those that speak of the group's servers, as paths below their table: the empty one
    speaks of all."""
    table = ("server_groups", group, "servers")
    found = {path[len(table) :] for path in paths if _touches(path, table)}
    return sorted(found)


def said_before(group: ServerGroup, said: Servers, spoken: Collection[KeyPath]) -> Servers:
    """What is `said` of the group's servers, but where it is spoken of them as they are: what is said
    anew of that is then followed, though it may be as before."""
    if not spoken:
        return said
    names = {path[0] for path in spoken if path}
    registered = {
        r.address: wanted_of(r)
        for r in group.members
        if r.registered and (EVERYTHING in spoken or _called(r, said) & names)
    }
    if EVERYTHING in spoken:
        return {a: wanted for a, wanted in registered.items() if a in said or not _by_name(group, wanted)}
    before = dict(said)
    for name, *field in spoken:
        if field and field != ["address"]:
            _take_field(before, registered, name, field[0])
        else:
            _take_server(before, registered, name)
    return before


def take_back(group: ServerGroup, settings: GroupSettings, spoken: Collection[KeyPath]) -> None:
    """The same for servers that are given by a host's name, which are followed apart."""
    for name in settings.servers if EVERYTHING in spoken else {path[0] for path in spoken}:
        if (server := settings.servers.get(name)) is None:
            continue
        whole = bool({EVERYTHING, (name,), (name, "address")} & {*spoken})
        fields = _FIELDS if whole else [path[1] for path in spoken if path[:1] == (name,)]
        registration = group.named.registered(name)
        if registration is None and whole:
            group.named.readmit(name)
        elif registration is not None:
            wanted = wanted_of(registration)._replace(**{field: getattr(server, field) for field in fields})
            if wanted != wanted_of(registration):
                group.amend({registration.address: wanted})


def _called(registration: Registration, said: Servers) -> set[str]:
    """Its name, and the one that was said of its address."""
    wanted = said.get(registration.address)
    return {registration.name, wanted.name} if wanted else {registration.name}


def _touches(path: KeyPath, table: KeyPath) -> bool:
    shorter = min(len(path), len(table))
    return path[:shorter] == table[:shorter]


def _by_name(group: ServerGroup, wanted: Wanted) -> bool:
    return group.named.registered(wanted.name) is not None


def _take_field(before: dict[Address, Wanted], registered: Servers, name: str, field: str) -> None:
    for address, wanted in before.items():
        if wanted.name == name and address in registered:
            before[address] = wanted._replace(**{field: getattr(registered[address], field)})


def _take_server(before: dict[Address, Wanted], registered: Servers, name: str) -> None:
    for address in [a for a, wanted in before.items() if wanted.name == name]:
        del before[address]
        if address in registered:
            before[address] = registered[address]
    before.update({address: wanted for address, wanted in registered.items() if wanted.name == name})
