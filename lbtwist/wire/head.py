"""What the heads of requests and responses share: how large one may be, and where it ends."""

from __future__ import annotations

import re

from lbtwist.errors import BadMessage

MAX_LINE = 8 * 1024
"""Bytes of the first line, without its end; a longer one is answered with 414."""
MAX_HEAD = 32 * 1024
"""Bytes of a head, its empty line included; a larger one is answered with 431."""
MAX_FIELDS = 100
"""Fields of a head; more are answered with 431."""

EMPTY_LINE = b"\r\n\r\n"
"""The end of a head, with the end of the line before it."""
FORWARDED_PREFIX = b"x-forwarded-"
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)
"""Fields that concern one connection alone, and are never passed on (RFC 9110, section 7.6.1)."""
FRAMING = frozenset({b"content-length", b"transfer-encoding"})

Field = tuple[bytes, bytes]
"""Name and value as they were received; the value without the white space around it."""


def match_head(pattern: re.Pattern[bytes], data: bytes) -> re.Match[bytes] | None:
    """The match of `pattern` with the head that `data` begins with, where it is whole and not too large.

    The group `tidy` is what follows the first line.
    """
    match = pattern.match(data, 0, MAX_HEAD) if EMPTY_LINE in data else None
    return match if match is not None and match.start("tidy") <= MAX_LINE else None


def is_whole(data: bytes) -> bool:
    """Whether `data` begins with a head that has its end; False while more is needed.

    What it does depends on the bytes alone, not on how they were cut: it raises BadMessage for the
    first byte that no end of the message could mend. 400 for a CR or LF that stands alone, 414, 431.
    """
    line = data.find(b"\r\n", 0, MAX_LINE + 2)
    end = data.find(EMPTY_LINE, 0, MAX_HEAD)
    if line >= 0 and end >= 0:
        return True
    limit = MAX_LINE + 2 if line < 0 else MAX_HEAD
    refuse_bare_line_end(data[:limit])
    if len(data) >= limit:
        raise BadMessage(414, "first line too long") if line < 0 else BadMessage(431, "head too large")
    return False


def refuse_bare_line_end(data: bytes) -> None:
    """Raise BadMessage for a CR without LF or an LF without CR; a final CR may still get its LF."""
    pairs = data.count(b"\r\n")
    if data.count(b"\n") != pairs or data.count(b"\r") - data.endswith(b"\r") != pairs:
        raise BadMessage(400, "bare CR or LF")
