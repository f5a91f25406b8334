"""The reference page, made from the schema."""

from __future__ import annotations

import inspect
import json

from pydantic.fields import FieldInfo

from lbtwist.model.config.certificate import CertificateSettings
from lbtwist.model.config.discovery import SOURCES, DiscoverySettings
from lbtwist.model.config.rules import RuleSettings
from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import OTHERWISE, KeyPath, Table, kind_of, sub_table, walk

EXAMPLE = """\
[listeners.web]
endpoint = ":8080"
protocol = "http"

[server_groups.app]                               # the only group: the listener needs no server_group
servers = ["10.0.0.1:8080", "10.0.0.2:8080"]      # list form: the name is the address
"""
"""The smallest whole file."""

_INTRODUCTION = f"""\
# The configuration file

It is TOML. An unknown key is an error, and all errors are told at once, each with its key, the value
and what is allowed. The smallest whole file:

```toml
{EXAMPLE}```

Durations are a number of seconds, or text with a unit: `"500ms"`, `"30s"`, `"5m"`, `"1h"`.

Endpoints are a port on all addresses, IPv4 and IPv6 (`8080` or `":8080"`), one address (`"10.0.0.1:80"`,
`"[::1]:80"`), a Unix socket (`"unix:/path"`), or a server endpoint string of Twisted
(`"systemd:domain=INET:name=web"`). Port 0 lets the system choose one.

Addresses of servers are `"10.0.0.1:8080"`, `"[::1]:8080"`, `"unix:/path"`, or a host's name as
`"app1.internal:8080"`. The same address twice in a group is refused.

Names are 1–63 letters, digits, `.`, `_` and `-`, and begin with a letter or a digit. Relative paths are
relative to the file they stand in.

This page and `lbtwist.schema.json` are made from the schema by `docs/make_configuration.py`.
"""

_DEFAULTS = """\
## `[defaults.listener]`, `[defaults.server_group]`

Values for every listener and every server group that does not say its own: any of their keys but
`endpoint`, `servers` and `discovery`. The sub-tables merge key by key.
"""


def reference() -> str:
    """The reference page, in Markdown: every key, what is allowed, its default and what it does."""
    # The keys of the defaults are those of the listeners and groups.
    sections = [_section(path, schema) for path, schema in walk(Document) if path[0] != "defaults"]
    return "\n".join([_INTRODUCTION, _top_level(), *sections, _DEFAULTS])


def _top_level() -> str:
    keys = {name: field for name, field in Document.model_fields.items() if not sub_table(field)}
    return f"## At the top of the file\n\n{_rows(keys)}"


def _section(path: KeyPath, schema: type[Table]) -> str:
    name = ".".join(map(str, path))
    title = f"[[{name}]]" if schema in (RuleSettings, CertificateSettings) else f"[{name}]"
    text = f"## `{title}`\n\n{inspect.getdoc(schema)}\n"
    keys = {name: field for name, field in schema.model_fields.items() if not sub_table(field)}
    more = _sources() if schema is DiscoverySettings else ""
    return f"{text}\n{_rows(keys)}{more}"


def _sources() -> str:
    """The keys that each type of source has of its own."""
    return "".join(
        f'\nWith `type = "{name}"`: {inspect.getdoc(source)}\n\n{_rows(source.model_fields)}'
        for name, source in SOURCES.items()
    )


def _rows(keys: dict[str, FieldInfo]) -> str:
    required_first = sorted(keys.items(), key=lambda item: not item[1].is_required())
    rows = [_row(name, field) for name, field in required_first]
    return "\n".join(["| key | allowed | default | |", "|---|---|---|---|", *rows]) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    kind = kind_of(field)
    cells = (f"`{name}`", kind.allowed if kind else "", _default(field), field.description or "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    extra = field.json_schema_extra
    if isinstance(extra, dict):
        return str(extra[OTHERWISE])
    kind = kind_of(field)
    written = kind.write(field.default) if kind else None
    return "none" if written is None else f"`{_toml(written)}`"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
