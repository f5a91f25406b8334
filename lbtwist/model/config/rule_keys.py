"""Which rules are for which listeners: those on requests for http, those on ClientHellos for tcp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lbtwist.model.config.document import Finding
from lbtwist.model.config.protocol import HTTP, HTTPS, TCP, TLS
from lbtwist.model.config.table import KeyPath
from lbtwist.model.config.words import quoted
from lbtwist.model.config.written import stands, where_of_listener

ON_REQUESTS = ("host", "path_prefix", "redirect", "respond")
"""The keys that only rules of http have."""
ON_HELLOS = ("server_name", "alpn", "refuse")
"""Those that only rules of tcp have."""


def on_hellos(rules: object, path: KeyPath, protocol: object) -> bool:
    """Whether rules that stand at `path`, for a listener of that protocol, are on ClientHellos.

    A listener's own are what its protocol has. Defaults for all listeners are on requests, unless a key
    says otherwise.
    """
    if path[0] == "listeners":
        return protocol == TCP
    return any(key in ON_HELLOS for _, rule in _tables(rules) for key in rule)


def with_own_rules(
    name: str, values: dict[str, Any], written: Mapping[str, Any], findings: list[Finding]
) -> dict[str, Any]:
    """The `values` of a listener without rules that it inherits for another protocol.

    Keys that its protocol does not have are added to `findings`.
    """
    protocol, rules = values.get("protocol"), values.get("rules")
    path = where_of_listener(written, name, ("rules",))
    own = stands(written, ("listeners", name, "rules"))
    if protocol == TLS and own:
        findings.append(Finding(path, _foreign(TLS, TCP, HTTP, HTTPS)))
    if protocol == TLS or (not own and on_hellos(rules, path, protocol) != (protocol == TCP)):
        return {key: value for key, value in values.items() if key != "rules"}
    findings.extend(_foreign_keys(protocol, rules, path))
    return values


def _foreign_keys(protocol: object, rules: object, path: KeyPath) -> Iterator[Finding]:
    keys, others = (ON_REQUESTS, (HTTP, HTTPS)) if protocol == TCP else (ON_HELLOS, (TCP,))
    for index, rule in _tables(rules):
        yield from (
            Finding((*path, index, key), _foreign(str(protocol), *others)) for key in rule if key in keys
        )


def _foreign(protocol: str, *others: str) -> str:
    return f"is not a known key of protocol {quoted([protocol])}: it is for {quoted(others)}"


def _tables(rules: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            yield index, rule
