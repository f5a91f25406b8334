"""The verbs that take servers out: remove, drain, maint; and that move or end a running drain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused, UsageError
from lbtwist.model.drain import Because
from lbtwist.model.plane import EVERYTHING
from lbtwist.model.reference import parse_reference
from lbtwist.model.registration import Admin, Origin, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.verbs import preview, rows
from lbtwist.service.verbs.choosing import Found, find, in_groups
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb
from lbtwist.service.verbs.waiting import LIMIT, wait_for

TakeOut = Callable[[ServerGroup, Sequence[Registration], Because], list[RunningDrain]]


def remove(
    call: Call,
    servers: list[str],
    timeout: float | None = None,
    wait: bool = False,
    limit: float | None = None,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Deregister: drain, then gone (rules 1 to 5)."""
    found = find(call.balancer, servers)
    for _, registration in found:
        if not registration.registered:
            raise Refused(f"{registration.label} is being removed already")
    if dry_run:
        return preview.leaving(call, "remove", found, timeout)

    def take_out(group: ServerGroup, members: Sequence[Registration], because: Because) -> list[RunningDrain]:
        return group.remove(members, because, Origin.VERB, timeout)

    return _take_out(call, found, take_out, force, reason, wait, limit)


def drain(
    call: Call,
    servers: Sequence[str] = (),
    host: str | None = None,
    timeout: float | None = None,
    wait: bool = False,
    limit: float | None = None,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Out of rotation, drained, and registered still (rule 60)."""
    found = _registered(find(call.balancer, servers, host))
    if dry_run:
        return preview.leaving(call, "drain", found, timeout)

    def take_out(group: ServerGroup, members: Sequence[Registration], because: Because) -> list[RunningDrain]:
        return group.drain(members, because, timeout)

    return _take_out(call, found, take_out, force, reason, wait, limit)


def maint(
    call: Call,
    servers: Sequence[str] = (),
    host: str | None = None,
    timeout: float | None = None,
    now: bool = False,
    wait: bool = False,
    limit: float | None = None,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
    **for_: float,
) -> Result | Deferred[Result]:
    """`drain`, and when it ends checks stop; `--now` cuts at once, `--for` brings it back (rule 61)."""
    if now and timeout is not None:
        raise UsageError("maint takes --now or --timeout, not both")
    seconds = 0.0 if now else timeout
    found = _registered(find(call.balancer, servers, host))
    if dry_run:
        return preview.leaving(call, "maint", found, seconds)

    def take_out(group: ServerGroup, members: Sequence[Registration], because: Because) -> list[RunningDrain]:
        return group.drain(members, because, seconds, Admin.MAINT, for_.get("for"))

    return _take_out(call, found, take_out, force, reason, wait, limit)


def extend(call: Call, server: str, timeout: float, dry_run: bool = False, reason: str = "") -> Result:
    """The deadline of its drain is so long from now (rule 62). Reasons are logged with the line."""
    running = _draining(call.balancer, server)
    if not dry_run:
        running.extend(timeout)
    return Result([rows.drain_row(running)], columns=rows.DRAIN_COLUMNS)


def cut(
    call: Call,
    server: str | None = None,
    connection: int | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> Result:
    """End a drain now, or close one connection."""
    if (server is None) == (connection is None):
        raise UsageError("cut takes a server, or --connection ID")
    if connection is not None:
        return _cut_connection(call.balancer, connection, dry_run)
    running = _draining(call.balancer, str(server))
    live = running.live()
    if not dry_run:
        running.cut()
    return Result({"subject": running.drain.subject, "connections": live})


def _cut_connection(balancer: LoadBalancer, connection: int, dry_run: bool) -> Result:
    there = (
        any(view.id == connection for view in balancer.plane.connections(EVERYTHING))
        if dry_run
        else balancer.plane.cut_connection(connection)
    )
    if not there:
        raise Refused(f"there is no connection {connection}")
    return Result({"connection": connection})


def _registered(found: list[Found]) -> list[Found]:
    for _, registration in found:
        if not registration.registered:
            raise Refused(f"{registration.label} is being removed: it leaves by itself")
    return found


def _take_out(
    call: Call,
    found: Sequence[Found],
    take_out: TakeOut,
    force: bool,
    reason: str,
    wait: bool,
    limit: float | None,
) -> Result | Deferred[Result]:
    """Every group is asked before any is changed (rule 65)."""
    because = Because(call.caller.name, reason)
    running: list[RunningDrain] = []
    for group, members in in_groups(found, force):
        running += take_out(group, members, because)
    if wait:
        return wait_for(call, running, limit)
    return rows.servers_result(call.balancer, [registration for _, registration in found])


def _draining(balancer: LoadBalancer, server: str) -> RunningDrain:
    group, registration = balancer.find(parse_reference(server), leaving=True)
    running = group.drain_of(registration)
    if running is None:
        raise Refused(f"{registration.label} is not draining")
    return running


SERVER = Parameter("server", Kind.SERVER, required=True)
SERVERS = Parameter("servers", Kind.SERVER, required=True, many=True)
SOME_SERVERS = Parameter("servers", Kind.SERVER, many=True)
HOST = Parameter("host", Kind.TEXT, "every server at this address, in all groups or none", option=True)
REASON = Parameter("reason", Kind.TEXT, "why; it stands in the receipt and the log", option=True)
LOGGED_REASON = Parameter("reason", Kind.TEXT, "why; it stands in the log", option=True)
_TIMEOUT = Parameter(
    "timeout", Kind.TIMEOUT, "how long its connections may live on (the group's setting)", option=True
)
_LEAVING = (
    _TIMEOUT,
    Parameter("wait", Kind.FLAG, "return when it is empty", option=True),
    LIMIT,
    Parameter("force", Kind.FLAG, "even if fewer than min_healthy are left", option=True),
    preview.DRY_RUN,
    REASON,
)

VERBS = (
    Verb(
        "remove",
        remove,
        "Deregisters servers: nothing new, drain, then gone.",
        Role.OPERATE,
        (SERVERS, *_LEAVING),
    ),
    Verb(
        "drain",
        drain,
        "Takes servers out of rotation and drains them; they stay registered.",
        Role.OPERATE,
        (SOME_SERVERS, HOST, *_LEAVING),
    ),
    Verb(
        "maint",
        maint,
        "Drains servers for maintenance: then they are not checked any more.",
        Role.OPERATE,
        (
            SOME_SERVERS,
            HOST,
            Parameter("for", Kind.DURATION, "bring it back by itself after so long", option=True),
            Parameter("now", Kind.FLAG, "cut its connections at once", option=True),
            *_LEAVING,
        ),
    ),
    Verb(
        "extend",
        extend,
        "Moves the deadline of a running drain.",
        Role.OPERATE,
        (
            SERVER,
            Parameter("timeout", Kind.TIMEOUT, "from now", option=True, required=True),
            preview.DRY_RUN,
            LOGGED_REASON,
        ),
    ),
    Verb(
        "cut",
        cut,
        "Ends a running drain now, or closes one connection.",
        Role.OPERATE,
        (
            Parameter("server", Kind.SERVER),
            Parameter("connection", Kind.NUMBER, "only this one", option=True),
            preview.DRY_RUN,
            LOGGED_REASON,
        ),
    ),
)
