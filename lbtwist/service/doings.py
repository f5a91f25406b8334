"""What verbs did to the servers of a file, as changes by key path: the two ways to the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.config import ServerSettings, plain
from lbtwist.model.config.changes import Changes, KeyPath, LiveChange, changed
from lbtwist.model.config.words import dotted
from lbtwist.model.registration import Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.live import LiveEdit

FIELDS = ("weight", "max_connections", "backup", "zone")
"""What is said of a server beside its address, under the same names in a file and in a registration."""
_SAID = attrgetter(*FIELDS)


def changes_of_all(balancer: LoadBalancer) -> Changes:
    """What runs instead of what the file said when it was last read, and by whom."""
    live, parts = balancer.live, balancer.parts
    done = doings(balancer)
    if not done:
        return live.changes
    return live.named(parts, changed(changed(parts, live.changes), done), {**live.changes, **done}, done)


def doings(balancer: LoadBalancer) -> Changes:
    """What makes the servers that are registered of those in the settings, of all groups that have
    servers of their own."""
    return {
        path: change
        for name, settings in balancer.config.server_groups.items()
        if settings.discovery is None and (group := balancer.groups.get(name)) and group.running
        for path, change in _of_group(group)
    }


def overruled(balancer: LoadBalancer, before: Changes) -> Iterator[KeyPath]:
    """Of what verbs had done, that which does not hold any more now that a file was followed."""
    now = doings(balancer) if before else {}
    return (path for path, change in before.items() if path not in now and not _runs(balancer, path, change))


def _runs(balancer: LoadBalancer, path: KeyPath, change: LiveChange) -> bool:
    """The file says the same."""
    group = balancer.groups.get(path[1])
    registration = group.members.current(path[3]) if group else None
    if registration is None or change.value is None:
        return registration is None and change.value is None
    said = change.value if len(path) == 4 else {path[4]: change.value}
    return all(str(getattr(registration, field)) == str(value) for field, value in said.items())


def _of_group(group: ServerGroup) -> Iterator[tuple[KeyPath, LiveChange]]:
    table = ("server_groups", group.name, "servers")
    known = set()
    for name, server in group.settings.servers.items():
        registration = _registered(group, name, server)
        if registration is not None:
            known.add(registration.number)
            if _SAID(server) != _SAID(registration):
                who = _who(group, registration)
                yield from (
                    ((*table, name, field), LiveChange(v, who)) for field, v in _other(server, registration)
                )
        elif not group.named.awaited(name):
            yield (*table, name), LiveChange(None, _remover(group, server))
    if len(known) == group.members.registered:
        return
    for registration in group.members.by_address.values():
        if registration.number not in known:
            yield (*table, registration.name), LiveChange(_spelled(registration), _who(group, registration))


def _registered(group: ServerGroup, name: str, server: ServerSettings) -> Registration | None:
    """The registration that is what the settings call so: a server is its address."""
    if not isinstance(server.address, Address):
        return group.named.registered(name)
    registration = group.members.current(name)
    return registration if registration and registration.address == server.address else None


def _other(server: ServerSettings, registration: Registration) -> Iterator[tuple[str, object]]:
    for field in FIELDS:
        if getattr(server, field) != getattr(registration, field):
            yield field, getattr(registration, field)


def _spelled(registration: Registration) -> dict[str, object]:
    """As a file would have it, without what holds anyway."""
    defaults = {name: field.default for name, field in ServerSettings.model_fields.items()}
    said = {field: getattr(registration, field) for field in FIELDS}
    return {"address": str(registration.address)} | {f: v for f, v in said.items() if v != defaults[f]}


def _who(group: ServerGroup, registration: Registration) -> str:
    because = group.recollection.done.get(registration.address)
    return because.who if because else ""


def _remover(group: ServerGroup, server: ServerSettings) -> str:
    address = plain(server)["address"]
    return next((b.who for at, b in group.recollection.done.items() if str(at) == address), "")


def with_servers(balancer: LoadBalancer, edit: LiveEdit) -> LiveEdit:
    """`edit`, made over what verbs did to the servers that it speaks of: one that a verb added has an
    address. Raises Refused where it says something of one that a verb removed, but where it is."""
    if not any(map(_of_server, edit)):
        return edit
    done = doings(balancer)
    spoken: dict[KeyPath, LiveChange | None] = {}
    for path, change in edit.items():
        server = path[:4]
        if change is None or not _of_server(path) or server not in done:
            continue
        if done[server].value is not None:
            spoken[server] = done[server]
        elif path[4] != "address" and (*server, "address") not in edit:
            raise Refused(f"{path[1]}/{path[3]} was removed live: add it, or revert {dotted(server)}")
    return {**spoken, **edit}


def _of_server(path: KeyPath) -> bool:
    """It leads to something of one server."""
    return len(path) > 4 and path[2] == "servers"
