"""The verbs that add, remove, drain and bring back servers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused, UsageError
from lbtwist.model.address import parse_address
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.reference import parse_reference, parse_server_name
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.draining import RunningDrain
from lbtwist.service.group import ServerGroup
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb
from lbtwist.service.verbs.waiting import LIMIT, wait_for

Found = tuple[ServerGroup, Registration]


def add(call: Call, group: str, name: str, address: str, weight: int = 100, reason: str = "") -> Result:
    """Register a server. It takes traffic at once, unless an earlier stay still drains (rule 16)."""
    where = call.balancer.group(group)
    try:
        wanted = {parse_address(address, where.settings.port): Wanted(parse_server_name(name), weight)}
    except ValueError as error:
        raise UsageError(str(error)) from None
    added = where.add(wanted, Because(call.caller.name, reason))
    return _servers(call, added)


def remove(
    call: Call,
    servers: list[str],
    timeout: float | None = None,
    wait: bool = False,
    limit: float | None = None,
    force: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Deregister: drain, then gone (rules 1 to 5)."""
    found = _found(call.balancer, servers)
    for _, registration in found:
        if not registration.registered:
            raise Refused(f"{registration.label} is being removed already")
    because = Because(call.caller.name, reason)
    running: list[RunningDrain] = []
    for group, members in _by_group(found, force):
        running += group.remove(members, because, Origin.VERB, timeout)
    return _answer(call, found, running, wait, limit)


def drain(
    call: Call,
    servers: list[str],
    timeout: float | None = None,
    wait: bool = False,
    limit: float | None = None,
    force: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Out of rotation, drained, and registered still (rule 60)."""
    found = _found(call.balancer, servers)
    because = Because(call.caller.name, reason)
    running: list[RunningDrain] = []
    for group, members in _by_group(found, force):
        running += group.drain(members, because, timeout)
    return _answer(call, found, running, wait, limit)


def ready(call: Call, servers: list[str], reason: str = "") -> Result:
    """Back in rotation (rules 60 and 62). All of them or none."""
    found = _found(call.balancer, servers)
    for group, registration in found:
        group.check_ready(registration)
    for group, registration in found:
        group.ready(registration, Because(call.caller.name, reason))
    return _servers(call, [registration for _, registration in found])


def extend(call: Call, server: str, timeout: float) -> Result:
    """The deadline of its drain is so long from now (rule 62)."""
    running = _draining(call.balancer, server)
    running.extend(timeout)
    return Result([rows.drain_row(running)], columns=rows.DRAIN_COLUMNS)


def cut(call: Call, server: str | None = None, connection: int | None = None) -> Result:
    """End a drain now, or close one connection."""
    if (server is None) == (connection is None):
        raise UsageError("cut takes a server, or --connection ID")
    if connection is not None:
        if not call.balancer.plane.cut_connection(connection):
            raise Refused(f"there is no connection {connection}")
        return Result({"connection": connection})
    running = _draining(call.balancer, str(server))
    live = running.live()
    running.cut()
    return Result({"subject": running.drain.subject, "connections": live})


def weigh(call: Call, server: str, weight: int) -> Result:
    """Another share of the new connections."""
    group, registration = call.balancer.find(parse_reference(server))
    if not registration.registered:
        raise Refused(f"{registration.label} is leaving: its weight says nothing any more")
    group.weigh(registration, weight)
    return _servers(call, [registration])


def _found(balancer: LoadBalancer, servers: list[str]) -> list[Found]:
    """All of them, each once, before anything is changed."""
    found = [balancer.find(parse_reference(server)) for server in servers]
    return list({registration.number: (group, registration) for group, registration in found}.values())


def _by_group(found: Sequence[Found], force: bool) -> list[tuple[ServerGroup, list[Registration]]]:
    """The servers of each group; refused as a whole when one group would have too few left (rule 66)."""
    ordered = sorted(found, key=lambda each: each[0].name)
    groups = [
        (group, [registration for _, registration in members])
        for group, members in groupby(ordered, key=lambda each: each[0])
    ]
    if not force:
        for group, members in groups:
            group.check_min_healthy(members)
    return groups


def _draining(balancer: LoadBalancer, server: str) -> RunningDrain:
    group, registration = balancer.find(parse_reference(server), leaving=True)
    running = group.drain_of(registration)
    if running is None:
        raise Refused(f"{registration.label} is not draining")
    return running


def _answer(
    call: Call, found: Sequence[Found], running: list[RunningDrain], wait: bool, limit: float | None
) -> Result | Deferred[Result]:
    if wait:
        return wait_for(call, running, limit)
    return _servers(call, [registration for _, registration in found])


def _servers(call: Call, registrations: Sequence[Registration]) -> Result:
    data = [rows.server_row(call.balancer, registration) for registration in registrations]
    return Result(data, columns=rows.SERVER_COLUMNS)


SERVER = Parameter("server", Kind.SERVER, required=True)
SERVERS = Parameter("servers", Kind.SERVER, required=True, many=True)
REASON = Parameter("reason", Kind.TEXT, "why; it stands in the receipt and the log", option=True)
LEAVING = (
    SERVERS,
    Parameter(
        "timeout", Kind.TIMEOUT, "how long its connections may live on (the group's setting)", option=True
    ),
    Parameter("wait", Kind.FLAG, "return when it is empty", option=True),
    LIMIT,
    Parameter("force", Kind.FLAG, "even if fewer than min_healthy are left", option=True),
    REASON,
)

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
            REASON,
        ),
    ),
    Verb("remove", remove, "Deregisters servers: nothing new, drain, then gone.", Role.OPERATE, LEAVING),
    Verb(
        "drain",
        drain,
        "Takes servers out of rotation and drains them; they stay registered.",
        Role.OPERATE,
        LEAVING,
    ),
    Verb("ready", ready, "Brings servers back into rotation.", Role.OPERATE, (SERVERS, REASON)),
    Verb(
        "extend",
        extend,
        "Moves the deadline of a running drain.",
        Role.OPERATE,
        (SERVER, Parameter("timeout", Kind.TIMEOUT, "from now", option=True, required=True)),
    ),
    Verb(
        "cut",
        cut,
        "Ends a running drain now, or closes one connection.",
        Role.OPERATE,
        (
            Parameter("server", Kind.SERVER),
            Parameter("connection", Kind.NUMBER, "only this one", option=True),
        ),
    ),
    Verb(
        "weight",
        weigh,
        "Sets a server's share of new connections; 0 gets none and starts no drain.",
        Role.OPERATE,
        (SERVER, Parameter("weight", Kind.WEIGHT, "0–100", required=True)),
    ),
)
