"""What pydantic found, in our words. Its own never reach a user: they speak of its types, not of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lbtwist.model.config.document import Finding
from lbtwist.model.config.schema import Document
from lbtwist.model.config.table import KeyPath, kind_of, schema_at
from lbtwist.model.config.words import bare, did_you_mean, dotted
from lbtwist.model.config.written import stands
from lbtwist.model.shown import shown

_KEY = "[key]"
"""What pydantic puts after a key that is wrong itself."""


def explain(error: ValidationError, written: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong, but for what was inherited from `[defaults]`: that is told once, of the defaults.

    `written` is the document as it stands in the files.
    """
    for details in error.errors(include_url=False):
        path = tuple(step for step in details["loc"] if step != _KEY)
        if stands(written, path[:-1] if details["type"] == "missing" else path):
            yield Finding(path, _message(details, path))


def _message(details: ErrorDetails, path: KeyPath) -> str:
    match details["type"]:
        case "value_error":
            return str(details["ctx"]["error"])
        case "missing":
            return _missing(path)
        case "extra_forbidden":
            return _unknown(path)
        case "dict_type" | "model_type":
            return f"{shown(details['input'])} is not a table"
        case "tuple_type":
            return f"{shown(details['input'])} is not a list of tables"
        case _:
            return f"{shown(details['input'])} is not allowed here"


def _missing(path: KeyPath) -> str:
    found = _field(path)
    kind = kind_of(found) if found else None
    return f"is required ({kind.allowed})" if kind else "is required"


def _field(path: KeyPath) -> FieldInfo | None:
    schema = schema_at(Document, path[:-1])
    return schema.model_fields.get(str(path[-1])) if schema else None


def _unknown(path: KeyPath) -> str:
    schema = schema_at(Document, path[:-1])
    known = list(schema.model_fields) if schema else []
    where = f"[{dotted(path[:-1])}] takes" if len(path) > 1 else "the file takes"
    allowed = ", ".join(bare(name) for name in known)
    return f"is not a known key{did_you_mean(str(path[-1]), known)}; {where} {allowed}"
