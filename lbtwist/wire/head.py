"""What the heads of requests and responses share: where one ends, and its fields."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

from lbtwist.errors import BadMessage
from lbtwist.wire.grammar import FIELDS, FOLD

MAX_LINE = 8 * 1024
"""Bytes of the first line, without its end; a longer one is answered with 414."""
MAX_HEAD = 32 * 1024
"""Bytes of a head, its empty line included; a larger one is answered with 431."""
MAX_FIELDS = 100
"""Fields of a head; more are answered with 431."""

FORWARDED_PREFIX = b"x-forwarded-"
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
"""Fields that concern one connection alone, and are never passed on (RFC 9110, section 7.6.1)."""
FRAMING = frozenset({b"content-length", b"transfer-encoding"})

_FIELDS = re.compile(FIELDS)
_FIELD = re.compile(rb"([^:]++):[ \t]*+([^\r]*+)\r\n")

Field = tuple[bytes, bytes]
"""Name and value as they were received; the value without the white space around it."""


class Sorted(NamedTuple):
    """The fields of one message by what is done with them."""

    known: dict[bytes, list[bytes]]
    """The values of each field that is understood here, by its folded name."""
    plain: list[Field]
    """All others, in order: they are passed on as they are."""


def head_length(data: bytes) -> int:
    """Bytes of the head that `data` begins with, its empty line included; 0 where more is needed.

    What it does depends on the bytes alone, not on how they were cut: it raises BadMessage for the
    first byte that no end of the message could mend. 400 for a CR or LF that stands alone, 414, 431.
    """
    line = data.find(b"\r\n", 0, MAX_LINE + 2)
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if line >= 0 and end >= 0:
        return end + 4
    limit = MAX_LINE + 2 if line < 0 else MAX_HEAD
    refuse_bare_line_end(data[:limit])
    if len(data) >= limit:
        raise BadMessage(414, "first line too long") if line < 0 else BadMessage(431, "head too large")
    return 0


def refuse_bare_line_end(data: bytes) -> None:
    """Raise BadMessage for a CR without LF or an LF without CR; a final CR may still get its LF."""
    pairs = data.count(b"\r\n")
    if data.count(b"\n") != pairs or data.count(b"\r") - data.endswith(b"\r") != pairs:
        raise BadMessage(400, "bare CR or LF")


def checked_fields(data: bytes) -> list[Field]:
    """The fields of a whole section of field lines. Raises BadMessage for what is none, and too many."""
    if not _FIELDS.fullmatch(data):
        raise BadMessage(400, "not a field")
    return split_fields(data, 0, len(data))


def split_fields(data: bytes, start: int, end: int) -> list[Field]:
    """The fields of the lines in `data[start:end]`, which match FIELDS. Raises BadMessage for too many."""
    fields: list[Field] = _FIELD.findall(data, start, end)
    if len(fields) > MAX_FIELDS:
        raise BadMessage(431, "too many fields")
    if data.find(b" \r\n", start, end) >= 0 or data.find(b"\t\r\n", start, end) >= 0:
        return [(name, value.rstrip(b" \t")) for name, value in fields]
    return fields


def sort_fields(fields: list[Field], names: Container[bytes]) -> Sorted:
    """Sort `fields` by whether they are understood: those in `names`, folded, and all X-Forwarded-*.

    Raises BadMessage for a `Content_Length` or `Transfer_Encoding`: a server could take it for framing.
    """
    known: dict[bytes, list[bytes]] = {}
    plain = []
    for field in fields:
        name = field[0].translate(FOLD)
        if name not in names and name[:12] != FORWARDED_PREFIX:
            plain.append(field)
        elif name in FRAMING and b"_" in field[0]:
            raise BadMessage(400, "a field that could be taken for framing")
        elif name in known:
            known[name].append(field[1])
        else:
            known[name] = [field[1]]
    return Sorted(known, plain)
