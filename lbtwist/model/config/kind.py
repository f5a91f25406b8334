"""What a value may be. One place for the reading, the words of the error, the reference and JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lbtwist.model import duration
from lbtwist.model.shown import shown

NEVER = "never"


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, eq=False)
class Kind:
    """The kind of value that a key takes: annotate the key's type with it."""

    read: Callable[[Any], Any]
    """From what stands in the file to the run-time value; raises ValueError with the whole message."""
    allowed: str
    """What is allowed, for the reference and for the message about a key that is missing."""
    schema: Mapping[str, Any]
    """JSON Schema of what may stand in the file."""
    write: Callable[[Any], Any] = _same
    """From the run-time value back to what stands in a file."""
    is_file: bool = False
    """Whether it is the path of a file, relative to the file it is written in."""
    no_file: str = ""
    """What may stand in the place of a path, and is none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self.schema)


def boolean() -> Kind:
    """True or false."""
    allowed = "true, false"

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not one of {allowed}")
        return value

    return Kind(read, allowed, {"type": "boolean"})


def whole(low: int, high: int | None = None) -> Kind:
    """A whole number from `low` to `high`, both included."""
    allowed = f"{low} or more" if high is None else f"{low}–{high}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a whole number ({allowed})")
        if value < low or (high is not None and value > high):
            raise ValueError(f"{shown(value)} is not {'in ' if high is not None else ''}{allowed}")
        return value

    return Kind(
        read, allowed, {"type": "integer", "minimum": low} | ({} if high is None else {"maximum": high})
    )


def whole_in(*ranges: tuple[int, int]) -> Kind:
    """A whole number in one of some ranges, both ends included."""
    values = [range(low, high + 1) for low, high in ranges]
    allowed = ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in ranges)

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is not a whole number ({allowed})")
        if not any(value in among for among in values):
            raise ValueError(f"{shown(value)} is not one of {allowed}")
        return value

    schemas = [{"type": "integer", "minimum": low, "maximum": high} for low, high in ranges]
    return Kind(read, allowed, {"anyOf": schemas})


def seconds(low: float, high: float) -> Kind:
    """A duration from `low` to `high` seconds, both included; a float of seconds at run time."""
    allowed = f"{low}–{high} s"

    def read(value: object) -> float:
        try:
            length = duration.parse_duration(value)
        except ValueError as error:
            raise ValueError(f"{error} in {allowed}") from None
        if not low <= length <= high:
            raise ValueError(f"{shown(value)} is not in {allowed}")
        return length

    text = {"type": "string", "pattern": f"^{duration.PATTERN}$"}
    number = {"type": "number", "minimum": low, "maximum": high}
    return Kind(read, allowed, {"anyOf": [number, text]}, duration.plain_number)


def seconds_or_zero(low: float, high: float) -> Kind:
    """A duration as of `seconds`, or 0."""
    positive = seconds(low, high)

    def read(value: object) -> float:
        try:
            return float(positive.read(value))
        except ValueError as error:
            if _is_zero(value):
                return 0.0
            raise ValueError(f"{error}, nor 0") from None

    schema = {"anyOf": [{"const": 0}, *positive.schema["anyOf"]]}
    return Kind(read, f"0, or {positive.allowed}", schema, duration.plain_number)


def _is_zero(value: object) -> bool:
    try:
        return duration.parse_duration(value) == 0
    except ValueError:
        return False


def seconds_or(low: float, high: float, words: Mapping[str, float | None]) -> Kind:
    """A duration as of `seconds`, or one of `words`, which is at run time what it says there."""
    finite = seconds(low, high)
    written = {value: word for word, value in words.items()}

    def read(value: object) -> float | None:
        if isinstance(value, str) and value in words:
            return words[value]
        try:
            return float(finite.read(value))
        except ValueError as error:
            raise ValueError(f"{error}{''.join(f', nor {_quoted(word)}' for word in words)}") from None

    def write(value: float | None) -> int | float | str:
        return written[value] if value is None or value in written else duration.plain_number(value)

    schema = {"anyOf": [*finite.schema["anyOf"], {"enum": list(words)}]}
    return Kind(read, ", or ".join([finite.allowed, *map(_quoted, words)]), schema, write)


def _quoted(word: str) -> str:
    return f'"{word}"'


def one_of(*choices: str) -> Kind:
    """One of some words."""
    allowed = ", ".join(map(_quoted, choices))

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{shown(value)} is not {'one of ' if len(choices) > 1 else ''}{allowed}")
        return value

    return Kind(read, allowed, {"enum": list(choices)})


def one_of_or_plugin(*choices: str) -> Kind:
    """One of some words, or the name of a plugin: which of these there are, is not known here."""
    known = one_of(*choices)
    allowed = f"{known.allowed}, or a plugin's name"

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is not text ({allowed})")
        return value

    return Kind(read, allowed, {"anyOf": [known.schema, {"type": "string"}]})


def some_of(*choices: str) -> Kind:
    """A list of some words, at least one, in any order; a tuple of them at run time."""
    word = one_of(*choices)
    allowed = f"a list of some of {word.allowed}"

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, tuple):
            value = [*value]
        if not isinstance(value, list) or not value:
            raise ValueError(f"{shown(value)} is not {allowed}")
        return tuple(dict.fromkeys(map(word.read, value)))

    return Kind(read, allowed, {"type": "array", "items": word.schema, "minItems": 1}, list)


def member_of(words: type[StrEnum]) -> Kind:
    """One of the words of an enumeration; its member at run time."""
    kind = one_of(*words)
    return Kind(lambda value: words(kind.read(value)), kind.allowed, kind.schema, str)


def text(pattern: str, allowed: str) -> Kind:
    """Text that a regular expression matches as a whole."""
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is not text ({allowed})")
        if not compiled.fullmatch(value):
            raise ValueError(f"{shown(value)} is not {allowed}")
        return value

    return Kind(read, allowed, {"type": "string", "pattern": f"^{pattern}$"})
