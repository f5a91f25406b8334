"""The verbs that look and change nothing."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred

import lbtwist
from lbtwist.model.config.words import dotted
from lbtwist.model.plane import EVERYTHING, Scope
from lbtwist.model.reference import parse_reference
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import doings
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def status(call: Call) -> Result:
    """One screen of everything."""
    return Result(
        {
            **facts(call.balancer),
            "listeners": _narrowed(listeners(call)),
            "groups": _narrow(groups(call).data, rows.GROUP_COLUMNS),
            "servers": _narrow(servers(call).data, rows.SERVER_COLUMNS),
            "drains": _narrow(drains(call).data, rows.DRAIN_COLUMNS),
        }
    )


def facts(balancer: LoadBalancer) -> rows.Row:
    """What there is to say of the whole."""
    settings = balancer.config.load_balancer
    return {
        "name": balancer.name,
        "region": settings.region,
        "zone": settings.zone,
        "version": lbtwist.__version__,
        "host_key": balancer.host_key() or None,
        "state": "leaving" if balancer.leaving else "running",
        "uptime": round(balancer.clock.seconds() - balancer.started),
        "connections": balancer.plane.tally(EVERYTHING).live,
        "problems": [
            *balancer.problems,
            *balancer.state_problems,
            *filter(None, [balancer.budget.problem, balancer.log_problem()]),
        ],
        "live_changes": [dotted(path) for path in {**balancer.live.changes, **doings(balancer)}],
    }


def listeners(call: Call) -> Result:
    return rows.listeners_result(call.balancer, call.balancer.listeners.values())


def groups(call: Call) -> Result:
    return Result([rows.group_row(call.balancer, each) for each in call.balancer.groups.values()])


def servers(call: Call, group: str | None = None) -> Result:
    balancer: LoadBalancer = call.balancer
    chosen = [balancer.group(group)] if group else list(balancer.groups.values())
    return Result(
        [
            *(rows.server_row(balancer, each) for where in chosen for each in where.members),
            *(rows.unresolved_row(where, each) for where in chosen for each in where.named.unresolved()),
        ]
    )


def connections(
    call: Call,
    of: str | None = None,
    older: float = 0.0,
    idle: float = 0.0,
    limit: int = 1000,
) -> Result | Deferred[Result]:
    """What older generations have is asked for first (rule 75)."""
    balancer: LoadBalancer = call.balancer
    refreshed = balancer.plane.refreshed()
    if refreshed.called:
        return _connections(balancer, of, older, idle, limit)
    return refreshed.addCallback(lambda _: _connections(balancer, of, older, idle, limit))


def _connections(balancer: LoadBalancer, of: str | None, older: float, idle: float, limit: int) -> Result:
    views = (
        view
        for scope in _scopes(balancer, of)
        for view in balancer.plane.connections(scope)
        if view.age >= older and view.idle >= idle
    )
    chosen = sorted(views, key=lambda view: view.age, reverse=True)
    return rows.connections_result(chosen[: limit or None])


def drains(call: Call) -> Result:
    return Result([rows.drain_row(running) for running in call.balancer.drains])


def receipts(call: Call, since: float | None = None) -> Result:
    balancer: LoadBalancer = call.balancer
    oldest = balancer.wall() - since if since is not None else 0.0
    return rows.receipts_result(each for each in balancer.drains.receipts if each.end >= oldest)


def _scopes(balancer: LoadBalancer, of: str | None) -> Iterator[Scope]:
    """What connections are asked for: all, those of a group, or of every stay of a server."""
    if of is None:
        yield EVERYTHING
    elif "/" not in of:
        yield from (registration.scope for registration in balancer.group(of).members)
    else:
        reference = parse_reference(of)
        group, found = balancer.find(reference)
        stays = (r for r in group.members if r.name == reference.server)
        yield from (r.scope for r in stays if reference.number is None or r is found)


def _narrow(table: list[rows.Row], columns: tuple[str, ...]) -> list[rows.Row]:
    return [{name: row[name] for name in columns} for row in table]


def _narrowed(table: Result) -> list[rows.Row]:
    return _narrow(table.data, table.columns)


VERBS = (
    Verb(
        "status", status, "One screen: listeners, groups, servers with state and reason, drains.", Role.READ
    ),
    Verb("listeners", listeners, "The listeners.", Role.READ, columns=rows.LISTENER_COLUMNS),
    Verb("groups", groups, "The server groups.", Role.READ, columns=rows.GROUP_COLUMNS),
    Verb(
        "servers",
        servers,
        "The servers, of one group or all.",
        Role.READ,
        (Parameter("group", Kind.GROUP, "only this group's"),),
        rows.SERVER_COLUMNS,
    ),
    Verb(
        "connections",
        connections,
        "Live connections, the oldest first.",
        Role.READ,
        (
            Parameter("of", Kind.GROUP_OR_SERVER, "only this group's or server's"),
            Parameter("older", Kind.DURATION, "at least so old", option=True),
            Parameter("idle", Kind.DURATION, "at least so long without a byte", option=True),
            Parameter("limit", Kind.NUMBER, "at most so many (1000; 0: all)", option=True),
        ),
        rows.CONNECTION_COLUMNS,
    ),
    Verb("drains", drains, "The drains that run.", Role.READ, columns=rows.DRAIN_COLUMNS),
    Verb(
        "receipts",
        receipts,
        "What happened in the drains that ended.",
        Role.READ,
        (Parameter("since", Kind.DURATION, "only those that ended in this time up to now", option=True),),
        rows.RECEIPT_COLUMNS,
    ),
)
