"""Where a value that a server group or a listener has stands in the files: in it, or in the defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lbtwist.model.config.table import KeyPath


def stands(written: Any, path: KeyPath) -> bool:
    """Whether there is a value at `path` of the document `written`."""
    for step in path:
        in_list = isinstance(written, list) and isinstance(step, int) and step < len(written)
        if not in_list and not (isinstance(written, dict) and step in written):
            return False
        written = written[step]
    return True


def where(written: Any, group: str, *keys: KeyPath) -> KeyPath:
    """The path of the first of a group's `keys` that stands in the group, else in the defaults.

    What is wrong with a value is told of the place where it can be mended.
    """
    return _first(written, (own(group), _GROUP_DEFAULTS), keys)


def where_of_listener(written: Any, listener: str, key: KeyPath) -> KeyPath:
    """The same of a key of a listener."""
    return _first(written, (("listeners", listener), _LISTENER_DEFAULTS), (key,))


def own(group: str) -> KeyPath:
    """The path of a group's table."""
    return ("server_groups", group)


def without(values: dict[str, Any], keys: Iterable[KeyPath]) -> dict[str, Any]:
    """`values` without those at these paths."""
    left = dict(values)
    for name, *rest in keys:
        if not rest:
            left.pop(str(name), None)
        elif isinstance(inner := left.get(str(name)), dict):
            left[str(name)] = without(inner, [tuple(rest)])
    return left


def _first(written: Any, tables: tuple[KeyPath, ...], keys: tuple[KeyPath, ...]) -> KeyPath:
    places = [(*table, *path) for table in tables for path in keys]
    return next((place for place in places if stands(written, place)), places[0])


_GROUP_DEFAULTS: KeyPath = ("defaults", "server_group")
_LISTENER_DEFAULTS: KeyPath = ("defaults", "listener")
