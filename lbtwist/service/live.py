"""Settings that an operator changes live: over the file's, by their key paths, through the same schema."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lbtwist.errors import Refused, UsageError
from lbtwist.model.config import Config, plain

KeyPath = tuple[str, ...]
Parse = Callable[[Mapping[str, Any]], Config]
"""Reads a whole configuration from plain values. Raises ConfigurationError."""


class LiveChange(NamedTuple):
    """One key that an operator has set."""

    value: Any
    who: str


_END = 271_828
"""Stands as the value of a key whose path is read: with another one the key itself had a value in it."""
LiveChanges = Mapping[KeyPath, LiveChange]
LiveEdit = Mapping[KeyPath, LiveChange | None]
"""What an operator sets; None takes back what was set."""


class LiveSettings:
    """What was set live, by key path."""

    def __init__(self, parse: Parse) -> None:
        self.changes: LiveChanges = {}
        self._parse = parse

    def edited(self, edit: LiveEdit) -> LiveChanges:
        """What is set live, with this edit made."""
        edited = {**self.changes, **edit}
        return {path: change for path, change in edited.items() if change is not None}

    def with_changes(self, filed: Config, changes: LiveChanges) -> Config:
        """What the file says with these changes instead. Raises ConfigurationError."""
        if not changes:
            return filed
        document = plain(filed)
        for path, change in changes.items():
            _put(document, path, change.value)
        return self._parse(document)

    def outdated(self, old: Config, new: Config) -> list[KeyPath]:
        """Keys that were set live and that the file has changed since, or whose table it has dropped or
        added: there the file wins."""
        before, after = plain(old), plain(new)
        return [path for path in self.changes if _found(before, path) != _found(after, path)]


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


def value_at(document: Any, path: Sequence[str]) -> Any:
    """The value there, None where there is none."""
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return None
        document = document[step]
    return document


def _found(document: Any, path: KeyPath) -> tuple[int, Any]:
    """How many steps of the path there are, and the value at its end."""
    there = (end for end in range(len(path), 0, -1) if value_at(document, path[:end]) is not None)
    return next(there, 0), value_at(document, path)


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


def leaves(document: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every key path with a value that is no table."""
    for step, value in document.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, step))
        else:
            yield (*path, step), value


def _put(document: dict[str, Any], path: KeyPath, value: Any) -> None:
    *tables, name = path
    for step in tables:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise Refused(f"{'.'.join(path)}: {step} is no table")
        document = inner
    document[name] = value
