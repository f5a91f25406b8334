"""A receipt as one line of JSON, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from lbtwist.model.drain import NEVER
from lbtwist.model.receipt import Receipt
from lbtwist.model.state.reading import LATEST, instant, parse_json, table, text, whole

_READERS: Mapping[str, Callable[[Any, str], Any]] = {"str": text, "float": instant, "int": whole}
_FIELDS = {field.name: field for field in dataclasses.fields(Receipt)}


def receipt_values(receipt: Receipt) -> dict[str, Any]:
    """Plain values for JSON; a deadline that does not come is null."""
    values = dataclasses.asdict(receipt)
    if receipt.deadline > LATEST:
        values["deadline"] = None
    return values


def read_receipt(value: Any, where: str) -> Receipt:
    """A receipt of plain values; counters that came later than it are 0. Raises ValueError."""
    values = table(value, where)
    if unknown := values.keys() - _FIELDS.keys():
        raise ValueError(f"{where}: {sorted(unknown)[0]!r} is not known")
    return Receipt(**{name: _value(field, values, where) for name, field in _FIELDS.items()})


def receipt_line(receipt: Receipt) -> str:
    """The receipt on one line, with its end."""
    return json.dumps(receipt_values(receipt)) + "\n"


def read_receipt_line(line: str) -> Receipt:
    """What `receipt_line` has written. Raises ValueError."""
    return read_receipt(parse_json(line), "receipt")


def _value(field: dataclasses.Field[Any], values: Mapping[str, Any], where: str) -> Any:
    if field.name not in values:
        if field.default is dataclasses.MISSING:
            raise ValueError(f"{where}: there is no {field.name}")
        return field.default
    value = values[field.name]
    if field.name == "deadline" and value is None:
        return NEVER
    return _READERS[str(field.type)](value, f"{where}.{field.name}")
