"""Which way a connection would go by the ClientHello of its client, told for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lbtwist.errors import UsageError
from lbtwist.model.name_rule import NameRule, first_by_name
from lbtwist.model.shown import shown
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener, name_rules_of
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.offered import Asker, choice_of, server_rows
from lbtwist.wire.client_hello import BadHello, ClientHello, parse_name


def read_hello(server_name: str, alpn: str) -> ClientHello:
    """What a client would say that asks for `server_name` and offers `alpn`, names between commas.

    Raises UsageError for what is no name.
    """
    try:
        name = parse_name(server_name.encode("ascii")) if server_name else b""
    except (UnicodeEncodeError, BadHello):
        raise UsageError(f"--server-name: {shown(server_name)} is not a name, as www.example.com") from None
    return ClientHello(name, tuple(filter(None, alpn.encode("utf-8", "replace").split(b","))))


def told_by_name(balancer: LoadBalancer, listener: Listener, hello: ClientHello, asker: Asker) -> rows.Row:
    """The rules that are asked, and the servers of the group that it comes to."""
    rules = name_rules_of(listener.settings)
    rule = first_by_name(rules, *hello)
    group = rule.group if rule else listener.settings.server_group
    choice = choice_of(balancer, balancer.group(group), asker) if group else None
    return {
        "listener": listener.name,
        "server_name": hello.server_name.decode() or None,
        "alpn": [name.decode("utf-8", "replace") for name in hello.alpn],
        "client": asker.client or "any",
        "outcome": "server_group" if group else "refuse",
        "rule": rules.index(rule) + 1 if rule else None,
        "reason": choice.reason if choice else "",
        "server_group": group or None,
        "persistence": choice.group.settings.session_persistence.type if choice else None,
        "tied": choice.tied.label if choice and choice.tied else None,
        "fail_open": bool(choice and choice.group.choice.fail_open),
        "rules": list(_rules(rules, hello)),
        "servers": list(server_rows(balancer, choice)) if choice else [],
    }


def _rules(rules: Sequence[NameRule], hello: ClientHello) -> Iterator[rows.Row]:
    """Those that are asked, up to and with the one that it goes by."""
    for number, rule in enumerate(rules, 1):
        differs = _differs(rule, hello)
        yield {
            "rule": number,
            "server_name": rule.server_name.decode(),
            "alpn": [name.decode() for name in rule.alpn],
            "goes": f"server_group {rule.group}" if rule.group else "refuse",
            "matches": not differs,
            "differs": differs,
        }
        if not differs:
            return


def _differs(rule: NameRule, hello: ClientHello) -> str:
    """What of it does not meet the rule; empty where all does."""
    if rule.matches(*hello):
        return ""
    return "alpn" if rule.has_name(hello.server_name) else "server_name"
