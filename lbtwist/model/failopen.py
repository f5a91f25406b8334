"""What a server group does when none of its servers may take new connections."""

from __future__ import annotations

from enum import StrEnum


class FailOpen(StrEnum):
    """Who is used when no server of a group may take new connections (rule 29)."""

    RECOVERED = "recovered"
    ALL = "all"
    NEVER = "never"
