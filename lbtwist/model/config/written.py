"""Where a value that a server group has stands in the files: in the group, or in the defaults."""

from __future__ import annotations

from typing import Any

from lbtwist.model.config.table import KeyPath


def stands(written: Any, path: KeyPath) -> bool:
    """Whether there is a value at `path` of the document `written`."""
    for step in path:
        if not isinstance(written, dict) or step not in written:
            return False
        written = written[step]
    return True


def where(written: Any, group: str, *keys: KeyPath) -> KeyPath:
    """The path of the first of a group's `keys` that stands in the group, else in the defaults.

    What is wrong with a value is told of the place where it can be mended.
    """
    places = [(*table, *path) for table in (own(group), _DEFAULTS) for path in keys]
    return next((place for place in places if stands(written, place)), places[0])


def own(group: str) -> KeyPath:
    """The path of a group's table."""
    return ("server_groups", group)


_DEFAULTS: KeyPath = ("defaults", "server_group")
