"""What a reader makes of the bytes of one connection, in a form in which readers are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Fields = tuple[tuple[str, str], ...]


class Message(NamedTuple):
    """One message, complete to its last byte."""

    first: tuple[str, ...]
    """Method and target, or the status."""
    fields: Fields
    """Names in small letters, sorted."""
    body: bytes


class Reading(NamedTuple):
    """All that one reader has found in a stream."""

    messages: Sequence[Message]
    refused: str = ""
    """Why it read no further; empty where it read to the end."""


def fields(given: Iterable[tuple[str | bytes, str | bytes]]) -> Fields:
    """Fields as they are compared: those of one name in their order."""
    each = [(_text(name).lower(), _text(value).strip(" \t")) for name, value in given]
    return tuple(sorted(each, key=lambda field: field[0]))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
