"""Tables that have other keys for each `type`: they are judged here, and left with those they may have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

from lbtwist.model.config import health_check, persistence
from lbtwist.model.config.discovery import SOURCES, DiscoverySettings, source_of
from lbtwist.model.config.document import Finding
from lbtwist.model.config.health_check import HealthCheckSettings
from lbtwist.model.config.inherit import tables
from lbtwist.model.config.persistence import PersistenceSettings
from lbtwist.model.config.table import KeyPath, Table, kind_of
from lbtwist.model.config.words import bare, did_you_mean, dotted, quoted
from lbtwist.model.config.written import own, stands, where
from lbtwist.model.shown import shown


class ByType:
    """Reads these tables of all server groups. What is wrong with them is added to `findings`."""

    def __init__(self, written: Mapping[str, Any], sources: Collection[str], findings: list[Finding]) -> None:
        """`written` is the document as it stands in the files, `sources` the names of plugins."""
        self._written = written
        self._sources = sources
        self._findings = findings

    def read(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """`document`, whose groups have what they inherit, with the keys that each type has."""
        groups = {
            name: self._group(name, group) for name, group in tables(document.get("server_groups")).items()
        }
        return (
            {**document, "server_groups": {**document["server_groups"], **groups}}
            if groups
            else dict(document)
        )

    def _group(self, name: str, group: dict[str, Any]) -> dict[str, Any]:
        readers: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
            "health_check": partial(self._typed, "health_check"),
            "session_persistence": partial(self._typed, "session_persistence"),
            "discovery": self._discovery,
        }
        inner = {
            key: read(name, group[key]) for key, read in readers.items() if isinstance(group.get(key), dict)
        }
        return {**group, **inner}

    def _typed(self, table: str, group: str, values: dict[str, Any]) -> dict[str, Any]:
        default, types, types_with = _TYPED[table]
        type = values.get("type", default)
        if type not in types:
            return values
        foreign = [key for key in values if type not in types_with.get(key, types)]
        for key in foreign:
            self._refuse(group, table, key, f'of type "{type}"', types_with[key])
        return {key: value for key, value in values.items() if key not in foreign}

    def _refuse(self, group: str, table: str, key: str, known: str, types: Collection[str]) -> None:
        """But a group that says its own type need not mind what is inherited for another one."""
        mine = (*own(group), table)
        if stands(self._written, (*mine, key)) or not stands(self._written, (*mine, "type")):
            allowed = " and ".join(f'"{other}"' for other in types)
            message = f"is not a known key {known}: it is for {allowed}"
            self._findings.append(Finding(where(self._written, group, (table, key)), message))

    def _discovery(self, group: str, values: dict[str, Any]) -> dict[str, Any]:
        source, path = source_of(values), (*own(group), "discovery")
        common = {key: value for key, value in values.items() if key in DiscoverySettings.model_fields}
        if source is not None:
            return common | dict(self._options(source, values, path))
        type = values.get("type")
        if not isinstance(type, str):
            return common
        if type in self._sources:
            return values
        self._findings.append(Finding((*path, "type"), _unknown_source(type, self._sources)))
        return common

    def _options(
        self, source: type[Table], values: dict[str, Any], path: KeyPath
    ) -> Iterator[tuple[str, Any]]:
        """The type's own keys in plain values, with their defaults."""
        known = DiscoverySettings.fields_in(values)
        for key in values:
            if key not in known:
                message = f'is not a known key of type "{values["type"]}"{did_you_mean(key, known)}'
                takes = f"[{dotted(path)}] takes {', '.join(map(bare, known))}"
                self._findings.append(Finding((*path, key), f"{message}; {takes}"))
        for key, field in source.model_fields.items():
            kind = kind_of(field)
            assert kind is not None, key
            try:
                if key in values:
                    yield key, kind.write(kind.read(values[key]))
                elif field.is_required():
                    raise ValueError(f"is required ({kind.allowed})")
                else:
                    yield key, kind.write(field.default)
            except ValueError as error:
                self._findings.append(Finding((*path, key), str(error)))


_TYPED: dict[str, tuple[str, tuple[str, ...], Mapping[str, tuple[str, ...]]]] = {
    "health_check": (
        HealthCheckSettings.model_fields["type"].default,
        health_check.TYPES,
        health_check.TYPES_WITH,
    ),
    "session_persistence": (
        PersistenceSettings.model_fields["type"].default,
        persistence.TYPES,
        persistence.TYPES_WITH,
    ),
}
"""The default type of each such table, its types, and the types that have a key that not all have."""


def _unknown_source(type: str, plugins: Collection[str]) -> str:
    names = [*SOURCES, *sorted(set(plugins) - set(SOURCES))]
    return f"{shown(type)} is not one of {quoted(names)}{did_you_mean(type, names)}"
