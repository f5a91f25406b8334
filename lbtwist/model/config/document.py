"""The files of a configuration, put together into one document that remembers where things stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import KeyPath, Table, kind_of, sub_table
from lbtwist.model.shown import shown

_SHARED = ("listeners", "server_groups", "defaults")
"""Tables whose entries may stand in different files; every other key stands whole in one."""


class Part(NamedTuple):
    """One file, as TOML reads it."""

    document: Mapping[str, Any]
    source: str = ""
    """The file's name, as it is shown in messages."""
    base: Path = Path()
    """The directory that relative paths in it are relative to."""
    text: str = ""
    """What stands in it; empty where it is no file."""


class Finding(NamedTuple):
    """One thing wrong, before it is known which file it stands in."""

    path: KeyPath
    message: str
    part: int | None = None
    """The index of the part it stands in, where `path` alone does not tell."""


@dataclass
class Merged:
    """All parts as one document, with plain values as they stand in the files."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def origin(self, path: KeyPath) -> int:
        """The index of the part that `path` stands in; the main file's where nothing stands."""
        return self.origins.get(path[:2], self.origins.get(path[:1], 0))


def home(parts: Sequence[Part], path: KeyPath) -> int:
    """The index of the part that the table of `path` stands in; the main file's where it stands in none."""
    length = 2 if path[0] in _SHARED else 1
    return next((index for index, part in enumerate(parts) if _has(part.document, path[:length])), 0)


def _has(document: Any, path: KeyPath) -> bool:
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return False
        document = document[step]
    return True


def merge(parts: tuple[Part, ...]) -> Merged:
    """One document of all `parts`, the first of which is the main file."""
    merged = Merged()
    for index, part in enumerate(parts):
        for path, value in _entries(_anchored(Document, part.document, part.base)):
            _add(merged, parts, index, path, value)
    return merged


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    for name, value in document.items():
        if name in _SHARED and isinstance(value, dict):
            yield from (((name, inner), entry) for inner, entry in value.items())
        else:
            yield (name,), value


def _add(merged: Merged, parts: tuple[Part, ...], index: int, path: KeyPath, value: Any) -> None:
    if message := _objection(merged, parts, index, path, value):
        merged.findings.append(Finding(path, message, index))
        return
    merged.origins[path] = index
    table = merged.values.setdefault(str(path[0]), {}) if len(path) > 1 else merged.values
    table[str(path[-1])] = value


def _objection(merged: Merged, parts: tuple[Part, ...], index: int, path: KeyPath, value: Any) -> str:
    if path == ("include",) and index > 0:
        return "only the main file may include"
    if path[0] in _SHARED and len(path) == 1:
        return f"{shown(value)} is not a table"
    if path in merged.origins:
        return f"is defined in {parts[merged.origins[path]].source} already"
    return ""


def _anchored(schema: type[Table], values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """`values` with every relative path of a file made relative to `base`."""
    fields = schema.fields_in(values)
    return {name: _anchor(fields.get(name), value, base) for name, value in values.items()}


def _anchor(field: FieldInfo | None, value: Any, base: Path) -> Any:
    kind = kind_of(field) if field else None
    if kind and kind.is_file and isinstance(value, str) and value and value.isprintable():
        return value if value == kind.no_file else base / value
    inner = sub_table(field) if field else None
    if inner and inner.listed and isinstance(value, list):
        return [_anchored(inner.schema, item, base) if isinstance(item, dict) else item for item in value]
    if inner is None or not isinstance(value, dict):
        return value
    if not inner.by_name:
        return _anchored(inner.schema, value, base)
    return {
        entry: _anchored(inner.schema, content, base) if isinstance(content, dict) else content
        for entry, content in value.items()
    }
