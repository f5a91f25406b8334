"""What is made from the schema: the page, the JSON Schema, and that every key has all it needs for them."""

from __future__ import annotations

import json
import runpy
import tomllib
from pathlib import Path

import pytest

from lbtwist.model.config import EXAMPLE, json_schema, reference
from lbtwist.model.config.discovery import SOURCES, DiscoverySettings
from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import KeyPath, Table, kind_of, sub_table, walk

ROOT = Path(__file__).parents[2]
TABLES: list[tuple[KeyPath, type[Table]]] = [((), Document), *walk(Document)]
JUDGED = [*TABLES, *(((name,), source) for name, source in SOURCES.items())]
"""And the keys that each type of source has."""


@pytest.mark.parametrize(("path", "schema"), JUDGED, ids=[".".join(map(str, path)) for path, _ in JUDGED])
def test_every_key_has_a_kind_and_a_description(path: KeyPath, schema: type[Table]) -> None:
    """Without a kind the words of a problem would be pydantic's."""
    for name, field in schema.model_fields.items():
        assert sub_table(field) or kind_of(field), name
        assert field.description, name
    assert schema.__doc__


@pytest.mark.parametrize(("path", "schema"), JUDGED, ids=[".".join(map(str, path)) for path, _ in JUDGED])
def test_defaults_are_what_reading_them_gives(path: KeyPath, schema: type[Table]) -> None:
    for field in schema.model_fields.values():
        kind = kind_of(field)
        if kind is None or field.is_required() or field.json_schema_extra:
            continue
        written = kind.write(field.default)
        assert written is None or kind.read(written) == field.default


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
        section = page.partition(f"[{'.'.join(map(str, path))}]")[2].partition("\n## ")[0]
        for name, field in schema.model_fields.items():
            if not sub_table(field):
                assert f"| `{name}` |" in section


def test_the_page_has_the_keys_of_each_source() -> None:
    section = reference().partition("[server_groups.NAME.discovery]`\n")[2].partition("\n## ")[0]
    for name, source in SOURCES.items():
        rows = section.partition(f'With `type = "{name}"`')[2].partition("With `type")[0]
        assert all(f"| `{key}` |" in rows for key in source.model_fields)


def test_the_page_says_range_and_default() -> None:
    assert '| `timeout` | 0–3600 s, or "never" | `300` |' in reference()


def test_json_schema_is_json_and_refuses_unknown_keys() -> None:
    schema = json.loads(json.dumps(json_schema(), allow_nan=False))
    assert [name for name, table in schema["$defs"].items() if table.get("additionalProperties")] == []
    assert all("additionalProperties" in table or "anyOf" in table for table in schema["$defs"].values())
    assert schema["additionalProperties"] is False
    assert schema["properties"]["listeners"]["additionalProperties"] is False


def test_json_schema_has_the_keys_of_each_source_and_any_of_a_plugin() -> None:
    *built_in, plugin = json_schema()["$defs"]["DiscoverySettings"]["anyOf"]
    assert [table["properties"]["type"]["const"] for table in built_in] == list(SOURCES)
    for table, source in zip(built_in, SOURCES.values(), strict=True):
        assert table["additionalProperties"] is False
        assert set(table["properties"]) == {*DiscoverySettings.model_fields, *source.model_fields}
        assert table["required"] == ["type", next(iter(source.model_fields))]
    assert plugin["additionalProperties"] is True
    assert plugin["properties"]["type"] == {"type": "string", "not": {"enum": list(SOURCES)}}


def test_json_schema_has_the_keys_of_a_table_that_writes_some_of_them() -> None:
    assert "expected_codes" in json_schema()["$defs"]["HealthCheckSettings"]["properties"]


def test_json_schema_requires_what_no_default_can_give() -> None:
    tables = json_schema()["$defs"]
    required = {name: table["required"] for name, table in tables.items() if "required" in table}
    assert required == {
        "AccessLogSettings": ["path"],
        "CertificateSettings": ["certificate", "key"],
        "ListenerSettings": ["endpoint"],
        "RespondSettings": ["status"],
        "ServerSettings": ["address"],
    }


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
            sources = SOURCES.values() if schema is DiscoverySettings else ()
            assert written == {key for table in (schema, *sources) for key in table.model_fields}, path


def tables_at(value: object, path: KeyPath) -> list[dict[str, object]]:
    """The tables at `path`, where `NAME` is any name; a list is each of its tables."""
    if isinstance(value, list):
        return [table for entry in value for table in tables_at(entry, path)]
    if not isinstance(value, dict):
        return []
    if not path:
        return [value]
    inner = list(value.values()) if path[0] == "NAME" else [value.get(str(path[0]))]
    return [table for entry in inner for table in tables_at(entry, path[1:])]
