"""What must hold between keys. On values as they stand in the file: they may be wrong in themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lbtwist.model.config.document import Finding
from lbtwist.model.config.group_checks import check_groups
from lbtwist.model.config.inherit import table, tables
from lbtwist.model.config.protocol import WITH_TLS
from lbtwist.model.config.rule_keys import on_hellos
from lbtwist.model.config.rules import OF_CONNECTIONS, OF_REQUESTS, OUTCOMES
from lbtwist.model.config.schema import KEY_FILES, ConsoleSettings, StatusSettings
from lbtwist.model.config.table import KeyPath, Table
from lbtwist.model.config.words import did_you_mean, dotted, joined, listed
from lbtwist.model.config.written import where_of_listener
from lbtwist.model.endpoint import Endpoint, EndpointKind, parse_endpoint
from lbtwist.model.listener_tls import ClientAuth
from lbtwist.model.shown import shown

_FACES: Mapping[str, type[Table]] = {"console": ConsoleSettings, "status": StatusSettings}
"""The tables whose endpoint has a default, and with it they are there or not."""


def check(
    document: Mapping[str, Any], written: Mapping[str, Any], schedulers: Collection[str]
) -> Iterator[Finding]:
    """Everything that is wrong between the keys of `document`, defaults applied.

    `written` is the document as it stands in the files, `schedulers` the names of plugins. A finding may
    come more than once.
    """
    yield from _check_console(document)
    yield from _check_listeners(document, written)
    yield from check_groups(document, written, schedulers)
    yield from _check_endpoints(document)


def _check_console(document: Mapping[str, Any]) -> Iterator[Finding]:
    console = document.get("console")
    if isinstance(console, dict) and not any(name in console for name in KEY_FILES):
        yield Finding(("console",), f"nobody could log in: one of {', '.join(KEY_FILES)} is required")


def _check_listeners(document: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Finding]:
    groups = list(table(document.get("server_groups")))
    for name, listener in tables(document.get("listeners")).items():
        path = ("listeners", name, "server_group")
        if "server_group" not in listener:
            yield Finding(path, _no_group_named(groups))
        elif isinstance(group := listener["server_group"], str) and group not in groups:
            yield Finding(path, _no_group(group, groups))
        yield from _check_rules(name, listener, groups, written)
        yield from _check_tls(name, listener, written)
        yield from _check_proxies(name, listener, written)


def _check_rules(
    name: str, listener: dict[str, Any], groups: list[str], written: Mapping[str, Any]
) -> Iterator[Finding]:
    rules = listener.get("rules")
    path = where_of_listener(written, name, ("rules",))
    one, of = (
        ("connection", OF_CONNECTIONS)
        if on_hellos(rules, path, listener.get("protocol"))
        else ("request", OF_REQUESTS)
    )
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, dict):
            continue
        found = [key for key in OUTCOMES if key in rule]
        if len(found) != 1:
            said = f"has {joined(found)}" if found else f"does nothing with a {one}"
            yield Finding((*path, index), f"{said}: exactly one of {joined(of)} is needed")
        if isinstance(group := rule.get("server_group"), str) and group not in groups:
            yield Finding((*path, index, "server_group"), _no_group(group, groups))


def _check_tls(name: str, listener: dict[str, Any], written: Mapping[str, Any]) -> Iterator[Finding]:
    if listener.get("protocol") not in WITH_TLS:
        return
    if not listener.get("certificates"):
        path = where_of_listener(written, name, ("certificates",))
        yield Finding(path, 'is required: [{ certificate = "site.pem", key = "site.key" }]')
    auth = listener.get("client_auth")
    if auth in (ClientAuth.OPTIONAL, ClientAuth.REQUIRE) and not listener.get("client_ca"):
        path = where_of_listener(written, name, ("client_ca",))
        yield Finding(path, f"is required with client_auth = {shown(auth)}")


def _check_proxies(name: str, listener: dict[str, Any], written: Mapping[str, Any]) -> Iterator[Finding]:
    if listener.get("proxy_protocol") is not True or listener.get("trusted_proxies"):
        return
    if not any(
        read.kind is EndpointKind.UNIX for _, _, read in _read_endpoint("", (), listener.get("endpoint"))
    ):
        path = where_of_listener(written, name, ("proxy_protocol",))
        yield Finding(path, "needs trusted_proxies: the networks of those whose headers are believed")


def _no_group(group: str, groups: list[str]) -> str:
    return f"{shown(group)} is no server group{did_you_mean(group, groups)}; {_there_are(groups)}"


def _no_group_named(groups: list[str]) -> str:
    return (
        f"is required where there is more than one: {_there_are(groups)}"
        if groups
        else "there is no server group"
    )


def _there_are(groups: list[str]) -> str:
    return f"there are {listed(groups)}" if groups else "there is none"


def _check_endpoints(document: Mapping[str, Any]) -> Iterator[Finding]:
    before: dict[int | str, list[tuple[str, Endpoint]]] = {}
    for owner, path, endpoint in _endpoints(document):
        # By port, or by path: thousands of listeners are not compared in pairs.
        peers = before.setdefault(endpoint.port or endpoint.host or endpoint.text, [])
        if other := next((peer for peer in peers if peer[1].overlaps(endpoint)), None):
            yield Finding(path, f"{endpoint} overlaps {other[1]} of {other[0]}")
        peers.append((owner, endpoint))


def _endpoints(document: Mapping[str, Any]) -> Iterator[tuple[str, KeyPath, Endpoint]]:
    for name, schema in _FACES.items():
        face = document.get(name)
        if isinstance(face, dict):
            default = schema.model_fields["endpoint"].default.text
            yield from _read_endpoint(name, (name, "endpoint"), face.get("endpoint", default))
    for name, listener in tables(document.get("listeners")).items():
        if "endpoint" in listener:
            yield from _read_endpoint(
                dotted(("listeners", name)), ("listeners", name, "endpoint"), listener["endpoint"]
            )


def _read_endpoint(owner: str, path: KeyPath, value: Any) -> Iterator[tuple[str, KeyPath, Endpoint]]:
    try:
        yield owner, path, parse_endpoint(value)
    except ValueError:
        return  # said by the schema
