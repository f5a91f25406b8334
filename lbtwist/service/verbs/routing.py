"""The verb that tells which way a request would go: rule, group, persistence, order of servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from lbtwist.errors import Refused, UsageError
from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.model.registration import Registration
from lbtwist.model.routing import Rule
from lbtwist.model.shown import shown
from lbtwist.net.plane import PREVIEWED
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.listener import Listener, rules_of
from lbtwist.service.routes import Request, Way, goes, passed, read_url, way
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


class _Asker(NamedTuple):
    """Who asks."""

    client: str
    """Its IP address; empty for any."""
    cookie: bytes
    """What its persistence cookie says."""


class _Choice(NamedTuple):
    """The servers of a group, as one who asks would be offered them now."""

    group: ServerGroup
    order: tuple[Registration, ...]
    tied: Registration | None


def route(call: Call, listener: str, url: str, client: str = "", cookie: str = "") -> Result:
    """Where such a request would go at this moment, and why not elsewhere. Nothing is sent.

    Raises UsageError for what is no URL or no address, Refused for a listener that reads no requests.
    """
    balancer: LoadBalancer = call.balancer
    found = _http_listener(balancer, listener)
    request = read_url(url)
    asker = _Asker(_address(client), cookie.encode("utf-8", "replace"))
    rules = rules_of(found.settings)
    taken = way(rules, found.settings.server_group, request)
    choice = _choice(balancer, balancer.group(taken.group), asker) if taken.group else None
    return Result(_told(balancer, found, rules, request, asker, taken, choice))


def _told(
    balancer: LoadBalancer,
    listener: Listener,
    rules: Sequence[Rule],
    request: Request,
    asker: _Asker,
    taken: Way,
    choice: _Choice | None,
) -> rows.Row:
    status, reason = _answer(taken, choice)
    return {
        "listener": listener.name,
        "host": request.host.decode("latin-1"),
        "path": request.path.decode("latin-1"),
        "client": asker.client or "any",
        "outcome": _outcome(taken),
        "rule": taken.rule,
        "status": status,
        "reason": reason,
        "location": taken.location.decode("latin-1") or None,
        "server_group": taken.group or None,
        "persistence": choice.group.settings.session_persistence.type if choice else None,
        "tied": choice.tied.label if choice and choice.tied else None,
        "fail_open": bool(choice and choice.group.choice.fail_open),
        "rules": [] if taken.refused else _rules(rules, request),
        "servers": list(_servers(balancer, choice)) if choice else [],
    }


def _http_listener(balancer: LoadBalancer, name: str) -> Listener:
    listener = balancer.listeners.get(name)
    if listener is None:
        raise Refused(f"there is no listener {name}; there is: {', '.join(balancer.listeners) or 'none'}")
    if not listener.settings.speaks_http:
        raise Refused(
            f"listener {name} is {listener.settings.protocol}: all its connections go to"
            f" {listener.settings.server_group}; `why SERVER` tells why one gets them, or why not"
        )
    return listener


def _address(client: str) -> str:
    """An IP address as the scheduler gets it."""
    if not client:
        return ""
    for parse in (parse_ipv4, parse_ipv6):
        with suppress(ValueError):
            return parse(client)
    raise UsageError(f"--client: {shown(client)} is not an IP address, as 192.0.2.1 or 2001:db8::1")


def _choice(balancer: LoadBalancer, group: ServerGroup, asker: _Asker) -> _Choice:
    order = _seated(group, balancer.plane.preview(group.name, asker.client, asker.cookie))
    tied = balancer.plane.tied(group.name, asker.client, asker.cookie)
    return _Choice(group, order, group.members.seated(tied) if tied is not None else None)


def _seated(group: ServerGroup, seats: Iterable[int]) -> tuple[Registration, ...]:
    return tuple(registration for seat in seats if (registration := group.members.seated(seat)))


def _outcome(taken: Way) -> str:
    if taken.refused:
        return "refused"
    if taken.group:
        return "server_group"
    return "redirect" if taken.location else "respond"


def _answer(taken: Way, choice: _Choice | None) -> tuple[int | None, str]:
    """The status of an answer that no server gives, and why it is given."""
    if choice is None:
        return taken.status, taken.refused
    if choice.order:
        return None, ""
    if not choice.group.choice.registrations:
        return 503, "no server may take new connections"
    if choice.group.settings.max_queue:
        return None, "every server is full: it waits"
    return 503, "every server is full"


def _rules(rules: Sequence[Rule], request: Request) -> list[rows.Row]:
    return [
        {
            "rule": number,
            "host": rule.host.decode("latin-1"),
            "path_prefix": rule.path_prefix.decode("latin-1"),
            "goes": goes(rule),
            "matches": not differs,
            "differs": differs,
        }
        for number, rule, differs in passed(rules, request)
    ]


def _servers(balancer: LoadBalancer, choice: _Choice) -> Iterable[rows.Row]:
    """Those that are in the order, by their places, and then each other one of the group."""
    places = {registration: place for place, registration in enumerate(choice.order, 1)}
    for registration in [*choice.order, *(r for r in choice.group.members if r not in places)]:
        yield _server(balancer, choice, registration, places.get(registration))
    for server in choice.group.named.unresolved():
        row = rows.unresolved_row(choice.group, server)
        told = {name: row[name] for name in ("server", "address", "state", "reason")}
        yield {"first": " ", "place": None, **told, "first_no": "name"}


def _server(
    balancer: LoadBalancer, choice: _Choice, registration: Registration, place: int | None
) -> rows.Row:
    group = choice.group
    live = balancer.plane.tally(registration.scope).live
    conditions = group.members.conditions(registration, live, group.choice)
    no = next((condition for condition in conditions if not condition.holds), None)
    otherwise = registration.reason if place else _passed_over(registration, choice)
    return {
        "first": "→" if place == 1 else " ",
        "place": place,
        "server": registration.label,
        "address": str(registration.address),
        "state": registration.state,
        "reason": no.reason if no else otherwise,
        "first_no": no.name if no else None,
    }


def _passed_over(registration: Registration, choice: _Choice) -> str:
    """Why it is not in the order though nothing says no: connections on their way to it count, too."""
    return "full" if registration.max_connections and len(choice.order) < PREVIEWED else "later"


VERBS = (
    Verb(
        "route",
        route,
        "Tells which way a request would go: rule, group, persistence, order of servers.",
        Role.READ,
        (
            Parameter("listener", Kind.LISTENER, required=True),
            Parameter("url", Kind.TEXT, "http://host/path?query, host/path or /path", required=True),
            Parameter("client", Kind.TEXT, "the IP address that asks (any)", option=True),
            Parameter("cookie", Kind.TEXT, "what its persistence cookie says (none)", option=True),
        ),
    ),
)
