"""The verbs that bring servers in: add, ready, replace; and their shares."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused, UsageError
from lbtwist.model.address import Address, parse_address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.reference import parse_reference, parse_server_name
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.group import ServerGroup
from lbtwist.service.verbs import preview, rows
from lbtwist.service.verbs.choosing import find
from lbtwist.service.verbs.taking_out import LOGGED_REASON, REASON, SERVER, SERVERS
from lbtwist.service.verbs.verb import Call, Exit, Kind, Parameter, Result, Role, Verb
from lbtwist.service.verbs.waiting import LIMIT, until_taking


def add(
    call: Call,
    group: str,
    name: str,
    address: str,
    weight: int = 100,
    wait: bool = False,
    limit: float | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Register a server. It takes traffic at once, unless its first check or an earlier stay is waited
    for (rules 16 and 30)."""
    where = call.balancer.group(group)
    wanted = _wanted(where, name, address, weight)
    for found, what in wanted.items():
        call.balancer.check_network(found)
        where.members.check_free(what.name, found)
    if dry_run:
        return Result([{"server": f"{group}/{name}", "would": "add"}])
    added = where.add(wanted, Because(call.caller.name, reason))
    if wait:
        return until_taking(call, [(where, each) for each in added], limit, fresh=False)
    return rows.servers_result(call.balancer, added)


def ready(
    call: Call,
    servers: list[str],
    wait: bool = False,
    limit: float | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Back in rotation (rules 60 and 62). All of them or none."""
    found = find(call.balancer, servers)
    registrations = [registration for _, registration in found]
    for group, registration in found:
        group.check_ready(registration)
    if dry_run:
        return preview.said("ready", registrations, call.balancer)
    for group, registration in found:
        group.ready(registration, Because(call.caller.name, reason))
    if wait:
        return until_taking(call, found, limit, fresh=True)
    return rows.servers_result(call.balancer, registrations)


def replace(
    call: Call,
    server: str,
    name: str,
    address: str,
    limit: float | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Add the new one, wait until it takes traffic, then remove the old one."""
    group, old = call.balancer.find(parse_reference(server))
    if not old.registered:
        raise Refused(f"{old.label} is being removed already")
    wanted = _wanted(group, name, address, old.weight)
    for found, what in wanted.items():
        call.balancer.check_network(found)
        group.members.check_free(what.name, found)
    if dry_run:
        return preview.leaving(call, f"replace by {name} at {address}", [(group, old)], None)
    because = Because(call.caller.name, reason)
    new = group.add(wanted, because)[0]
    return Deferred.fromCoroutine(_replaced(call, group, old, new, because, limit))


def weigh(call: Call, server: str, weight: int, dry_run: bool = False, reason: str = "") -> Result:
    """Another share of the new connections. Reasons are logged with the line."""
    group, registration = call.balancer.find(parse_reference(server))
    if not registration.registered:
        raise Refused(f"{registration.label} is leaving: its weight says nothing any more")
    if dry_run:
        return preview.said(f"weigh {weight} instead of {registration.weight}", [registration], call.balancer)
    group.weigh(registration, weight, Because(call.caller.name, reason))
    return rows.servers_result(call.balancer, [registration])


async def _replaced(
    call: Call,
    group: ServerGroup,
    old: Registration,
    new: Registration,
    because: Because,
    limit: float | None,
) -> Result:
    taking = await until_taking(call, [(group, new)], limit, fresh=False)
    if taking.exit is not Exit.DONE:
        return taking
    if old.registered:
        group.remove([old], because, Origin.VERB)
    return rows.servers_result(call.balancer, [new, old])


def _wanted(group: ServerGroup, name: str, address: str, weight: int) -> dict[Address, Wanted]:
    try:
        return {parse_address(address, group.settings.port): Wanted(parse_server_name(name), weight)}
    except ValueError as error:
        raise UsageError(str(error)) from None


_WAIT = Parameter("wait", Kind.FLAG, "return when it takes traffic", option=True)

VERBS = (
    Verb(
        "add",
        add,
        "Registers a server.",
        Role.OPERATE,
        (
            Parameter("group", Kind.GROUP, required=True),
            Parameter("name", Kind.NAME, required=True),
            Parameter("address", Kind.ADDRESS, required=True),
            Parameter("weight", Kind.WEIGHT, "0–100 (100)", option=True),
            _WAIT,
            LIMIT,
            preview.DRY_RUN,
            REASON,
        ),
    ),
    Verb(
        "ready",
        ready,
        "Brings servers back into rotation; with --wait, a check that began after it has passed.",
        Role.OPERATE,
        (SERVERS, _WAIT, LIMIT, preview.DRY_RUN, REASON),
    ),
    Verb(
        "replace",
        replace,
        "Adds a server, waits until it takes traffic, then removes another.",
        Role.OPERATE,
        (
            SERVER,
            Parameter("name", Kind.NAME, required=True),
            Parameter("address", Kind.ADDRESS, required=True),
            LIMIT,
            preview.DRY_RUN,
            REASON,
        ),
    ),
    Verb(
        "weight",
        weigh,
        "Sets a server's share of new connections; 0 gets none and starts no drain.",
        Role.OPERATE,
        (
            SERVER,
            Parameter("weight", Kind.WEIGHT, "0–100", required=True),
            preview.DRY_RUN,
            LOGGED_REASON,
        ),
    ),
)
