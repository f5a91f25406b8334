"""Running one command: checked, recorded, shown, and ended with an exit status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from lbtwist.console.audit import hide_secrets, record
from lbtwist.console.command import Command, help_text, parse, reads_input
from lbtwist.console.desk import Desk
from lbtwist.console.output import Output
from lbtwist.console.render import as_json, as_text, progress_line, row_line
from lbtwist.console.text import escape, escape_lines
from lbtwist.errors import LBError, Refused, UsageError
from lbtwist.service.events import Events
from lbtwist.service.verbs.verb import Call, Caller, Exit, Progress, Result, Role, Verb

INTERRUPTED = 130
"""The exit status after Ctrl-C, as in a shell (128 + SIGINT)."""

log = Logger()


def run(
    desk: Desk,
    caller: Caller,
    verb: Verb,
    arguments: Mapping[str, Any],
    typed: str,
    progress: Progress | None,
) -> Deferred[Result]:
    """Run `verb` for `caller`, and record it as `typed` if it changes anything.

    Fails with Refused where the caller's role doesn't reach, or as the verb does. Cancelling it ends
    the waiting, never what was begun.
    """
    if caller.role < verb.role:
        needed, held = verb.role.name.lower(), caller.role.name.lower()
        running: Deferred[Result] = fail(Refused(f"{verb.name} needs the role {needed}; this key has {held}"))
    else:
        called: Any = verb.run  # a result, or a Deferred of one: maybeDeferred's type knows only one of them
        running = maybeDeferred(called, Call(desk.balancer, caller, progress), **arguments)
    if verb.role is Role.READ:
        return running
    events = None if arguments.get("dry_run") else desk.events
    return _recorded(events, running, caller, typed)


def _recorded(
    events: Events | None, running: Deferred[Result], caller: Caller, typed: str
) -> Deferred[Result]:
    def note(outcome: str) -> None:
        record(caller, typed, outcome)
        if events is not None:
            events.add("operator", "", f"{escape(hide_secrets(typed))}: {outcome}", caller.name)

    def ended(result: Result | Failure) -> Result | Failure:
        note(_outcome(result))
        return result

    if not running.called:
        note("begun")
    return running.addBoth(ended)


def _outcome(result: Result | Failure) -> str:
    if isinstance(result, Failure):
        return explain(result)[1]
    return result.exit.name.lower()


def explain(failure: Failure) -> tuple[int, str]:
    """The exit status and the message of a command that failed."""
    error = failure.value
    if isinstance(error, UsageError):
        return Exit.USAGE, str(error)
    if isinstance(error, LBError):
        return Exit.REFUSED, str(error)
    if isinstance(error, CancelledError):
        return INTERRUPTED, "no longer waiting; what was begun goes on"
    return Exit.REFUSED, f"internal error, see the log: {type(error).__name__}: {error}"


def execute(desk: Desk, caller: Caller, line: str, output: Output, given: str | None = None) -> Deferred[int]:
    """Run the command that `line` is, show what comes of it, and give its exit status. Never fails.

    `given` is the whole standard input, for a verb that takes it.
    """
    try:
        command = parse(line, desk.verbs)
        arguments = _with_input(command, given)
    except UsageError as error:
        output.err(escape_lines(str(error)) + "\n")
        return succeed(int(Exit.USAGE))
    if command.help:
        output.out(escape_lines(help_text(command.verb)) + "\n")
        return succeed(int(Exit.DONE))

    def progress(value: Mapping[str, Any]) -> None:
        _show_progress(command, value, output)

    def shown(result: Result) -> int:
        _show(command, result, output)
        return int(result.exit)

    def failed(failure: Failure) -> int:
        if not failure.check(LBError, CancelledError):
            log.failure("console: a command failed by a mistake of its own", failure=failure)
        status, message = explain(failure)
        output.err(escape_lines(message) + "\n")
        return int(status)

    running = run(desk, caller, command.verb, arguments, line.strip(), progress)
    return running.addCallback(shown).addErrback(failed)


def _with_input(command: Command, given: str | None) -> dict[str, object]:
    parameter = reads_input(command)
    if parameter is None:
        return command.arguments
    if given is None:
        raise UsageError(f"{command.verb.name} reads standard input: ssh HOST {command.verb.name} < FILE")
    return {**command.arguments, parameter.name: given}


def _show(command: Command, result: Result, output: Output) -> None:
    if result.data is None:
        return
    columns = result.columns or command.verb.columns
    text = as_json(result.data) if command.json else as_text(result.data, columns, output.page)
    if text:
        output.out(text + "\n")
    if result.warning:
        output.err(escape_lines(f"warning: {result.warning}") + "\n")


def _show_progress(command: Command, value: Mapping[str, Any], output: Output) -> None:
    """How far it is; or, from a verb that follows something, the next row of its answer.

    Raises Refused where such rows are not read: they are not kept for later.
    """
    if "left" in value:
        output.progress(progress_line(value))
    elif output.clogged:
        raise Refused("dropped: what is sent is not read")
    else:
        output.out((as_json(value) if command.json else row_line(value)) + "\n")
