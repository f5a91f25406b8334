"""The servers of a group as a file writes them: a list, or a line or a table for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.items import Array, Comment, Item, Table, Trivia

from lbtwist.model.config.array_text import added, removed
from lbtwist.model.config.changes import Changes
from lbtwist.model.config.spelling import listed_name
from lbtwist.model.config.trivia import Heads

_TOKEN = re.compile(r"(?P<text>\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*')|(?P<comment>#[^\n]*)|(?P<line>\n)")


def new_servers(servers: Mapping[str, Any]) -> Item:
    """A new table of servers."""
    table = tomlkit.table()
    table.trivia.indent = "\n"
    for name, server in servers.items():
        table.append(name, _server(server))
    return table


def _server(values: Mapping[str, Any]) -> Item:
    """An address alone is enough."""
    if values.keys() == {"address"}:
        return tomlkit.string(values["address"])
    table = tomlkit.inline_table()
    for name, value in values.items():
        table.append(name, value)
    return table


def _own_table(values: Mapping[str, Any]) -> Item:
    """A server under a head of its own."""
    table = tomlkit.table()
    table.trivia.indent = "\n"
    for name, value in values.items():
        table.append(name, value)
    return table


class Servers:
    """Those of one group."""

    def __init__(self, group: Any, port: int | None, heads: Heads) -> None:
        """`port` is the one of servers that are given without."""
        self._group = group
        self._port = port
        self._heads = heads

    def change(self, changes: Changes) -> None:
        """Changes by the path below the table of servers."""
        if changes.keys() == {()}:
            self._change_all(changes[()].value)
            return
        if self._listed and self._stays_listed(changes):
            self._change_list(changes)
            return
        new: dict[str, dict[str, Any]] = {}
        if self._listed:
            self._spell_out()
        for path, change in changes.items():
            if change.value is None:
                self._remove(*path)
            elif len(path) == 1:
                new[path[0]] = change.value
            elif path[0] in self._names:
                self._set(path[0], path[1], change.value)
            else:
                new.setdefault(path[0], {})[path[1]] = change.value
        for name, server in new.items():
            self._add(name, server)

    def _change_all(self, servers: Any) -> None:
        if servers is None:
            self._heads.drop(self._group, "servers")
        else:
            self._group["servers"] = new_servers(servers) if isinstance(servers, dict) else servers

    @property
    def _servers(self) -> Any:
        if "servers" not in self._group:
            self._group["servers"] = new_servers({})
        return self._group["servers"]

    @property
    def _listed(self) -> bool:
        return isinstance(self._servers, Array)

    @property
    def _dotted(self) -> bool:
        """Written as keys, `servers.ecs01 = ...`, and not under a head."""
        body = self._group.value.body if isinstance(self._group, Table) else []
        return any(key is not None and key.key == "servers" and key.is_dotted() for key, _ in body)

    @property
    def _names(self) -> list[str]:
        return [*self._servers]

    def _stays_listed(self, changes: Changes) -> bool:
        """A list can say who is there, each by its address, and nothing else of it."""
        return all(
            change.value is None if len(path) == 1 else path[1] == "address" and path[0] == change.value
            for path, change in changes.items()
        )

    def _change_list(self, changes: Changes) -> None:
        """By its text, for tomlkit moves comments, or makes one of what is added behind it."""
        lines = str(self._servers.as_string())
        names = [listed_name(str(text), self._port) for text in self._servers]
        for path, change in changes.items():
            if change.value is None:
                place = names.index(path[0])
                lines = removed(lines, place)
                del names[place]
            else:
                lines = added(lines, tomlkit.string(path[0]).as_string())
                names.append(path[0])
        self._group["servers"] = tomlkit.parse(f"servers = {lines}")["servers"]

    def _spell_out(self) -> None:
        """The list as a table, with the comments that stand in it."""
        array, table = self._servers, tomlkit.table()
        lines = str(array.as_string())
        if array.trivia.comment:
            table.comment(array.trivia.comment)
        table.trivia.indent = "\n"
        self._heads.drop(self._group, "servers")
        for text, comment in _entries(lines):
            if text is None:
                table.append(None, Comment(Trivia(comment=comment)))
                continue
            address = str(listed_name(text, self._port))
            table.append(address, tomlkit.item(address))
            if comment:
                table[address].comment(comment)
        self._group["servers"] = table

    def _remove(self, name: str, *field: str) -> None:
        if field:
            del self._servers[name][field[0]]
        else:
            self._heads.drop(self._servers, name)

    def _set(self, name: str, field: str, value: Any) -> None:
        server = self._servers[name]
        if isinstance(server, str):
            address = value if field == "address" else server
            self._servers[name] = _server(
                {"address": str(address)} | ({} if field == "address" else {field: value})
            )
        else:
            server[field] = value

    def _add(self, name: str, server: Mapping[str, Any]) -> None:
        if isinstance(self._servers, Table) and self._servers.is_super_table() and not self._dotted:
            self._servers[name] = _own_table(server)
        else:
            self._servers[name] = _server(server)


def _entries(lines: str) -> Iterator[tuple[str | None, str]]:
    """Each text of a list with the comment on its line; a comment on a line of its own without one."""
    text: str | None = None
    for token in _TOKEN.finditer(lines):
        if token["text"]:
            if text is not None:
                yield text, ""
            text = token["text"][1:-1]
        elif token["comment"]:
            yield text, token["comment"]
            text = None
    if text is not None:
        yield text, ""
