"""The text of a file made to say something else: comments, order and form stay as they are."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item, Table

from lbtwist.errors import Refused
from lbtwist.model.config.changes import Changes, KeyPath, LiveChange, difference
from lbtwist.model.config.document import Part
from lbtwist.model.config.server_lines import Servers, new_servers
from lbtwist.model.config.spelling import Ports, spelled
from lbtwist.model.config.trivia import Heads, is_unwritten


def rewritten(part: Part, wanted: Mapping[str, Any], ports: Ports) -> str:
    """The text of `part` made to say `wanted`, a document whose servers are spelled out.

    Only what changes is touched. `ports` are those of servers that are given without one. Raises
    Refused where it can't be done in the form that the file has.
    """
    changes = difference(spelled(part.document, ports), wanted)
    if not changes:
        return part.text
    try:
        text = _written(part.text, changes, ports)
        written = spelled(tomllib.loads(text), ports)
    except (TOMLKitError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise _refused(part, changes) from error
    if written != wanted:
        raise _refused(part, changes)
    return text


def _refused(part: Part, changes: Changes) -> Refused:
    keys = ", ".join(".".join(path) for path in list(changes)[:3])
    return Refused(f"{part.source}: {keys} can't be changed in the form that the file has: edit it there")


def _written(text: str, changes: Changes, ports: Ports) -> str:
    document = tomlkit.parse(text if text.endswith("\n") or not text else text + "\n")
    heads = Heads(document)
    fresh: dict[KeyPath, dict[str, Any]] = {}
    servers: dict[str, dict[KeyPath, LiveChange]] = {}
    for path, change in changes.items():
        if path[0] == "server_groups" and path[2:3] == ("servers",) and _at(document, path[:2]) is not None:
            servers.setdefault(path[1], {})[path[3:]] = change
        elif change.value is None:
            heads.drop(_at(document, path[:-1]), path[-1])
        else:
            _put(document, path, change.value, fresh)
    for group, changed in servers.items():
        Servers(_at(document, ("server_groups", group)), ports[group], heads).change(changed)
    for path in changes:
        _keep_written(document, path[:-1])
    for path, values in fresh.items():
        table = _table(values)
        if table.is_super_table():
            _first_head(table).trivia.indent = ""  # a blank line is put before the whole
        _at(document, path[:-1])[path[-1]] = table
    heads.put_back()
    return document.as_string()


def _keep_written(document: Any, path: KeyPath) -> None:
    """A table that was written only as what was in it is there still, though it is empty."""
    if path and is_unwritten(_at(document, path)):
        table = _at(document, path[:-1])
        del table[path[-1]]
        table[path[-1]] = tomlkit.inline_table()


def _at(document: Any, path: KeyPath) -> Any:
    """The table there; None where there is none."""
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return None
        document = document[step]
    return document


def _put(document: Any, path: KeyPath, value: Any, fresh: dict[KeyPath, dict[str, Any]]) -> None:
    """Set it where its table is there, else keep it for that table, which is made of all its keys."""
    depth = next(depth for depth in range(len(path) - 1, -1, -1) if _at(document, path[:depth]) is not None)
    if depth < len(path) - 1:
        inner = fresh.setdefault(path[: depth + 1], {})
        for step in path[depth + 1 : -1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = value
    else:
        _at(document, path[:-1])[path[-1]] = _table(value) if isinstance(value, dict) else _item(value)


def _first_head(table: Table) -> Table:
    """The first table in it whose head is written."""
    while table.is_super_table():
        table = next(inner for inner in table.values() if isinstance(inner, Table))
    return table


def _table(values: Mapping[str, Any]) -> Table:
    """A new table: its own keys, then the tables in it."""
    inner = {name: value for name, value in values.items() if isinstance(value, dict)}
    table = tomlkit.table(bool(values) and len(inner) == len(values))
    table.trivia.indent = "\n"
    for name, value in values.items():
        if name not in inner:
            table.append(name, _item(value))
    for name, value in inner.items():
        table.append(name, new_servers(value) if name == "servers" else _table(value))
    return table


def _item(value: Any) -> Item:
    """A value on one line: tables in a list are inline."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for name, inner in value.items():
            table.append(name, _item(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(_item(inner))
        return array
    item: Item = tomlkit.item(value)
    return item
