"""What was set live before a restart, over what the file says now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.config import Config, Part
from lbtwist.model.config.changes import Changes, LiveChange, found, same, together
from lbtwist.model.config.words import dotted
from lbtwist.model.state.document import Setting

Judge = Callable[[Changes], Config]
"""What the file says with changes. Raises ConfigurationError, or Refused."""


class SetAgain(NamedTuple):
    """The settings that hold."""

    changes: Changes
    dropped: tuple[str, ...] = ()
    """Why others don't hold any more, in words."""


def settings_of(parts: Sequence[Part], changes: Changes) -> Iterator[Setting]:
    """The live `changes`, with what `parts` of the file say of the same."""
    said = together(parts) if changes else {}
    for path, change in changes.items():
        yield Setting(path, change.value, change.who, list(found(said, path)))


def set_again(parts: Sequence[Part], settings: Iterable[Setting], judge: Judge) -> SetAgain:
    """Those that the file has not changed since, and that are still allowed."""
    said = together(parts)
    wanted, outdated = {}, []
    for path, value, who, filed in settings:
        depth, now = found(said, path)
        if same(now, value):
            continue  # saved, or written there by hand: nothing is left that is only live
        if _differs([depth, now], filed):
            outdated.append(f"{dotted(path)} was set live; the file has changed it since, and wins")
        else:
            wanted[path] = LiveChange(value, who)
    held = _allowed(wanted, judge)
    refused = (f"{dotted(path)} was set live, and can't be any more" for path in wanted if path not in held)
    return SetAgain(held, (*outdated, *refused))


def _allowed(wanted: Changes, judge: Judge) -> Changes:
    """All of them; where these can't be together, as many tables of them as can, each whole."""
    if _is_allowed(wanted, judge):
        return wanted
    held: dict[tuple[str, ...], LiveChange] = {}
    left = list(_by_table(wanted).values())
    while left:
        more = [table for table in left if _take(held, table, judge)]
        if not more:
            break
        left = [table for table in left if table not in more]
    return held


def _by_table(wanted: Changes) -> Mapping[tuple[str, ...], Changes]:
    tables: dict[tuple[str, ...], dict[tuple[str, ...], LiveChange]] = {}
    for path, change in wanted.items():
        tables.setdefault(path[:2], {})[path] = change
    return tables


def _take(held: dict[tuple[str, ...], LiveChange], more: Changes, judge: Judge) -> bool:
    allowed = _is_allowed({**held, **more}, judge)
    if allowed:
        held.update(more)
    return allowed


def _is_allowed(changes: Changes, judge: Judge) -> bool:
    try:
        judge(changes)
    except (ConfigurationError, Refused):
        return False
    return True


def _differs(one: list[Any], other: Any) -> bool:
    """`1` is not `true`, and what was kept may be anything."""
    if not isinstance(other, list) or len(other) != len(one):
        return True
    return not all(map(same, one, other))
