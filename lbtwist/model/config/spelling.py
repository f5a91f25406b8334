"""Servers spelled out: whichever way a file writes them, as tables by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lbtwist.model.config.inherit import table
from lbtwist.model.config.target import parse_target


class Ports:
    """The port that a group's servers have which are given without one, as documents say together."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self._documents = list(documents)

    def __getitem__(self, group: str) -> int | None:
        paths = (("server_groups", group), ("defaults", "server_group"))
        said = (
            table(table(document.get(top)).get(name)).get("port")
            for top, name in paths
            for document in self._documents
        )
        return next((port for port in said if isinstance(port, int)), None)


def spelled(document: Mapping[str, Any], ports: Ports) -> dict[str, Any]:
    """A copy of `document` in which every server is a table, named by its address where it was listed."""
    copy: dict[str, Any] = copied(document)
    for name, group in table(copy.get("server_groups")).items():
        if isinstance(group, dict) and "servers" in group:
            group["servers"] = spelled_servers(group["servers"], ports[name])
    return copy


def spelled_servers(servers: Any, port: int | None) -> Any:
    """A list or table of servers, as a table of tables. What can't be read stays as it is."""
    if isinstance(servers, list):
        names = [listed_name(text, port) for text in servers]
        return servers if None in names or len({*names}) < len(names) else {n: {"address": n} for n in names}
    if isinstance(servers, dict):
        return {name: {"address": one} if isinstance(one, str) else one for name, one in servers.items()}
    return servers


def listed_name(text: Any, port: int | None) -> str | None:
    """The name of a server that a list gives by its address; None where it is none."""
    try:
        return str(parse_target(text, port)) if isinstance(text, str) else None
    except ValueError:
        return None


def copied(value: Any) -> Any:
    """Tables and lists anew, with the same values."""
    if isinstance(value, Mapping):
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value
