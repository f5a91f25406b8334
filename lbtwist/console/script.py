"""The prompt without a terminal."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred

from lbtwist.console.command import MAX_LINE
from lbtwist.console.desk import Desk
from lbtwist.console.face import Line
from lbtwist.console.output import Streams
from lbtwist.console.prompt import Prompt
from lbtwist.service.verbs.verb import Caller, Exit


class Script:
    """The prompt without a terminal: each line of standard input is run, the status is the last one's."""

    def __init__(self, line: Line, desk: Desk, caller: Caller) -> None:
        self._line = line
        self._output = Streams(line)
        self._prompt = Prompt(desk, caller, self._output)
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._running: Deferred[None] | None = None
        self._ending = False
        self._left = False
        self._status = 0

    @property
    def busy(self) -> bool:
        return self._running is not None

    def open(self) -> None:
        """There is no prompt to show."""

    def received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(lines)
        if len(self._rest) > MAX_LINE:
            self._output.err(f"the line is longer than {MAX_LINE} bytes\n")
            self._leave(Exit.USAGE)
        self._go_on()

    def ended(self) -> None:
        if self._rest:
            self._lines.append(self._rest)
        self._rest, self._ending = b"", True
        self._go_on()

    def resized(self, width: int, height: int) -> None:
        """A client without a terminal has no size."""

    def interrupt(self) -> None:
        self._prompt.interrupt()

    def closed(self) -> None:
        self._left = True
        self._prompt.interrupt()

    def _go_on(self) -> None:
        while self._lines and self._running is None and not self._left:
            self._run(self._lines.popleft().removesuffix(b"\r").decode("utf-8", "replace"))
        if self._left:
            return
        self._line.hold(bool(self._lines))
        if self._ending and self._running is None:
            if self._prompt.continued:
                self._run("")  # the empty line that ends a statement
            self._leave_when_done()

    def _leave_when_done(self) -> None:
        if self._running is None:
            self._leave(self._status)

    def _run(self, text: str) -> None:
        if self._prompt.leaves(text):
            self._leave(self._status)
            return
        running = self._prompt.submit(text).addCallback(self._note)
        if not running.called:
            self._running = running.addCallback(self._done)

    def _note(self, status: int) -> None:
        self._status = status

    def _done(self, _: None) -> None:
        self._running = None
        self._go_on()

    def _leave(self, status: int) -> None:
        if not self._left:
            self._left = True
            self._line.exit(status)
