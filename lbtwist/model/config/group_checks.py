"""What must hold between the keys of a server group. On values as they stand in the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lbtwist.model.config.document import Finding
from lbtwist.model.config.group_tls import check_tls
from lbtwist.model.config.health_check import HealthCheckSettings
from lbtwist.model.config.inherit import table, tables
from lbtwist.model.config.table import kind_of
from lbtwist.model.config.words import did_you_mean, quoted
from lbtwist.model.config.written import own, where
from lbtwist.model.duration import plain_number
from lbtwist.model.schedule.built_in import BUILT_IN
from lbtwist.model.shown import shown

_SERVICE = re.compile(r"_[^.]+\._[^.]+\..+")
"""A name that has SRV records, which tell the port (RFC 2782)."""


def check_groups(
    document: Mapping[str, Any], written: Mapping[str, Any], schedulers: Collection[str]
) -> Iterator[Finding]:
    """Everything that is wrong between the keys of the groups of `document`, defaults applied.

    `written` is the document as it stands in the files, `schedulers` the names of plugins. What several
    groups inherit is told for each of them.
    """
    for name, group in tables(document.get("server_groups")).items():
        yield from _check_scheduler(name, group, written, schedulers)
        yield from _check_timeout(name, group, written)
        yield from _check_members(name, group)
        yield from _check_discovered_port(name, group)
        yield from check_tls(name, group, written)


def _check_scheduler(
    name: str, group: dict[str, Any], written: Mapping[str, Any], plugins: Collection[str]
) -> Iterator[Finding]:
    scheduler = group.get("scheduler")
    if isinstance(scheduler, str) and scheduler not in BUILT_IN and scheduler not in plugins:
        known = [*BUILT_IN, *sorted(set(plugins) - set(BUILT_IN))]
        message = f"{shown(scheduler)} is not one of {quoted(known)}{did_you_mean(scheduler, known)}"
        yield Finding(where(written, name, ("scheduler",)), message)


def _check_timeout(name: str, group: dict[str, Any], written: Mapping[str, Any]) -> Iterator[Finding]:
    values = table(group.get("health_check"))
    timeout, interval = _seconds(values, "timeout"), _seconds(values, "interval")
    if timeout is None or interval is None or timeout <= interval:
        return
    path = where(written, name, ("health_check", "timeout"), ("health_check", "interval"))
    if path[-1] == "timeout":
        yield Finding(path, f"{plain_number(timeout)} s is longer than interval ({plain_number(interval)} s)")
    else:
        yield Finding(path, f"{plain_number(interval)} s is shorter than timeout ({plain_number(timeout)} s)")


def _seconds(values: Mapping[str, Any], name: str) -> float | None:
    """The duration of a health check's key, or its default; None where it is wrong in itself."""
    field = HealthCheckSettings.model_fields[name]
    kind = kind_of(field)
    assert kind is not None, name
    try:
        return float(kind.read(values.get(name, field.default)))
    except ValueError:
        return None


def _check_members(name: str, group: dict[str, Any]) -> Iterator[Finding]:
    if group.get("servers") and "discovery" in group:
        yield Finding((*own(name), "discovery"), "stands beside servers: members come from one of them")


def _check_discovered_port(name: str, group: dict[str, Any]) -> Iterator[Finding]:
    discovery = table(group.get("discovery"))
    asked = discovery.get("name")
    needs_port = discovery.get("type") == "dns" and isinstance(asked, str) and not _SERVICE.fullmatch(asked)
    if needs_port and "port" not in group:
        yield Finding(
            (*own(name), "discovery", "name"),
            f"the addresses of {shown(asked)} have no port: set the group's port",
        )
