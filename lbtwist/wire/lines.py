"""The lines of fields: as they came, tidy as they go on, and by what is understood of them."""

from __future__ import annotations

import re
from collections.abc import Collection

from lbtwist.errors import BadMessage
from lbtwist.wire.grammar import FOLD, LINES, TIDY_LINES
from lbtwist.wire.head import FORWARDED_PREFIX, FRAMING, MAX_FIELDS, Field

SECTION = rb"(?P<tidy>%b)(?P<others>%b)" % (TIDY_LINES, LINES)
"""All lines of fields in two groups: those that are tidy, and what follows from the first that is not."""
_SECTION = re.compile(SECTION)
_LINE = re.compile(rb"\r\n([^:]++):[ \t]*+([^\r]*+)")


def checked_fields(lines: bytes) -> list[Field]:
    """The fields of whole lines, each with the line end before it.

    Raises BadMessage for what is none, and too many.
    """
    match = _SECTION.fullmatch(lines)
    if match is None:
        raise BadMessage(400, "not a field")
    return fields_of(tidied(match[1], match[2]))


def tidied(tidy: bytes, others: bytes) -> bytes:
    """The lines of both groups of SECTION, all tidy. Raises BadMessage for too many."""
    lines = tidy + b"".join(map(_tidy_line, _LINE.findall(others))) if others else tidy
    if lines.count(b"\n") > MAX_FIELDS:
        raise BadMessage(431, "too many fields")
    return lines


def _tidy_line(field: Field) -> bytes:
    return line((field[0], field[1].rstrip(b" \t")))


def line(field: Field) -> bytes:
    """The line of a field as it is written here, with the line end before it."""
    return b"\r\n%b: %b" % field


def fields_of(lines: bytes) -> list[Field]:
    """The fields of `lines`, which are tidy."""
    return _LINE.findall(lines)


def understood(names: Collection[bytes]) -> re.Pattern[bytes]:
    """What cuts the fields `names`, however they are spelled, and all X-Forwarded-* out of tidy lines.

    Its groups are name and value. What can't begin one of the names is left at its first letter.
    """
    starts = {name[:1] for name in (*names, FORWARDED_PREFIX)}
    known = b"|".join(re.escape(name) for name in sorted(names))
    spelled = (rb"%b|%b[^:]*+" % (known, re.escape(FORWARDED_PREFIX))).replace(rb"\-", b"[-_]")
    return re.compile(rb"\r\n(?=(?i:[%b]))((?i:%b)): ([^\r]*+)" % (b"".join(sorted(starts)), spelled))


def sort_fields(lines: bytes, understood: re.Pattern[bytes]) -> tuple[dict[bytes, list[bytes]], bytes]:
    """The values of the fields of `lines` that are `understood`, by folded name, and the other lines.

    `lines` are tidy. Raises BadMessage for a `Content_Length` or `Transfer_Encoding`: a server could
    take it for framing.
    """
    pieces = understood.split(lines)
    known: dict[bytes, list[bytes]] = {}
    for at in range(1, len(pieces), 3):
        name = pieces[at].translate(FOLD)
        if name in FRAMING and b"_" in pieces[at]:
            raise BadMessage(400, "a field that could be taken for framing")
        if name in known:
            known[name].append(pieces[at + 1])
        else:
            known[name] = [pieces[at + 1]]
    return known, b"".join(pieces[::3])
