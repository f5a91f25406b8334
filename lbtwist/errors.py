"""Every exception of lbtwist, classed by whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class LBError(Exception):
    """The root: whatever lbtwist raises on purpose."""


class Problem(NamedTuple):
    """One thing wrong in a configuration: where, and what was found and is allowed."""

    path: str
    """Key path, as `server_groups.app.servers.ecs01.weight`; empty for the whole file."""
    message: str
    """The value and what is allowed, as `300 is not in 0–100`."""
    source: str = ""
    """The file it stands in; empty when it came from no file."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.path, self.message) if part)


class ConfigurationError(LBError):
    """The configuration's author must mend something; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class BindError(LBError):
    """A listening endpoint could not be opened (port in use, no permission, no such address)."""


class Refused(LBError):
    """What the operator asked for is understood, and not possible or not allowed now."""


class UsageError(LBError):
    """What the operator typed is not a command."""


class ServerFailed(LBError):
    """A server could not be connected, or went away before any byte was passed."""


class NoServer(LBError):
    """No server of the group may take a new connection, or each that may has failed."""


class BadMessage(LBError):
    """A peer's HTTP message can't be read, or not in one way only: nothing of it is passed on.

    `status` says whose fault it is and what the client is answered: 400–431, 501, 505 or 508 where the
    client's message is bad, 502 where the server's is. `reason` is for logs and repeats nothing of the
    message.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{reason} ({status})")


class BadProxyHeader(LBError):
    """A connection does not begin with a header of the PROXY protocol, or with a bad one.

    `reason` is one of a few words, which metrics count by.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
