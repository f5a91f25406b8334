"""Changes of documents by key paths: what two differ in, and one made of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lbtwist.errors import Refused
from lbtwist.model.config.document import Part, home
from lbtwist.model.config.spelling import Ports, copied, spelled

KeyPath = tuple[str, ...]


class LiveChange(NamedTuple):
    """One key, or a whole table, as it is to be instead of what the file says."""

    value: Any
    """None, which is no value of TOML, takes it away."""
    who: str = ""


Changes = Mapping[KeyPath, LiveChange]


def changed(parts: Sequence[Part], changes: Changes) -> tuple[Part, ...]:
    """`parts` with `changes` made in their order, each in the part where its table stands, the first
    where none does. Raises Refused where a path leads through what is no table."""
    ports = Ports([part.document for part in parts])
    documents = [spelled(part.document, ports) for part in parts]
    for path, change in changes.items():
        document = documents[home(parts, path)]
        if change.value is None:
            _remove(document, path)
        else:
            _put(document, path, copied(change.value))
    ports = Ports(documents)
    return tuple(
        part._replace(document=spelled(document, ports))
        for part, document in zip(parts, documents, strict=True)
    )


def together(parts: Sequence[Part]) -> dict[str, Any]:
    """All that `parts` say in one document, servers spelled out; relative paths as they stand."""
    ports = Ports([part.document for part in parts])
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in spelled(part.document, ports).items():
            if isinstance(value, dict) and isinstance(whole.get(name), dict):
                whole[name].update(value)
            else:
                whole.setdefault(name, value)
    return whole


def difference(before: Mapping[str, Any], after: Mapping[str, Any], path: KeyPath = ()) -> Changes:
    """What makes `after` of `before`: single keys, empty tables, and of what is gone the whole."""
    return dict(_differences(before, after, path))


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], path: KeyPath
) -> Iterator[tuple[KeyPath, LiveChange]]:
    for step in {**before, **after}:
        here = (*path, step)
        if step not in after:
            yield here, LiveChange(None)
        elif step not in before:
            yield from ((where, LiveChange(value)) for where, value in leaves({step: after[step]}, path))
        elif isinstance(before[step], Mapping) and isinstance(after[step], Mapping):
            yield from _differences(before[step], after[step], here)
        elif not same(before[step], after[step]):
            yield here, LiveChange(after[step])


def same(one: Any, other: Any) -> bool:
    """Two values of TOML are equal; `1` and `true` are not."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def leaves(document: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every key path with a value that is no table, or an empty one."""
    for step, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, step))
        else:
            yield (*path, step), value


def value_at(document: Any, path: Sequence[str]) -> Any:
    """The value there, None where there is none."""
    for step in path:
        if not isinstance(document, Mapping) or step not in document:
            return None
        document = document[step]
    return document


def found(document: Any, path: KeyPath) -> tuple[int, Any]:
    """How many steps of the path there are, and the value at its end."""
    there = (end for end in range(len(path), 0, -1) if value_at(document, path[:end]) is not None)
    return next(there, 0), value_at(document, path)


def _put(document: dict[str, Any], path: KeyPath, value: Any) -> None:
    *tables, name = path
    for step in tables:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise Refused(f"{'.'.join(path)}: {step} is no table")
        document = inner
    document[name] = value


def _remove(document: dict[str, Any], path: KeyPath) -> None:
    table = value_at(document, path[:-1])
    if isinstance(table, dict):
        table.pop(path[-1], None)
