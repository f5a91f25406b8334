"""The one prompt: a line is a verb, or for an admin Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from lbtwist.console.api import Balancer
from lbtwist.console.audit import record
from lbtwist.console.command import MAX_LINE
from lbtwist.console.completion import Completion, complete_command, complete_python
from lbtwist.console.desk import Desk
from lbtwist.console.execution import execute
from lbtwist.console.output import Output
from lbtwist.console.python import Interpreter
from lbtwist.service.verbs.verb import Caller, Exit, Role, Verb

LEAVING = ("exit", "quit", "exit()", "quit()")

_WORD = re.compile(r"\s*([A-Za-z][\w-]*)(\s+|$)")
_ASSIGNMENT = re.compile(r"(?:[-+*/%@&|^]|//|\*\*|<<|>>)?=(?!=)|:=?\s")


def is_command(line: str, verbs: Mapping[str, Verb]) -> bool:
    """Whether `line` begins with a verb and is neither an assignment nor a call."""
    match = _WORD.match(line)
    if match is None:
        return False
    rest = line[match.end() :]
    known = match[1] in verbs or any(name.split()[0] == match[1] for name in verbs)
    return known and not rest.startswith("(") and not _ASSIGNMENT.match(rest)


class Prompt:
    """Runs one line after the other for one operator, and writes what comes of it to `output`."""

    def __init__(self, desk: Desk, caller: Caller, output: Output) -> None:
        self._desk = desk
        self._caller = caller
        self._output = output
        self._running: Deferred[Any] | None = None
        self._api = Balancer(desk, caller)
        self._namespace: dict[str, Any] = {"__name__": "__console__", **desk.namespace, "lb": self._api}
        self._python = Interpreter(
            self._namespace,
            output.out,
            self._api.give_up,
            self._held,
            lambda: output.page.width or 80,
        )

    @property
    def continued(self) -> bool:
        """Whether the next line continues a statement."""
        return self._python.continued

    def leaves(self, line: str) -> bool:
        """Whether `line` asks to end the session."""
        return not self.continued and line.strip() in LEAVING and line.strip() not in self._desk.verbs

    def lines(self, text: str) -> list[str]:
        """What was pasted, as it is to be submitted: Python as a whole, commands line by line."""
        return [text] if self._is_python(text) else text.split("\n")

    def submit(self, line: str) -> Deferred[int]:
        """Run `line`: a Deferred of its exit status, which never fails."""
        if not self.continued and not line.strip():
            return succeed(int(Exit.DONE))
        python = self._is_python(line)
        if len(line.encode()) > MAX_LINE and not (python and "\n" in line):
            self._output.err(f"the line is longer than {MAX_LINE} bytes\n")
            return succeed(int(Exit.USAGE))
        self._running = self._python_line(line) if python else self._command_line(line)
        return self._running.addBoth(self._ended)

    def interrupt(self) -> None:
        """Stop waiting for what is running, and forget an unfinished statement. Nothing begun is ended."""
        self._python.reset()
        if self._running is not None:
            self._running.cancel()

    def complete(self, line: str) -> Completion:
        """What the word at the end of `line` may become."""
        admin = self._caller.role is Role.ADMIN
        if admin and (self.continued or (" " in line.lstrip() and not is_command(line, self._desk.verbs))):
            return complete_python(line, self._namespace)
        found = complete_command(line, self._desk.verbs, self._caller.role, self._desk.names)
        if found.words or not admin or is_command(line, self._desk.verbs):
            return found
        return complete_python(line, self._namespace)

    def _is_python(self, line: str) -> bool:
        if self._caller.role is not Role.ADMIN:
            return False
        return self.continued or not is_command(line, self._desk.verbs)

    def _command_line(self, line: str) -> Deferred[int]:
        return execute(self._desk, self._caller, line, self._output)

    def _python_line(self, line: str) -> Deferred[int]:
        first = not self.continued
        running = self._python.push(line)
        if running is None:
            record(self._caller, f"python: {line}", "continued")
            return succeed(int(Exit.DONE))
        if not running.called:
            record(self._caller, f"python: {line}", "begun")
        return running.addCallback(self._python_ended, line if first or line.strip() else "(end)")

    def _python_ended(self, well: bool, line: str) -> int:
        record(self._caller, f"python: {line}", "done" if well else "failed")
        return int(Exit.DONE if well else Exit.REFUSED)

    def _held(self, source: str) -> None:
        record(self._caller, f"python: {source}", "held the reactor, interrupted")

    def _ended(self, status: int) -> int:
        self._running = None
        return status
