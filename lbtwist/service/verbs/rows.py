"""The shapes that verbs answer in: one function for each kind of row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from lbtwist.model.plane import ConnectionView
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.listener import Listener
from lbtwist.service.named import NamedServer
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.verbs.verb import Exit, Result

Row = dict[str, Any]

LISTENER_COLUMNS = (
    "listener", "endpoint", "protocol", "server_group", "state", "connections", "total", "refused",
    "received", "sent",
)  # fmt: skip
RULED_LISTENER_COLUMNS = (
    "listener", "endpoint", "protocol", "server_group", "rule_groups", "state", "connections", "total",
    "received", "sent",
)  # fmt: skip
"""As many, or they would not all have room on 80 columns."""
BYTES = ("received", "sent")
"""The last columns of both: they give way to those that were turned away, where there are some."""
GROUP_COLUMNS = (
    "group",
    "protocol",
    "scheduler",
    "servers",
    "available",
    "draining",
    "connections",
    "timeout",
    "problem",
)
SERVER_COLUMNS = (
    "server", "address", "admin", "health", "state", "reason", "weight", "connections", "total", "failed",
    "last_check", "seconds_left",
)  # fmt: skip
DRAIN_COLUMNS = ("subject", "cause", "state", "connections", "at_start", "seconds_left", "who", "why")
RECEIPT_COLUMNS = (
    "subject", "cause", "outcome", "start", "seconds", "connections", "finished", "cut", "kept",
    "bytes_moved", "who", "why",
)  # fmt: skip
OF_CUT = ("responses_5xx", "responses_cut", "tunnels_closed", "tunnels_aborted")
"""What of those cut were requests and WebSockets: each is a column where it is not 0."""
CONNECTION_COLUMNS = (
    "id", "client", "listener", "server", "protocol", "age", "idle", "received", "sent", "activity",
)  # fmt: skip
REQUEST_COLUMNS = (
    "id", "client", "server", "method", "host", "path", "age", "received", "sent", "activity",
)  # fmt: skip
"""As many, or they would not all have room on 80 columns."""
LONGEST = 256
"""Characters that are shown of what a peer sent."""


def listener_row(balancer: LoadBalancer, listener: Listener) -> Row:
    tally = balancer.plane.tally(listener.scope)
    return {
        "listener": listener.name,
        "endpoint": listener.address,
        "protocol": listener.settings.protocol,
        "server_group": listener.settings.server_group,
        "rule_groups": list(listener.settings.groups[1:]),
        "state": f"{listener.state} (full)"
        if balancer.budget.full and listener.accepting
        else listener.state,
        "problem": balancer.budget.problem if listener.accepting else "",
        "connections": tally.live,
        "total": tally.total,
        "refused": tally.failed,
        "turned_away": dict(balancer.plane.turned_away(listener.number)),
        "received": tally.received,
        "sent": tally.sent,
    }


def listeners_result(balancer: LoadBalancer, listeners: Iterable[Listener]) -> Result:
    """These listeners, with a column of the groups that their rules reach where they do, and of the clients
    that their entrances have turned away."""
    table = [listener_row(balancer, listener) for listener in listeners]
    by_rules = any(row["rule_groups"] for row in table)
    columns: tuple[str, ...] = RULED_LISTENER_COLUMNS if by_rules else LISTENER_COLUMNS
    if any(row["turned_away"] for row in table):
        columns = (*columns[: -len(BYTES)], "turned_away")
    return Result(table, columns=columns)


def group_row(balancer: LoadBalancer, group: ServerGroup) -> Row:
    members = list(group.members)
    return {
        "group": group.name,
        "protocol": group.settings.protocol,
        "scheduler": group.settings.scheduler,
        "servers": group.members.registered,
        "available": sum(registration.takes_new for registration in members),
        "draining": sum(registration.drain is not None for registration in members),
        "connections": sum(balancer.plane.tally(registration.scope).live for registration in members),
        "timeout": seconds_or_never(group.settings.connection_draining.timeout),
        "fail_open": group.choice.fail_open,
        "problem": group.problem,
    }


def last_check(registration: Registration) -> str | None:
    """What the latest check of it found; None where there was none."""
    last = registration.record.last if registration.record else None
    return last.reason if last else None


def server_row(balancer: LoadBalancer, registration: Registration) -> Row:
    tally = balancer.plane.tally(registration.scope) + registration.past
    drain = balancer.drains.get(registration.key)
    last = registration.record.last if registration.record else None
    return {
        "server": registration.label,
        "address": str(registration.address),
        "membership": registration.membership.value,
        "admin": registration.admin.value,
        "health": registration.health.value,
        "state": registration.state,
        "reason": _reason(balancer, registration, tally.live),
        "weight": registration.weight,
        "connections": tally.live,
        "total": tally.total,
        "failed": tally.failed,
        "received": tally.received,
        "sent": tally.sent,
        "last_check": last_check(registration),
        "check_seconds": round(last.seconds, 4) if last else None,
        "seconds_left": drain and seconds_or_never(drain.left()),
    }


def _reason(balancer: LoadBalancer, registration: Registration, live: int) -> str:
    """What holds it back: of its own, its limit, or that others have the turn; else what there is to say."""
    group = balancer.groups.get(registration.group)
    conditions = group.members.conditions(registration, live, group.choice) if group else ()
    return next((condition.reason for condition in conditions if not condition.holds), registration.reason)


def unresolved_row(group: ServerGroup, server: NamedServer) -> Row:
    """A server given by name that has never had an address."""
    return dict.fromkeys(SERVER_COLUMNS) | {
        "server": f"{group.name}/{server.wanted.name}",
        "address": str(server.host),
        "state": "unhealthy",
        "reason": "name_not_resolved",
        "weight": server.wanted.weight,
        "last_check": server.problem,
    }


def drain_row(running: RunningDrain) -> Row:
    drain = running.drain
    because = drain.causes[drain.cause]
    return {
        "subject": drain.subject,
        "cause": drain.cause.word,
        "state": drain.state.value,
        "connections": running.live(),
        "at_start": drain.before.live,
        "seconds_left": seconds_or_never(running.left()),
        "start": instant(drain.started_at),
        "deadline": instant(drain.started_at + (drain.deadline - drain.started)),
        "who": because.who,
        "why": because.why,
    }


def receipt_row(receipt: Receipt) -> Row:
    return {
        "subject": receipt.subject,
        "cause": receipt.cause,
        "who": receipt.who,
        "why": receipt.why,
        "start": instant(receipt.start),
        "deadline": instant(receipt.deadline),
        "end": instant(receipt.end),
        "seconds": round(receipt.seconds, 3),
        "outcome": receipt.outcome,
        "connections": receipt.connections,
        "finished": receipt.finished,
        "cut": receipt.cut,
        "kept": receipt.kept,
        "responses_5xx": receipt.responses_5xx,
        "responses_cut": receipt.responses_cut,
        "tunnels_closed": receipt.tunnels_closed,
        "tunnels_aborted": receipt.tunnels_aborted,
        "bytes_moved": receipt.bytes_moved,
    }


def receipts_result(receipts: Iterable[Receipt], exit: Exit = Exit.DONE) -> Result:
    """These receipts, with a column for each way of being cut that there was."""
    table = [receipt_row(receipt) for receipt in receipts]
    told = [name for name in OF_CUT if any(row[name] for row in table)]
    place = RECEIPT_COLUMNS.index("cut") + 1
    return Result(table, exit, (*RECEIPT_COLUMNS[:place], *told, *RECEIPT_COLUMNS[place:]))


def connection_row(view: ConnectionView) -> Row:
    return {
        "id": view.id,
        "client": view.client,
        "listener": view.listener,
        "server": view.server,
        "protocol": view.protocol,
        "age": round(view.age, 1),
        "idle": round(view.idle, 1),
        "received": view.received,
        "sent": view.sent,
        "activity": view.activity,
        "method": _bounded(view.method),
        "host": _bounded(view.host),
        "path": _bounded(view.path),
    }


def connections_result(views: Iterable[ConnectionView]) -> Result:
    """These connections, with the columns of requests where there is one."""
    table = [connection_row(view) for view in views]
    requests = any(row["method"] for row in table)
    return Result(table, columns=REQUEST_COLUMNS if requests else CONNECTION_COLUMNS)


def _bounded(sent: str) -> str:
    """What a peer sent, cut where it is long; the faces make it harmless."""
    return sent if len(sent) <= LONGEST else sent[: LONGEST - 1] + "…"


def instant(wall: float) -> str:
    """A time of the wall clock in ISO 8601, UTC; `never` for one that does not come."""
    if math.isinf(wall):
        return "never"
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_or_never(seconds: float, digits: int = 1) -> float | str:
    """Seconds, rounded, or `never`."""
    return "never" if math.isinf(seconds) else round(seconds, digits)


def servers_result(
    balancer: LoadBalancer, registrations: Sequence[Registration], exit: Exit = Exit.DONE
) -> Result:
    """These servers as they are now."""
    return Result([server_row(balancer, each) for each in registrations], exit, SERVER_COLUMNS)
