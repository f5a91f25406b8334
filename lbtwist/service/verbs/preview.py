"""`--dry-run`: what a verb would do to servers. Nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.errors import Refused
from lbtwist.model.registration import Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.choosing import Found, in_groups
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result

COLUMNS = ("server", "would", "connections", "timeout", "servers_left", "connections_each", "warnings")
DRY_RUN = Parameter("dry_run", Kind.FLAG, "say what it would do, and change nothing", option=True)


def leaving(call: Call, would: str, found: Sequence[Found], timeout: float | None) -> Result:
    """What taking these servers out would do: connections affected, and what is left for the others."""
    told = []
    for group, members in in_groups(found, force=True):
        seconds = group.settings.connection_draining.timeout if timeout is None else timeout
        told += [_row(call.balancer, group, each, members, would, seconds) for each in members]
    return Result(told, columns=COLUMNS)


def said(would: str, registrations: Sequence[Registration], balancer: LoadBalancer) -> Result:
    """What a verb that takes nothing out would do."""
    told = [
        {"server": each.label, "would": would, "connections": balancer.plane.tally(each.scope).live}
        for each in registrations
    ]
    return Result(told, columns=COLUMNS[:3])


def _row(
    balancer: LoadBalancer,
    group: ServerGroup,
    registration: Registration,
    members: Sequence[Registration],
    would: str,
    timeout: float,
) -> rows.Row:
    left = group.members.left_without(members)
    live = sum(balancer.plane.tally(each.scope).live for each in group.members)
    return {
        "server": registration.label,
        "would": would,
        "connections": balancer.plane.tally(registration.scope).live,
        "timeout": rows.seconds_or_never(timeout),
        "servers_left": left,
        "connections_each": round(live / left, 1) if left else None,
        "warnings": _warnings(group, members, registration, timeout),
    }


def _warnings(
    group: ServerGroup, members: Sequence[Registration], registration: Registration, timeout: float
) -> list[str]:
    warnings = []
    try:
        group.check_min_healthy(members)
    except Refused as refused:
        warnings.append(str(refused))
    if registration.drain is not None:
        warnings.append("it drains already: the earlier deadline holds")
    if timeout == 0:
        warnings.append("its connections would be cut at once")
    return warnings
