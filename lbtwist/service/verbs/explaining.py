"""The verbs that tell why: of one server, each condition of "may take new connections"; a check in steps."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.model.config import ListenerSettings
from lbtwist.model.health import CheckResult
from lbtwist.model.reference import Reference, parse_reference
from lbtwist.model.registration import Condition, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.verb import Call, Exit, Kind, Parameter, Result, Role, Verb


def why(call: Call, server: str) -> Result:
    """Each condition with its value, the first that says no, and what reaches the server."""
    balancer: LoadBalancer = call.balancer
    reference = parse_reference(server)
    if unresolved := _unresolved(balancer.group(reference.group), reference):
        return Result(unresolved)
    return Result(_told(balancer, *balancer.find(reference)))


def _told(balancer: LoadBalancer, group: ServerGroup, registration: Registration) -> rows.Row:
    live = balancer.plane.tally(registration.scope).live
    conditions = list(group.members.conditions(registration, live, group.choice))
    no = next((condition for condition in conditions if not condition.holds), None)
    return {
        "server": registration.label,
        "address": str(registration.address),
        "state": registration.state,
        "takes_new": no is None or group.opened(registration),
        "reason": no.reason if no else registration.reason,
        "first_no": no.name if no else None,
        "last_check": rows.last_check(registration),
        "fail_open": group.opened(registration),
        "seconds_left": _ends(balancer, registration),
        "listeners": _listeners(balancer, group),
        "share": _share(balancer, group, registration),
        "conditions": [_row(condition, no) for condition in conditions],
    }


def _unresolved(group: ServerGroup, reference: Reference) -> rows.Row | None:
    """What there is to tell of a server whose name has never been resolved."""
    if reference.number is not None:
        return None
    for server in group.named.unresolved():
        if server.wanted.name == reference.server:
            row = rows.unresolved_row(group, server)
            told = {name: row[name] for name in ("server", "address", "state", "reason", "last_check")}
            return told | {"takes_new": False, "first_no": "name"}
    return None


def probe(call: Call, server: str) -> Deferred[Result]:
    """One health check now, whatever the state; its result counts where the server is checked."""
    balancer: LoadBalancer = call.balancer
    group, registration = balancer.find(parse_reference(server))
    return group.health.probe(registration).addCallback(lambda result: _probed(registration, result))


def _probed(registration: Registration, result: CheckResult) -> Result:
    data = {
        "server": registration.label,
        "address": str(registration.address),
        "passed": result.passed,
        "reason": result.reason,
        "seconds": round(result.seconds, 4),
        "steps": [{"step": step.name, "seconds": round(step.seconds, 4)} for step in result.steps],
    }
    return Result(data, Exit.DONE if result.well else Exit.REFUSED)


def _row(condition: Condition, first_no: Condition | None) -> rows.Row:
    return {
        "first": "→" if condition is first_no else " ",
        "condition": condition.name,
        "value": condition.value,
        "holds": condition.holds,
        "reason": condition.reason,
    }


def _ends(balancer: LoadBalancer, registration: Registration) -> float | str | None:
    """Seconds until what holds it back ends by itself, where that is known."""
    if running := balancer.drains.get(registration.key):
        return rows.seconds_or_never(running.left())
    if registration.until is not None:
        return rows.seconds_or_never(max(0.0, registration.until - balancer.clock.seconds()))
    return None


def _listeners(balancer: LoadBalancer, group: ServerGroup) -> list[str]:
    """Those that use the group, the others with the first of their rules that does."""
    return [
        f"{listener.name}{by_rule}"
        for listener in balancer.listeners.values()
        if (by_rule := _use(listener.settings, group.name)) is not None
    ]


def _use(settings: ListenerSettings, group: str) -> str | None:
    if settings.server_group == group:
        return ""
    rules = (number for number, rule in enumerate(settings.rules, 1) if rule.server_group == group)
    return next((f" (rule {number})" for number in rules), None)


def _share(balancer: LoadBalancer, group: ServerGroup, registration: Registration) -> rows.Row:
    """Its part of the group's new connections in the last minute, against what its weight is due."""
    total = sum(each.member.share for each in group.choice.registrations)
    mine = registration.member.share if registration in group.choice.registrations else 0
    got, all_got = balancer.shares.of(registration), sum(balancer.shares.of(each) for each in group.members)
    return {
        "last_minute": f"{got / all_got:.1%}" if all_got else "none",
        "due": f"{mine / total:.1%}" if total else "none",
        "connections": got,
    }


VERBS = (
    Verb(
        "why",
        why,
        "Tells why a server gets new connections, or why not.",
        Role.READ,
        (Parameter("server", Kind.SERVER, required=True),),
    ),
    Verb(
        "probe",
        probe,
        "Makes one health check now, and tells its steps.",
        Role.OPERATE,
        (Parameter("server", Kind.SERVER, required=True),),
    ),
)
