"""`ssh host VERB ...`."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.console.command import takes_input
from lbtwist.console.desk import Desk
from lbtwist.console.execution import execute
from lbtwist.console.face import Line
from lbtwist.console.output import Output, Screen
from lbtwist.service.verbs.verb import Caller, Exit

MAX_INPUT = 1 << 20
"""Bytes of standard input that a verb is given."""


class OneCommand:
    """`ssh host VERB ...`: one command, and its exit status."""

    def __init__(self, line: Line, desk: Desk, caller: Caller, text: str, output: Output) -> None:
        self._line = line
        self._desk = desk
        self._caller = caller
        self._text = text
        self._output = output
        self._takes_input = takes_input(text, desk.verbs)
        self._input = b""
        self._running: Deferred[int] | None = None
        self._over = False

    @property
    def busy(self) -> bool:
        return self._running is not None and not self._over

    def open(self) -> None:
        """Begin, or wait for the standard input."""
        if not self._takes_input:
            self._start(None)

    def received(self, data: bytes) -> None:
        if isinstance(self._output, Screen) and b"\x03" in data:
            self.interrupt()
        elif self._takes_input and self._running is None and not self._over:
            self._input += data
            if len(self._input) > MAX_INPUT:
                self._refuse(f"standard input is longer than {MAX_INPUT} bytes")

    def ended(self) -> None:
        if not self._takes_input or self._running is not None or self._over:
            return
        try:
            given = self._input.decode()
        except UnicodeDecodeError as error:
            self._refuse(f"standard input is not UTF-8 at byte {error.start}")
        else:
            self._start(given)

    def resized(self, width: int, height: int) -> None:
        """The output asks for the width when it needs it."""

    def interrupt(self) -> None:
        if self._running is not None:
            self._running.cancel()
        elif not self._over:
            self._refuse("interrupted")

    def closed(self) -> None:
        self._over = True
        if self._running is not None:
            self._running.cancel()

    def _start(self, given: str | None) -> None:
        self._input = b""
        self._running = execute(self._desk, self._caller, self._text, self._output, given)
        self._running.addCallback(self._finish)

    def _refuse(self, message: str) -> None:
        self._input = b""
        self._output.err(message + "\n")
        self._finish(Exit.REFUSED)

    def _finish(self, status: int) -> None:
        if not self._over:
            self._over = True
            self._line.exit(status)
