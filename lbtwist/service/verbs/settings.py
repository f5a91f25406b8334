"""The verbs about settings: any key the file has, read and set live."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.config import Secret, plain
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.live import (
    KeyPath,
    LiveChange,
    LiveEdit,
    is_written,
    leaves,
    read_path,
    read_value,
    value_at,
)
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb

_BARE = re.compile(r"[A-Za-z0-9_-]+")
COLUMNS = ("key", "value", "from", "who")


def get(call: Call, key: str | None = None) -> Result:
    """A value and where it comes from: the file, or live by whom. Without a key every one."""
    balancer: LoadBalancer = call.balancer
    running = plain(balancer.config)
    path = read_path(key) if key else ()
    found = value_at(running, path)
    if found is None:
        raise Refused(f"there is no value at {key}")
    values = leaves(found, path) if isinstance(found, dict) else [(path, found)]
    return Result([_row(balancer, where, value) for where, value in values])


def set_(call: Call, key: str, value: str, dry_run: bool = False) -> Deferred[Result]:
    """Set one key over what the file says, until a reload in which the file changes it too."""
    return _change(call, {read_path(key): LiveChange(read_value(value), call.caller.name)}, dry_run)


def unset(call: Call, key: str, dry_run: bool = False) -> Deferred[Result]:
    """Take a live value back: the file's holds again."""
    path = read_path(key)
    if path not in call.balancer.live.changes:
        raise Refused(f"{key} was not set live")
    return _change(call, {path: None}, dry_run)


def _change(call: Call, edit: LiveEdit, dry_run: bool) -> Deferred[Result]:
    return Deferred.fromCoroutine(_changed(call, edit, dry_run))


async def _changed(call: Call, edit: LiveEdit, dry_run: bool) -> Result:
    balancer: LoadBalancer = call.balancer
    try:
        if dry_run:
            balancer.live.with_changes(balancer.filed, balancer.live.edited(edit))
            return Result(["it is valid, and would be applied"])
        done = await balancer.change_live(edit)
    except ConfigurationError as error:
        raise Refused("\n".join(str(problem) for problem in error.problems)) from None
    return Result(done or ["nothing has changed"])


def _row(balancer: LoadBalancer, path: KeyPath, value: Any) -> rows.Row:
    change = _live_change(balancer, path)
    if change is not None:
        origin, who = "live", change.who
    else:
        origin, who = ("file" if balancer.written(path) else "default"), ""
    shown = str(value) if isinstance(value, Secret) else value
    return {"key": _dotted(path), "value": shown, "from": origin, "who": who}


def _live_change(balancer: LoadBalancer, path: KeyPath) -> LiveChange | None:
    """What set it live: itself, or a table that has it."""
    changes = balancer.live.changes
    for depth in range(len(path), 0, -1):
        change = changes.get(path[:depth])
        if change is not None and is_written(change.value, path[depth:]):
            return change
    return None


def _dotted(path: KeyPath) -> str:
    return ".".join(
        step if step.replace("-", "").replace("_", "").isalnum() else f'"{step}"' for step in path
    )


_KEY = Parameter("key", Kind.TEXT, "its path, as server_groups.app.scheduler", required=True)

VERBS = (
    Verb(
        "get",
        get,
        "Tells the value of a setting, or of all, and where it comes from.",
        Role.READ,
        (Parameter("key", Kind.TEXT, "its path; a table's tells all in it"),),
        COLUMNS,
    ),
    Verb(
        "set",
        set_,
        "Sets a setting live, by its key path in the file.",
        Role.OPERATE,
        (_KEY, Parameter("value", Kind.TEXT, "as in the file", required=True), DRY_RUN),
    ),
    Verb("unset", unset, "Takes a live setting back: the file's holds again.", Role.OPERATE, (_KEY, DRY_RUN)),
)
