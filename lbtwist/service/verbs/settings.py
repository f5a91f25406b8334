"""The verbs about single settings: any key the file has, read and changed live."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused
from lbtwist.model.config import Secret, plain
from lbtwist.model.config.changes import Changes, KeyPath, LiveChange, leaves, value_at
from lbtwist.model.config.words import dotted
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import changes_of_all
from lbtwist.service.live import is_written, read_path, read_value
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.editing import change
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import LOGGED_REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb

COLUMNS = ("key", "value", "from", "who")


def get(call: Call, key: str | None = None) -> Result:
    """A value and where it comes from: default, file, or live by whom. Without a key every one."""
    balancer: LoadBalancer = call.balancer
    changes = changes_of_all(balancer)
    running = _running(balancer, changes)
    path = read_path(key) if key else ()
    found = value_at(running, path)
    if found is None:
        raise Refused(f"there is no value at {key}")
    values = leaves(found, path) if isinstance(found, dict) else [(path, found)]
    return Result([_row(balancer, changes, where, value) for where, value in values])


def set_(call: Call, key: str, value: str, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Set one key over what the file says, until a reload in which the file changes it too."""
    return change(call, {read_path(key): LiveChange(read_value(value), call.caller.name)}, dry_run)


def unset(call: Call, key: str, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Take a key or a table away, as if it stood nowhere: what holds without it holds."""
    path, balancer = read_path(key), call.balancer
    changes = changes_of_all(balancer)
    if not _stands(balancer, changes, path):
        raise Refused(f"{key} is not written in the file, nor was it set live")
    return change(call, {path: LiveChange(None, call.caller.name)}, dry_run)


def revert(call: Call, key: str | None = None, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Drop what was changed live, all or below a key: what the file says holds again."""
    path = read_path(key) if key else ()
    live = [each for each in changes_of_all(call.balancer) if each[: len(path)] == path]
    if not live:
        raise Refused(f"nothing was changed live{f' at {key}' if key else ''}")
    return change(call, dict.fromkeys(live), dry_run)


def _running(balancer: LoadBalancer, changes: Changes) -> dict[str, Any]:
    """All settings in force, with what verbs did to servers."""
    running = plain(balancer.config)
    for path, live in changes.items():
        servers = value_at(running, path[:3]) if path[2:3] == ("servers",) else None
        if isinstance(servers, dict) and len(path) > 3:
            _put(servers, path[3:], live.value)
    return running


def _put(servers: dict[str, Any], path: KeyPath, value: Any) -> None:
    name, *field = path
    if field and value is not None:
        servers.setdefault(name, {})[field[0]] = value
    elif value is None and not field:
        servers.pop(name, None)


def _row(balancer: LoadBalancer, changes: Changes, path: KeyPath, value: Any) -> rows.Row:
    origin, who = _origin(balancer, changes, path)
    shown = str(value) if isinstance(value, Secret) else value
    return {"key": dotted(path), "value": shown, "from": origin, "who": who}


def _origin(balancer: LoadBalancer, changes: Changes, path: KeyPath) -> tuple[str, str]:
    for place in _places(path):
        live = _live_change(changes, place)
        if live is not None and live.value is not None:
            return "live", live.who
        if live is None and balancer.written(place):
            return "file", ""
    return "default", ""


def _places(path: KeyPath) -> list[KeyPath]:
    """Where a value may stand: there, or in the defaults."""
    defaults = {"listeners": "listener", "server_groups": "server_group"}.get(path[0])
    return [path, ("defaults", defaults, *path[2:])] if defaults and len(path) > 2 else [path]


def _live_change(changes: Changes, path: KeyPath) -> LiveChange | None:
    """What changed it live: itself, or a table that has it, or had it."""
    for depth in range(len(path), 0, -1):
        live = changes.get(path[:depth])
        if live is not None and (live.value is None or is_written(live.value, path[depth:])):
            return live
    return None


def _stands(balancer: LoadBalancer, changes: Changes, path: KeyPath) -> bool:
    live = _live_change(changes, path)
    if live is not None:
        return live.value is not None
    return balancer.written(path) or any(each[: len(path)] == path for each in changes)


_KEY = Parameter("key", Kind.KEY, "its path, as server_groups.app.scheduler", required=True)

VERBS = (
    Verb(
        "get",
        get,
        "Tells the value of a setting, or of all, and where it comes from.",
        Role.READ,
        (Parameter("key", Kind.KEY, "its path; a table's tells all in it"),),
        COLUMNS,
    ),
    Verb(
        "set",
        set_,
        "Sets a setting live, by its key path in the file.",
        Role.OPERATE,
        (_KEY, Parameter("value", Kind.TEXT, "as in the file", required=True), DRY_RUN, LOGGED_REASON),
    ),
    Verb(
        "unset",
        unset,
        "Takes a key or a table away live, as if it did not stand in the file.",
        Role.OPERATE,
        (_KEY, DRY_RUN, LOGGED_REASON),
    ),
    Verb(
        "revert",
        revert,
        "Drops what was changed live, all or below a key: the file's holds again.",
        Role.OPERATE,
        (Parameter("key", Kind.KEY, "only there and below"), DRY_RUN, LOGGED_REASON),
    ),
)
