"""The verb that tells which way a request or a connection would go: rule, group, order of servers."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.errors import Refused, UsageError
from lbtwist.model.routing import Rule
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener, rules_of
from lbtwist.service.routes import Request, Way, goes, passed, read_url, way
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.name_routing import read_hello, told_by_name
from lbtwist.service.verbs.offered import Asker, Choice, address_of, choice_of, server_rows
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def route(
    call: Call,
    listener: str,
    url: str = "",
    client: str = "",
    cookie: str = "",
    server_name: str = "",
    alpn: str = "",
) -> Result:
    """Where such a request, or connection, would go at this moment, and why not elsewhere. Nothing is sent.

    Raises UsageError for what is no URL, no address or no name, and for what the listener does not go by.
    """
    balancer: LoadBalancer = call.balancer
    found = _listener(balancer, listener)
    asker = Asker(address_of(client), cookie.encode("utf-8", "replace"))
    if not found.settings.speaks_http:
        if url or cookie:
            raise UsageError(
                f"listener {listener} is {found.settings.protocol}: it reads no URL and no cookie"
            )
        return Result(told_by_name(balancer, found, read_hello(server_name, alpn), asker))
    if not url or server_name or alpn:
        needed = "it needs a URL, and goes by no --server-name and --alpn"
        raise UsageError(f"listener {listener} is {found.settings.protocol}: {needed}")
    request = read_url(url)
    rules = rules_of(found.settings)
    taken = way(rules, found.settings.server_group, request)
    choice = choice_of(balancer, balancer.group(taken.group), asker) if taken.group else None
    return Result(_told(balancer, found, rules, request, asker, taken, choice))


def _listener(balancer: LoadBalancer, name: str) -> Listener:
    listener = balancer.listeners.get(name)
    if listener is None:
        raise Refused(f"there is no listener {name}; there is: {', '.join(balancer.listeners) or 'none'}")
    return listener


def _told(
    balancer: LoadBalancer,
    listener: Listener,
    rules: Sequence[Rule],
    request: Request,
    asker: Asker,
    taken: Way,
    choice: Choice | None,
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
        "servers": list(server_rows(balancer, choice)) if choice else [],
    }


def _outcome(taken: Way) -> str:
    if taken.refused:
        return "refused"
    if taken.group:
        return "server_group"
    return "redirect" if taken.location else "respond"


def _answer(taken: Way, choice: Choice | None) -> tuple[int | None, str]:
    """The status of an answer that no server gives, and why it is given."""
    if choice is None:
        return taken.status, taken.refused
    return 503 if choice.reason and not choice.waits else None, choice.reason


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


VERBS = (
    Verb(
        "route",
        route,
        "Tells which way a request, or a connection, would go: rule, group, order of servers.",
        Role.READ,
        (
            Parameter("listener", Kind.LISTENER, required=True),
            Parameter("url", Kind.TEXT, "http, https: http://host/path?query, host/path or /path"),
            Parameter("client", Kind.TEXT, "the IP address that asks (any)", option=True),
            Parameter("cookie", Kind.TEXT, "what its persistence cookie says (none)", option=True),
            Parameter("server_name", Kind.TEXT, "tcp: the server that its TLS asks for (none)", option=True),
            Parameter(
                "alpn", Kind.TEXT, "tcp: the protocols that it offers, as h2,http/1.1 (none)", option=True
            ),
        ),
    ),
)
