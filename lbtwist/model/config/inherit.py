"""What a file leaves out and another place says: the defaults, the only group, the files of state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lbtwist.model.config.group import GroupDefaults
from lbtwist.model.config.schema import ListenerDefaults
from lbtwist.model.config.table import Table

HOST_KEY = "ssh_host_ed25519_key"
STATE_FILE = "state.json"


def table(value: object) -> dict[str, Any]:
    """`value` where it is a table, else an empty one: what is wrong with it is said elsewhere."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> dict[str, dict[str, Any]]:
    """The entries of a table that are tables themselves."""
    return {name: entry for name, entry in table(value).items() if isinstance(entry, dict)}


def with_defaults(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with the values of `[defaults]` in every listener and server group."""
    defaults = table(document.get("defaults"))
    listener = _inheritable(defaults.get("listener"), ListenerDefaults)
    group = _inheritable(defaults.get("server_group"), GroupDefaults)
    return {
        **document,
        "listeners": _overlay_each(listener, document.get("listeners", {})),
        "server_groups": _overlay_each(group, document.get("server_groups", {})),
    }


def _inheritable(values: object, schema: type[Table]) -> dict[str, Any]:
    return {name: value for name, value in table(values).items() if name in schema.model_fields}


def _overlay_each(defaults: dict[str, Any], entries: Any) -> Any:
    if not isinstance(entries, dict):
        return entries
    return {name: _overlay(defaults, own) if isinstance(own, dict) else own for name, own in entries.items()}


def _overlay(defaults: Any, own: Any) -> Any:
    """`own`, with what it leaves out from `defaults`; tables merge key by key, a list is one value."""
    if not isinstance(defaults, dict) or not isinstance(own, dict):
        return own
    shared = {name: _overlay(defaults[name], value) for name, value in own.items() if name in defaults}
    return {**defaults, **own, **shared}


def with_only_group(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with the only group named by every listener that names none."""
    groups = list(table(document.get("server_groups")))
    if len(groups) != 1:
        return dict(document)
    return {
        **document,
        "listeners": _overlay_each({"server_group": groups[0]}, document.get("listeners", {})),
    }


def with_host_key(document: Mapping[str, Any], base: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """`document` with a host key: in `$STATE_DIRECTORY` (systemd.exec(5)), else in `base`."""
    if not isinstance(document.get("console"), dict):
        return dict(document)
    directory = _state_directory(environ) or base
    return {**document, "console": {"host_key": directory / HOST_KEY, **document["console"]}}


def with_state_file(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """`document` with a state file in `$STATE_DIRECTORY`, where that is set (rule 67)."""
    own, directory = document.get("load_balancer", {}), _state_directory(environ)
    if directory is None or not isinstance(own, dict):
        return dict(document)
    return {**document, "load_balancer": {"state_file": directory / STATE_FILE, **own}}


def _state_directory(environ: Mapping[str, str]) -> Path | None:
    """That of systemd, which separates several by colons."""
    first = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None
