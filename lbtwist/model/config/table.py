"""A table of the configuration file: what all have in common, and a way through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from lbtwist.model.config.kind import Kind

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of tables, and the index in a list."""

OTHERWISE = "x-otherwise"


class Table(BaseModel):
    """A table: unknown keys are errors, and a value never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def fields_in(cls, values: Mapping[str, Any]) -> Mapping[str, FieldInfo]:
        """The keys of a table that has `values`: some tables have others for each `type`."""
        return cls.model_fields


def key(description: str, default: Any = ..., *, otherwise: str = "") -> Any:
    """A key's description and default. `otherwise` says in words what holds where the key is absent."""
    return Field(
        default, description=description, json_schema_extra={OTHERWISE: otherwise} if otherwise else None
    )


class SubTable(NamedTuple):
    """What a key holds that is no plain value: one table, tables by name, or a list of tables."""

    schema: type[Table]
    by_name: bool
    listed: bool = False


def sub_table(field: FieldInfo) -> SubTable | None:
    """The table or tables that a field holds; None for a plain value."""
    found = field.annotation
    if get_origin(found) in (Union, UnionType):
        found = get_args(found)[0]
    by_name, listed = get_origin(found) is dict, get_origin(found) is tuple
    if by_name or listed:
        found = get_args(found)[1 if by_name else 0]
    return SubTable(found, by_name, listed) if isinstance(found, type) and issubclass(found, Table) else None


def kind_of(field: FieldInfo) -> Kind | None:
    """The kind of a plain value; None for a table."""
    return next((item for item in field.metadata if isinstance(item, Kind)), None)


def schema_at(schema: type[Table], path: KeyPath) -> type[Table] | None:
    """The table that stands at `path`, or around the plain value there; None where there is none."""
    keys = iter(path)
    for name in keys:
        field = schema.model_fields.get(str(name))
        inner = sub_table(field) if field else None
        if inner is None:
            break
        if (inner.by_name or inner.listed) and next(keys, None) is None:
            return None
        schema = inner.schema
    return schema


def walk(schema: type[Table], path: KeyPath = ()) -> Iterator[tuple[KeyPath, type[Table]]]:
    """Every table below `schema` with its path, `NAME` in the place of a name, in the order of the file."""
    for name, field in schema.model_fields.items():
        if inner := sub_table(field):
            here = (*path, name, "NAME") if inner.by_name else (*path, name)
            yield here, inner.schema
            yield from walk(inner.schema, here)
