"""JSON Schema of the configuration file, made from the schema."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from lbtwist.model.config.discovery import SOURCES
from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import OTHERWISE, Table

_ADDRESS = {"type": "string"}
_SERVERS = {
    "anyOf": [
        {"type": "array", "items": _ADDRESS, "uniqueItems": True},
        {"type": "object", "additionalProperties": {"anyOf": [_ADDRESS, {"$ref": "#/$defs/ServerSettings"}]}},
    ]
}


class _Generator(GenerateJsonSchema):
    """Without the titles that pydantic makes of names: they say nothing new."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        """A table that leaves out keys when it is written has the same keys as if it did not."""
        return None if schema["type"] == "function-wrap" else super().ser_schema(schema)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file, for completion and checks in editors.

    What holds between keys is not in it: `parse` alone says whether a file is valid.
    """
    # In pydantic's mode for what is written: then the defaults are as in a file, not as at run time.
    schema = _schema_of(Document)
    tables = schema["$defs"]
    for table in (schema, *tables.values()):
        _mend(table)
    tables["DiscoverySettings"] = _by_type(tables["DiscoverySettings"])
    tables["GroupSettings"]["properties"]["servers"] |= _SERVERS
    tables["ListenerSettings"]["required"] = ["endpoint"]  # [defaults.listener] may give the protocol
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "lbtwist",
        "description": "The configuration file of lbtwist.",
    }


def _schema_of(table: type[Table]) -> dict[str, Any]:
    return table.model_json_schema(schema_generator=_Generator, mode="serialization")


def _mend(table: dict[str, Any]) -> None:
    table["properties"] = {name: _property(value) for name, value in table["properties"].items()}


def _by_type(common: dict[str, Any]) -> dict[str, Any]:
    """One of the built-in types with its own keys, or a plugin's, whose keys only it knows."""
    plugin = {
        "properties": common["properties"] | {"type": {"type": "string", "not": {"enum": list(SOURCES)}}}
    }
    return {"anyOf": [*(_of_type(common, name) for name in SOURCES), common | plugin]}


def _of_type(common: dict[str, Any], name: str) -> dict[str, Any]:
    own = _schema_of(SOURCES[name])
    _mend(own)
    properties = common["properties"] | {"type": {"const": name}} | own["properties"]
    return own | {"properties": properties, "required": ["type", *own.get("required", [])]}


def _property(schema: dict[str, Any]) -> dict[str, Any]:
    schema = {name: value for name, value in schema.items() if name != "default" or _is_plain(value)}
    if otherwise := schema.pop(OTHERWISE, ""):
        schema.pop("default", None)
        schema["description"] += f" Default: {otherwise}."
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    if {"type": "null"} in schema.get("anyOf", ()):  # TOML has no null
        schema |= schema.pop("anyOf")[0]
    return schema


def _is_plain(default: object) -> bool:
    return default is not None and not isinstance(default, dict)
