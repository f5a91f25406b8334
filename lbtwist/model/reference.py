"""How people name a server: `group/server`, or `group/server#7` for one registration."""

from __future__ import annotations

import re
from typing import NamedTuple

from lbtwist.errors import UsageError

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_SERVER_NAME = r"unix:[^\s#]{1,120}|[^\s/#]{1,120}"
"""In the list form of `servers` a server's name is its address."""
_REFERENCE = re.compile(rf"({NAME})/({_SERVER_NAME})(?:#([0-9]{{1,12}}))?")


class Reference(NamedTuple):
    group: str
    server: str
    number: int | None = None
    """The registration's number; None means the current one, or the one that is leaving."""

    def __str__(self) -> str:
        suffix = "" if self.number is None else f"#{self.number}"
        return f"{self.group}/{self.server}{suffix}"


def parse_reference(text: str) -> Reference:
    """Read `group/server` or `group/server#7`. Raises UsageError with what is allowed."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not group/server or group/server#number")
    group, server, number = match.groups()
    return Reference(group, server, int(number) if number else None)


def parse_server_name(text: str) -> str:
    """Read the name of a new server. Raises ValueError with what is allowed."""
    if not re.fullmatch(NAME, text):
        raise ValueError(f"{text!r} is not a name: a letter or digit, then up to 62 of A-Z a-z 0-9 . _ -")
    return text
