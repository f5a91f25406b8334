"""What is made from the schema: the page, the JSON Schema, and that every key has all it needs for them."""

from __future__ import annotations

import json
import runpy
import tomllib
from pathlib import Path

import pytest

from lbtwist.model.config import EXAMPLE, json_schema, reference
from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import KeyPath, Table, kind_of, sub_table, walk

ROOT = Path(__file__).parents[2]
TABLES: list[tuple[KeyPath, type[Table]]] = [((), Document), *walk(Document)]


@pytest.mark.parametrize(("path", "schema"), TABLES, ids=[".".join(map(str, path)) for path, _ in TABLES])
def test_every_key_has_a_kind_and_a_description(path: KeyPath, schema: type[Table]) -> None:
    """Without a kind the words of a problem would be pydantic's."""
    for name, field in schema.model_fields.items():
        assert sub_table(field) or kind_of(field), name
        assert field.description, name
    assert schema.__doc__


@pytest.mark.parametrize(("path", "schema"), TABLES, ids=[".".join(map(str, path)) for path, _ in TABLES])
def test_defaults_are_what_reading_them_gives(path: KeyPath, schema: type[Table]) -> None:
    for field in schema.model_fields.values():
        kind = kind_of(field)
        if kind and field.default and not field.is_required() and not field.json_schema_extra:
            assert kind.read(kind.write(field.default)) == field.default


def test_committed_pages_are_what_the_schema_makes() -> None:
    pages = runpy.run_path(str(ROOT / "docs" / "make_configuration.py"))["pages"]()
    assert sorted(pages) == ["configuration.md", "lbtwist.schema.json"]
    for name, content in pages.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == content, "run docs/make_configuration.py"


def test_the_page_has_every_table_and_key() -> None:
    page = reference()
    assert EXAMPLE in page
    for path, schema in walk(Document):
        if path[0] == "defaults":
            continue
        section = page.partition(f"## `[{'.'.join(map(str, path))}]`\n")[2].partition("\n## ")[0]
        for name, field in schema.model_fields.items():
            if not sub_table(field):
                assert f"| `{name}` |" in section


def test_the_page_says_range_and_default() -> None:
    assert '| `timeout` | 0–3600 s, or "never" | `300` |' in reference()


def test_json_schema_is_json_and_refuses_unknown_keys() -> None:
    schema = json.loads(json.dumps(json_schema(), allow_nan=False))
    assert all(table["additionalProperties"] is False for table in schema["$defs"].values())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["listeners"]["additionalProperties"] is False


def test_json_schema_requires_what_no_default_can_give() -> None:
    tables = json_schema()["$defs"]
    required = {name: table["required"] for name, table in tables.items() if "required" in table}
    assert required == {"ListenerSettings": ["endpoint"], "ServerSettings": ["address"]}


def test_json_schema_has_defaults_as_a_file_writes_them() -> None:
    tables = json_schema()["$defs"]
    assert tables["ConsoleSettings"]["properties"]["endpoint"]["default"] == "127.0.0.1:2222"
    assert "default" not in tables["ConsoleSettings"]["properties"]["admin_keys"]
    assert "default" not in tables["ListenerSettings"]["properties"]["server_group"]


def test_lb_toml_has_every_key() -> None:
    document = tomllib.loads((ROOT / "etc" / "lb.toml").read_text(encoding="utf-8"))
    for path, schema in TABLES:
        if path[:1] != ("defaults",):
            written = {name for table in tables_at(document, path) for name in table}
            assert written == set(schema.model_fields), path


def tables_at(value: object, path: KeyPath) -> list[dict[str, object]]:
    """The tables at `path`, where `NAME` is any name."""
    if not isinstance(value, dict):
        return []
    if not path:
        return [value]
    inner = list(value.values()) if path[0] == "NAME" else [value.get(str(path[0]))]
    return [table for entry in inner for table in tables_at(entry, path[1:])]
