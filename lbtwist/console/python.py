"""An operator's Python: compiled as it is typed, with top-level await, run in watched steps."""

from __future__ import annotations

import ast
import codeop
import inspect
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager, ExitStack, redirect_stdout
from functools import partial
from io import TextIOBase
from pprint import pformat
from textwrap import dedent
from types import CodeType, coroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lbtwist.console.text import escape_lines
from lbtwist.console.watchdog import HeldReactor, Watchdog
from lbtwist.errors import LBError

FILENAME = "<console>"
MAX_SHOWN = 65536
"""Characters of one value that are shown."""
MAX_SOURCE = 65536
"""Characters of one statement on several lines."""
FRAMES = 5
"""The last frames of a traceback that are shown."""

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_T = TypeVar("_T")
Guard = Callable[[], AbstractContextManager[None]]
GiveUp = Callable[[Deferred[Any]], None]


class Writer(TextIOBase):
    """A text file that gives what is written to a function, escaped."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        self._write(escape_lines(text))
        return len(text)


class Interpreter:
    """Statements in, text out. A value that is a coroutine or a Deferred is shown when it is done.

    `give_up` is called with a Deferred that a cancelled line was waiting for; it decides whether that
    one is to be cancelled too. `held` is called with the source of a line that held the reactor.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        write: Callable[[str], None],
        give_up: GiveUp,
        held: Callable[[str], None],
        width: Callable[[], int] = lambda: 80,
    ) -> None:
        self._namespace = namespace
        self._write = write
        self._give_up = give_up
        self._held = held
        self._width = width
        self._file = Writer(write)
        # What is printed later, by a callback that a line has added, comes here as well.
        namespace["print"] = partial(print, file=self._file)
        self._lines: list[str] = []
        self._compile = codeop.CommandCompiler()
        self._compile.compiler.flags |= _FLAGS

    @property
    def continued(self) -> bool:
        """Whether the next line continues a statement."""
        return bool(self._lines)

    def reset(self) -> None:
        """Forget the lines of an unfinished statement."""
        self._lines.clear()

    def push(self, line: str) -> Deferred[bool] | None:
        """Take a line: None while the statement goes on, else a Deferred of whether it did well.

        Several lines at once are whole: nothing more is awaited.
        The Deferred never fails. Cancelling it stops the waiting.
        """
        pasted = "\n" in line
        self._lines.append(dedent(line) if pasted and not self._lines else line)
        source = "\n".join(self._lines)
        try:
            if len(source) > MAX_SOURCE:
                raise SyntaxError(f"a statement of more than {MAX_SOURCE} characters")
            if not pasted and self._compile(source, FILENAME, "single") is None:
                return None
            parts = _parts(source)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            self.reset()
            self._write(escape_lines("".join(traceback.format_exception_only(error))))
            return _done(False)
        self.reset()
        return self._start(parts, source)

    def _start(self, parts: list[CodeType], source: str) -> Deferred[bool]:
        def guard() -> AbstractContextManager[None]:
            stack = ExitStack()
            stack.enter_context(Watchdog(lambda: self._held(source)))
            stack.enter_context(redirect_stdout(cast(Any, self._file)))
            return cast(AbstractContextManager[None], stack)

        return Deferred.fromCoroutine(stepped(self._run(parts), guard, self._give_up)).addErrback(
            self._failed
        )

    async def _run(self, parts: list[CodeType]) -> bool:
        # Not left to the Deferred: it drops the traceback of a failure that nobody looks at yet.
        try:
            await self._evaluate(parts)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._write(escape_lines(short_traceback(error)))
            return False
        return True

    async def _evaluate(self, parts: list[CodeType]) -> None:
        value = None
        for code in parts:
            value = eval(code, self._namespace)  # noqa: S307 - what this is for
            if code.co_flags & inspect.CO_COROUTINE:
                value = await value
        if inspect.iscoroutine(value) or isinstance(value, Deferred):
            value = await value
        if value is not None:
            self._namespace["_"] = value
            self._show(value)

    def _show(self, value: object) -> None:
        plain = isinstance(value, dict | list | tuple)
        text = pformat(value, width=self._width(), sort_dicts=False) if plain else repr(value)
        if len(text) > MAX_SHOWN:
            text = f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
        self._write(escape_lines(text) + "\n")

    def _failed(self, failure: Failure) -> bool:
        """The interruption came while an error was being shown."""
        self._write(escape_lines(failure.getErrorMessage()) + "\n")
        return False


def _parts(source: str) -> list[CodeType]:
    """The code of `source`; where the last statement is an expression, its value is the last part's."""
    tree = ast.parse(source, FILENAME, "exec")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    parts = [compile(tree, FILENAME, "exec", _FLAGS)] if tree.body else []
    if isinstance(last, ast.Expr):
        parts.append(compile(ast.Expression(last.value), FILENAME, "eval", _FLAGS))
    return parts


def _done(well: bool) -> Deferred[bool]:
    done: Deferred[bool] = Deferred()
    done.callback(well)
    return done


def short_traceback(error: BaseException) -> str:
    """What went wrong and where: the last frames from the operator's line on; none for our own errors."""
    if isinstance(error, CancelledError):
        return "no longer waiting; what was begun goes on\n"
    if isinstance(error, LBError):
        return f"{type(error).__name__}: {error}\n"
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != FILENAME:
        frame = frame.tb_next
    limit = 1 if isinstance(error, HeldReactor) else -FRAMES
    frames = traceback.format_tb(frame, limit) if frame is not None else []
    return "".join([*frames, *traceback.format_exception_only(error)])


@coroutine
def stepped(
    work: Coroutine[Deferred[Any], Any, _T], guard: Guard, give_up: GiveUp
) -> Generator[Deferred[Any], Any, _T]:
    """Run `work`, each step of it between two waits inside a `guard()`.

    A wait that is cancelled ends for `work` with CancelledError. The Deferred it waited for is left
    alone, and given to `give_up`.
    """
    step: Callable[[], Deferred[Any]] = lambda: work.send(None)  # noqa: E731
    while True:
        try:
            with guard():
                awaited = step()
        except StopIteration as stop:
            return cast(_T, stop.value)
        try:
            value = yield _waiting(awaited, give_up)
        except BaseException as error:
            step = _throwing(work, error)
        else:
            step = _sending(work, value)


def _sending(work: Coroutine[Deferred[Any], Any, Any], value: object) -> Callable[[], Deferred[Any]]:
    return lambda: work.send(value)


def _throwing(work: Coroutine[Deferred[Any], Any, Any], error: BaseException) -> Callable[[], Deferred[Any]]:
    return lambda: work.throw(error)


def _waiting(awaited: Deferred[Any], give_up: GiveUp) -> Deferred[Any]:
    """A Deferred that fires with `awaited`, and whose cancelling leaves it alone."""
    waiting: Deferred[Any] = Deferred(lambda _: give_up(awaited))

    def passed(result: object) -> object:
        if waiting.called:
            return result
        waiting.callback(result)
        return None

    awaited.addBoth(passed)
    return waiting
