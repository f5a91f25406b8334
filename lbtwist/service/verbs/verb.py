"""What a verb is: a function, its parameters, who may call it and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

from twisted.internet.defer import Deferred


class Role(IntEnum):
    """Who may call a verb; each role may do what the ones before it may."""

    READ = 1
    OPERATE = 2
    ADMIN = 3


class Exit(IntEnum):
    """How a verb ended: the exit status of a one-shot command."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    CUT = 3
    LIMIT = 4
    CANCELLED = 5


class Kind(Enum):
    """What a parameter takes; decides its parsing and its completion."""

    SERVER = "server"
    """`group/server` or `group/server#7`."""
    GROUP = "group"
    GROUP_OR_SERVER = "group-or-server"
    LISTENER = "listener"
    NAME = "name"
    ADDRESS = "address"
    WEIGHT = "weight"
    NUMBER = "number"
    DURATION = "duration"
    """Seconds, or `500ms`, `30s`, `5m`, `1h`; given to the function as a float."""
    TIMEOUT = "timeout"
    """A duration, or `never`, which is given as math.inf."""
    KEY = "key"
    """The path of a setting in the file."""
    TEXT = "text"
    VERB = "verb"
    FLAG = "flag"
    INPUT = "input"
    """Standard input, given to the function as text; never typed on the line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a verb. `name` is the keyword that the function takes."""

    name: str
    kind: Kind
    help: str = ""
    option: bool = False
    """Written `--name VALUE` (`--name` alone for a flag); otherwise positional."""
    required: bool = False
    many: bool = False
    """Positional: takes one or more values, given as a list."""
    choices: tuple[str, ...] = ()
    unless: str = ""
    """Of standard input: another parameter that, where it is given, is taken instead."""

    @property
    def flag(self) -> str:
        """As typed: `--older` for the parameter `older`."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a verb, for the audit line and for receipts."""

    name: str
    """Key fingerprint and comment, or `file`, `signal`, `python`."""
    source: str = ""
    """The address it came from."""
    role: Role = Role.READ


Progress = Callable[[Mapping[str, Any]], None]
"""Called about once a second by a verb that waits, with `left`, `seconds`, `rate`, `server`; or by one that
follows something, with each row. For such a row it raises Refused where nobody reads them."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a verb returns: data of a documented shape, and how it ended."""

    data: Any
    exit: Exit = Exit.DONE
    columns: tuple[str, ...] = ()
    """The keys of a row in the order of a table, where they are not the verb's own."""
    warning: str = ""
    """What whoever called should know besides; empty when there is nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """What every verb's function is given first: on what it works, for whom, and how to report."""

    balancer: Any
    caller: Caller
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `run(call, **arguments)` returns a Result, or a Deferred of one.

    It raises `lbtwist.errors.Refused` (exit 1) or `UsageError` (exit 2); nothing has changed then.
    Cancelling the Deferred ends the waiting, never what was begun.
    """

    name: str
    run: Callable[..., Result | Deferred[Result]]
    summary: str
    role: Role
    parameters: tuple[Parameter, ...] = ()
    columns: tuple[str, ...] = field(default=())
    """The keys of a row, in the order of a table; empty when the data is not a list of rows."""
