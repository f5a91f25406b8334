"""The verbs that change many settings at once: a fragment of a file, and whole listeners and groups."""

from __future__ import annotations

import tomllib
from typing import Any

from twisted.internet.defer import Deferred

from lbtwist.errors import ConfigurationError, Refused, UsageError
from lbtwist.model.config.changes import KeyPath, LiveChange, leaves
from lbtwist.model.config.spelling import Ports, spelled
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.live import LiveEdit
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import LOGGED_REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb

_BY_NAME = ("listeners", "server_groups", "defaults")


def change(call: Call, edit: LiveEdit, dry_run: bool) -> Deferred[Result]:
    """Make an edit live, or tell the difference that it would make to the file's text."""
    return Deferred.fromCoroutine(_changed(call, edit, dry_run, tell=dry_run))


def apply(
    call: Call,
    group: str | None = None,
    fragment: str = "",
    prune: bool = False,
    dry_run: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    """Make any part of a file live, whole or not at all; or take the answer of a group's source that is
    held back."""
    if group is not None:
        return _release(call, group, prune, dry_run)
    edit = edit_of(call.balancer, fragment, call.caller.name, prune)
    return Deferred.fromCoroutine(_changed(call, edit, dry_run, tell=True))


def remove_listener(call: Call, name: str, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Its connections drain (rule 72)."""
    if name not in call.balancer.config.listeners:
        raise Refused(f"there is no listener {name}")
    return change(call, {("listeners", name): LiveChange(None, call.caller.name)}, dry_run)


def remove_group(call: Call, name: str, dry_run: bool = False, reason: str = "") -> Deferred[Result]:
    """Its servers drain. Refused while a listener uses it."""
    balancer: LoadBalancer = call.balancer
    if name not in balancer.config.server_groups:
        raise Refused(f"there is no server group {name}")
    users = [each for each, listener in balancer.config.listeners.items() if name in listener.groups]
    if users:
        raise Refused(f"server group {name} is used by {', '.join(f'listeners.{user}' for user in users)}")
    return change(call, {("server_groups", name): LiveChange(None, call.caller.name)}, dry_run)


def edit_of(balancer: LoadBalancer, fragment: str, who: str, prune: bool) -> LiveEdit:
    """What a fragment of a file changes. With `prune` each listener, group and other table that it names
    becomes what it says of it. Raises UsageError where it is no TOML."""
    try:
        document = tomllib.loads(fragment)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"standard input: {error}") from None
    if "include" in document:
        raise Refused("include: it is a part of the file that is given, not the names of files")
    if not document:
        raise UsageError("standard input is empty: give a part of a file, as TOML")
    said = spelled(document, Ports([document, *(part.document for part in balancer.parts)]))
    removed = {path: LiveChange(None, who) for path in _named(said)} if prune else {}
    return {**removed, **{path: LiveChange(value, who) for path, value in leaves(said)}}


def _named(document: dict[str, Any]) -> list[KeyPath]:
    """The tables that are replaced as a whole."""
    paths: list[KeyPath] = []
    for name, value in document.items():
        if isinstance(value, dict):
            paths += [(name, inner) for inner in value] if name in _BY_NAME else [(name,)]
    return paths


def _release(call: Call, group: str, prune: bool, dry_run: bool) -> Result:
    balancer: LoadBalancer = call.balancer
    if prune:
        raise UsageError("--prune is of a fragment, and with GROUP none is read")
    discovery = balancer.group(group).discovery
    if discovery is None:
        raise Refused(f"{group} is not discovered: it has no source")
    if dry_run:
        return Result([discovery.held.words if discovery.held else "no answer is held back"])
    return Result(discovery.apply())


async def _changed(call: Call, edit: LiveEdit, dry_run: bool, tell: bool) -> Result:
    balancer: LoadBalancer = call.balancer
    try:
        told = await balancer.filing.preview(edit) if tell else []
        done = [] if dry_run else await balancer.change_live(edit, call.caller.name)
    except ConfigurationError as error:
        raise Refused("\n".join(str(problem) for problem in error.problems)) from None
    return Result((told if tell else done) or ["nothing has changed"])


VERBS = (
    Verb(
        "apply",
        apply,
        "Makes a part of a file live, from standard input; with GROUP, takes its source's held-back answer.",
        Role.OPERATE,
        (
            Parameter("group", Kind.GROUP, "whose source's answer is held back; nothing is read then"),
            Parameter("fragment", Kind.INPUT, unless="group"),
            Parameter(
                "prune",
                Kind.FLAG,
                "each listener, group and other table in it becomes what it says: what it does not say of "
                "these, their servers too, is dropped; those that it does not name stay",
                option=True,
            ),
            DRY_RUN,
            LOGGED_REASON,
        ),
    ),
    Verb(
        "remove listener",
        remove_listener,
        "Removes a listener live; its connections drain.",
        Role.OPERATE,
        (Parameter("name", Kind.LISTENER, required=True), DRY_RUN, LOGGED_REASON),
    ),
    Verb(
        "remove group",
        remove_group,
        "Removes a server group live that no listener uses; its servers drain.",
        Role.OPERATE,
        (Parameter("name", Kind.GROUP, required=True), DRY_RUN, LOGGED_REASON),
    ),
)
