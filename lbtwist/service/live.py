"""Settings that an operator changes live: over the file's, by their key paths, through the same schema."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lbtwist.errors import UsageError
from lbtwist.model.config import Config, Part, plain
from lbtwist.model.config.changes import (
    Changes,
    KeyPath,
    LiveChange,
    changed,
    difference,
    found,
    same,
    together,
    value_at,
)

Parse = Callable[[Sequence[Part]], Config]
"""Reads a whole configuration from its parts. Raises ConfigurationError."""
LiveChanges = Changes
LiveEdit = Mapping[KeyPath, LiveChange | None]
"""What an operator sets or takes away; None drops what was changed live there and below."""

_END = 271_828
"""Stands as the value of a key whose path is read: with another one the key itself had a value in it."""


class Survivors(NamedTuple):
    """Live changes, when the file is read again."""

    changes: LiveChanges
    """Those that still hold."""
    outdated: list[KeyPath]
    """Keys that the file has changed to something else: there it wins."""


class LiveSettings:
    """What was changed live, by key path: single keys, and tables that were taken away."""

    def __init__(self, parse: Parse) -> None:
        self.changes: LiveChanges = {}
        self._parse = parse

    def edited(self, parts: Sequence[Part], edit: LiveEdit) -> LiveChanges:
        """What is changed live over what `parts` say, with this edit made. Raises Refused."""
        dropped = [path for path, change in edit.items() if change is None]
        kept = {
            path: change
            for path, change in self.changes.items()
            if not any(path[: len(top)] == top for top in dropped)
        }
        made = {path: change for path, change in edit.items() if change is not None}
        return self.named(parts, changed(changed(parts, kept), made), kept, made)

    def named(
        self, parts: Sequence[Part], wanted: Sequence[Part], kept: LiveChanges, made: LiveChanges
    ) -> LiveChanges:
        """What makes `wanted` of `parts`, each change with who made it, those of before first."""
        new = difference(together(parts), together(wanted))
        order = dict.fromkeys([*(path for path in kept if path in new), *new])
        return {path: LiveChange(new[path].value, _who(path, new[path], kept, made)) for path in order}

    def with_changes(self, filed: Config, parts: Sequence[Part], changes: LiveChanges) -> Config:
        """What the file says in its `parts`, with these changes instead. Raises ConfigurationError, and
        Refused."""
        return self._parse(changed(parts, changes)) if changes else filed

    def surviving(self, old: Sequence[Part], new: Sequence[Part]) -> Survivors:
        """What is left of the changes where the file said `old` and now says `new`: where it has changed
        the same key, or has dropped or added its table, it wins."""
        before, after = together(old), together(new)
        changes = {path: c for path, c in self.changes.items() if not _agrees(after, path, c)}
        touched = [path for path in changes if _differs(found(before, path), found(after, path))]
        touched += [path for path in changes if path not in touched and _doubled(after, path, changes)]
        return Survivors({path: c for path, c in changes.items() if path not in touched}, touched)


def parts_of(filed: Config, parts: Sequence[Part]) -> Sequence[Part]:
    """Where a configuration came from no file, what it says itself stands for one."""
    return parts or (Part(plain(filed)),)


def read_path(key: str) -> KeyPath:
    """`server_groups.app.scheduler` as its steps; a name with a dot is quoted. Raises UsageError."""
    try:
        steps: Any = tomllib.loads(f"{key} = {_END}")
    except tomllib.TOMLDecodeError:
        raise UsageError(f"{key!r} is not a key path, as server_groups.app.scheduler") from None
    path = []
    while isinstance(steps, dict):
        if len(steps) != 1:
            raise UsageError(f"{key!r} is not a key path")
        step, steps = next(iter(steps.items()))
        path.append(step)
    if steps != _END:
        raise UsageError(f"{key!r} is not a key path")
    return tuple(path)


def read_value(text: str) -> Any:
    """A value as TOML writes it; what is no TOML value is text: `wlc` is `"wlc"`."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text


def is_written(document: Any, path: Sequence[str]) -> bool:
    """A file says something there: a list of servers says it of each, `NAME = "address"` the address."""
    for depth, step in enumerate(path):
        if isinstance(document, list):
            return True
        if isinstance(document, str):
            return tuple(path[depth:]) == ("address",)
        if not isinstance(document, Mapping) or step not in document:
            return False
        document = document[step]
    return True


def _who(path: KeyPath, change: LiveChange, kept: LiveChanges, made: LiveChanges) -> str:
    """Who has said it last: the one who makes an edit that speaks of it, else the one who did before."""
    before = kept.get(path)
    if before is not None and same(before.value, change.value):
        return before.who
    spoken = (each.who for top, each in made.items() if _touches(top, path))
    return next(spoken, before.who if before else "")


def _touches(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _differs(one: tuple[int, Any], other: tuple[int, Any]) -> bool:
    return one[0] != other[0] or not same(one[1], other[1])


def _agrees(after: Mapping[str, Any], path: KeyPath, change: LiveChange) -> bool:
    """The file says the same now."""
    now = value_at(after, path)
    return now is None if change.value is None else now is not None and same(now, change.value)


def _doubled(after: Mapping[str, Any], path: KeyPath, changes: LiveChanges) -> bool:
    """Of a server that was added live at an address that the file now gives under another name."""
    if path[2:3] != ("servers",) or len(path) < 4:
        return False
    address, named = changes.get((*path[:4], "address")), value_at(after, path[:3])
    if address is None or not isinstance(named, Mapping) or path[3] in named:
        return False
    servers = (server for server in named.values() if isinstance(server, Mapping))
    return any(server.get("address") == address.value for server in servers)
