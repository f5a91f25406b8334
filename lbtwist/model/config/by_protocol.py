"""What follows from the protocols of listeners: those of their groups, and which keys both may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lbtwist.model.config.document import Finding
from lbtwist.model.config.group import TLS_GROUP
from lbtwist.model.config.inherit import table, tables
from lbtwist.model.config.persistence import COOKIE
from lbtwist.model.config.protocol import (
    HTTP,
    HTTP_GROUP,
    HTTP_LISTENER,
    HTTPS,
    IDLE_TIMEOUTS,
    INSIDE,
    PROTOCOLS,
    TCP,
    TCP_LISTENER,
    TLS_LISTENER,
    WITH_TLS,
)
from lbtwist.model.config.rule_keys import with_own_rules
from lbtwist.model.config.table import KeyPath
from lbtwist.model.config.words import dotted, joined, quoted
from lbtwist.model.config.written import own, stands, where, without
from lbtwist.model.shown import shown


class _User(NamedTuple):
    """A listener that uses a group."""

    name: str
    """As it is shown, with the rule that names the group."""
    protocol: str | None
    """What it speaks with its servers; None where its protocol is missing, or none of ours."""


class ByProtocol:
    """Reads listeners and server groups. What is wrong with them is added to `findings`."""

    def __init__(self, written: Mapping[str, Any], findings: list[Finding]) -> None:
        """`written` is the document as it stands in the files."""
        self._written = written
        self._findings = findings

    def read(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """`document`, whose tables have what they inherit, with the protocol of each group said, and with
        the keys that each protocol has."""
        listeners = {
            name: self._listener(name, values) for name, values in tables(document.get("listeners")).items()
        }
        users = _users(listeners)
        groups = {
            name: self._group(name, values, users.get(name, []))
            for name, values in tables(document.get("server_groups")).items()
        }
        return {
            **document,
            **_replaced(document, "listeners", listeners),
            **_replaced(document, "server_groups", groups),
        }

    def _listener(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        protocol = values.get("protocol")
        inside = _inside(protocol)
        if inside is None:
            return values
        if inside == TCP:
            self._refuse(("listeners", name), HTTP_LISTENER, protocol, (HTTP, HTTPS))
            values = without(values, HTTP_LISTENER)
        if protocol != TCP:
            self._refuse(("listeners", name), TCP_LISTENER, protocol, (TCP,))
            values = without(values, TCP_LISTENER)
        if protocol not in WITH_TLS:
            self._refuse(("listeners", name), TLS_LISTENER, protocol, WITH_TLS)
            values = without(values, TLS_LISTENER)
        values = with_own_rules(name, values, self._written, self._findings)
        return {"idle_timeout": IDLE_TIMEOUTS[inside], **values}

    def _group(self, name: str, values: dict[str, Any], users: list[_User]) -> dict[str, Any]:
        protocol = self._protocol(name, values, users)
        if values.get("tls", False) is False:
            values = without(values, TLS_GROUP)  # `check_tls` tells of those that are the group's own
        if protocol is None:
            return values
        if protocol == TCP:
            self._refuse(own(name), HTTP_GROUP, TCP, (HTTP,))
            self._refuse_cookie(name, values)
            values = without(values, HTTP_GROUP)
        return {**values, "protocol": protocol}

    def _protocol(self, name: str, values: dict[str, Any], users: list[_User]) -> str | None:
        """The group's own, else its listeners'; None where that is not to be told."""
        if "protocol" in values:
            return self._own_protocol(name, values["protocol"], users)
        spoken = {user.protocol for user in users}
        if len(spoken - {None}) > 1:
            told = joined(f"{user.name} ({user.protocol})" for user in users if user.protocol)
            self._findings.append(Finding(own(name), f"is used by {told}: a group has one protocol"))
        if users:
            return spoken.pop() if len(spoken) == 1 else None
        return HTTP if _has_http_keys(values) else TCP

    def _own_protocol(self, name: str, value: Any, users: list[_User]) -> str | None:
        protocol = _known(value)
        others = [user for user in users if protocol and user.protocol and user.protocol != protocol]
        for user in others:
            message = f'{shown(protocol)} differs from "{user.protocol}", the protocol of {user.name}'
            self._findings.append(Finding(where(self._written, name, ("protocol",)), message))
        return None if others else protocol

    def _refuse(
        self, place: KeyPath, keys: tuple[KeyPath, ...], protocol: Any, others: tuple[str, ...]
    ) -> None:
        """But what is inherited for the other protocols is not minded."""
        why = f"is not a known key of protocol {quoted([protocol])}: it is for {quoted(others)}"
        for key in keys:
            if stands(self._written, (*place, *key)):
                self._findings.append(Finding((*place, *key), why))

    def _refuse_cookie(self, name: str, values: dict[str, Any]) -> None:
        if table(values.get("session_persistence")).get("type") == COOKIE:
            path = where(self._written, name, ("session_persistence", "type"))
            message = f"{shown(COOKIE)} is not for protocol {quoted([TCP])} of {dotted(own(name))}: {_IT_IS}"
            self._findings.append(Finding(path, message))


_IT_IS = f"it is for {quoted([HTTP])}"


def _known(protocol: object) -> str | None:
    return protocol if isinstance(protocol, str) and protocol in PROTOCOLS else None


def _inside(protocol: object) -> str | None:
    return INSIDE.get(protocol) if isinstance(protocol, str) else None


def _replaced(document: Mapping[str, Any], name: str, entries: dict[str, Any]) -> dict[str, Any]:
    """The tables of that name with these; what is no table there is left to the schema."""
    return {name: {**document[name], **entries}} if entries else {}


def _users(listeners: Mapping[str, dict[str, Any]]) -> dict[str, list[_User]]:
    """Who uses each group, by its name."""
    users: dict[str, list[_User]] = {}
    for name, listener in listeners.items():
        protocol = _inside(listener.get("protocol"))
        for group, via in _groups(listener):
            users.setdefault(group, []).append(_User(f"{dotted(('listeners', name))}{via}", protocol))
    return users


def _groups(listener: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The groups that a listener names, each once, and by what."""
    seen = set()
    if isinstance(group := listener.get("server_group"), str):
        seen.add(group)
        yield group, ""
    rules = listener.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        group = table(rule).get("server_group")
        if isinstance(group, str) and group not in seen:
            seen.add(group)
            yield group, f".rules[{index}]"


def _has_http_keys(values: dict[str, Any]) -> bool:
    """Then a group that no listener uses is meant for one that speaks http."""
    cookie = table(values.get("session_persistence")).get("type") == COOKIE
    return cookie or any(stands(values, key) for key in HTTP_GROUP)
