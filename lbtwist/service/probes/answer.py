"""What a server answers, looked at before Twisted's HTTP client reads it."""

from __future__ import annotations

import re

MAX_ANSWER = 64 * 1024
"""Bytes of head and body that are read: by then the status has come, and the rest is not needed."""
MAX_START = 4096
"""Bytes until the line with the final status is whole."""

# RFC 9112, 4. Twisted takes any number there, `+200` and `2_00` too.
_STATUS = re.compile(rb"HTTP/1\.[01] [2-9][0-9]{2}(?: [^\r\n]*)?\r?\n")
# RFC 9110, 15.2: one may come unasked, and is passed over. 101 may not (15.2.2). Twisted logs each.
_INTERIM_LINE = rb"HTTP/1\.1 1(?!01)[0-9]{2}(?: [^\r\n]*)?\r?\n"
_INTERIM_BEGUN = re.compile(_INTERIM_LINE)
_INTERIM = re.compile(_INTERIM_LINE + rb"(?:[^\r\n][^\n]*\n)*\r?\n")
_BEGINNING = b"HTTP/1."


class NoAnswer(Exception):
    """What came is not HTTP."""


class Answer:
    """Passes on the bytes of a response from its final status line on."""

    def __init__(self) -> None:
        self._start: bytes | None = b""
        """What came before the status line was whole; None since then."""
        self._received = 0

    def read(self, data: bytes) -> bytes:
        """What of that is to be read on. Raises NoAnswer."""
        self._received += len(data)
        return data if self._start is None else self._begin(self._start + data)

    @property
    def full(self) -> bool:
        """As much has come as is read."""
        return self._received >= MAX_ANSWER

    def _begin(self, start: bytes) -> bytes:
        while interim := _INTERIM.match(start):
            start = start[interim.end() :]
        if _STATUS.match(start):
            self._start = None
            return start
        if not _could_begin(start):
            raise NoAnswer
        self._start = start
        return b""


def _could_begin(start: bytes) -> bool:
    """Whether more bytes can make it a status line, or an interim response."""
    if b"\n" in start:
        may = _INTERIM_BEGUN.match(start) is not None
    else:
        may = start[: len(_BEGINNING)] == _BEGINNING[: len(start)]
    return may and len(start) <= MAX_START
