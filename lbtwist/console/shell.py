"""The prompt on a terminal."""

# mypy: allow-untyped-calls

from __future__ import annotations

from pygments import highlight
from pygments.formatters import TerminalFormatter
from pygments.lexers import PythonLexer
from twisted.internet.defer import Deferred

from lbtwist.console.completion import Completion
from lbtwist.console.desk import Desk
from lbtwist.console.editor import LineEditor
from lbtwist.console.face import Line
from lbtwist.console.history import History
from lbtwist.console.keyboard import PASTES, PASTES_NOT, Keyboard
from lbtwist.console.output import Screen
from lbtwist.console.prompt import Prompt, is_command
from lbtwist.console.text import Style
from lbtwist.service.verbs.verb import Caller, Exit, Role

MAX_AHEAD = 8192
"""Bytes typed ahead before the client is asked to wait."""
_LEAD, _LEAD_CONTINUED = "lb> ", "... "


class Colored(LineEditor):
    """The editor of a prompt."""

    def __init__(
        self,
        shell: Shell,
        prompt: Prompt,
        width: int,
        python: bool,
        colors: bool,
        desk: Desk,
        history: History | None,
    ) -> None:
        super().__init__(width, history)
        self._shell = shell
        self._prompt = prompt
        self._python = python
        self._colors = colors
        self._desk = desk

    @property
    def lead(self) -> str:
        return _LEAD_CONTINUED if self._prompt.continued else _LEAD

    @property
    def lead_on(self) -> str:
        return _LEAD_CONTINUED

    @property
    def editing(self) -> bool:
        return not self._shell.busy

    def line_received(self, line: str) -> None:
        self._shell.entered(line)

    def interrupted(self) -> None:
        self._shell.interrupt()

    def ended(self) -> None:
        self._shell.leave()

    def complete(self, text: str) -> Completion:
        return self._prompt.complete(text)

    def highlight(self, text: str) -> str:
        if not self._colors or not text.strip():
            return text
        if self._prompt.continued or not is_command(text, self._desk.verbs):
            return _highlighted(text) if self._python else text
        verb, space, rest = text.partition(" ")
        return Style.BOLD.on(verb) + space + rest


def _highlighted(text: str) -> str:
    return str(highlight(text, PythonLexer(stripnl=False, ensurenl=False), TerminalFormatter()))


class Shell:
    """The prompt on a terminal. What is typed while a line runs is kept for later, Control-C is not.

    It stands between what is run and the terminal: what comes while a line is being edited, from
    something that an earlier line has begun, is written above that line.
    """

    def __init__(
        self,
        line: Line,
        desk: Desk,
        caller: Caller,
        width: int,
        colors: bool,
        history: History | None = None,
    ) -> None:
        self._line = line
        self._marks_pastes = colors
        self._screen = Screen(self, lambda: self._editor.width, colors)
        self._prompt = Prompt(desk, caller, self._screen)
        python = caller.role is Role.ADMIN
        self._editor = Colored(self, self._prompt, width, python, colors, desk, history)
        self._keyboard = Keyboard(lambda: self._editor)
        self._running: Deferred[None] | None = None
        self._ahead = b""
        self._entering = False
        self._ending = False
        self._left = False

    @property
    def busy(self) -> bool:
        return self._running is not None

    @property
    def clogged(self) -> bool:
        return self._line.clogged

    def send(self, data: bytes) -> None:
        """Write what a line has to say."""
        self._editor.hide()
        self._line.send(data)
        if data.endswith(b"\n") and not self._entering:
            self._editor.draw()

    def send_error(self, data: bytes) -> None:
        """A terminal has one stream."""
        self.send(data)

    def open(self) -> None:
        """Show the first prompt."""
        self._keyboard.makeConnection(_Terminal(self._line))
        self._mark_pastes(PASTES)
        self._editor.draw()

    def received(self, data: bytes) -> None:
        if self._running is None:
            self._type(data)
        elif b"\x03" in data:
            self._ahead = data[data.rindex(b"\x03") + 1 :]
            self.interrupt()
        else:
            self._ahead += data
            self._line.hold(len(self._ahead) > MAX_AHEAD)

    def ended(self) -> None:
        self._ending = True
        self._go_on()

    def resized(self, width: int, height: int) -> None:
        self._editor.terminalSize(width, height)

    def interrupt(self) -> None:
        if self._running is not None:
            self._prompt.interrupt()
            return
        self._prompt.interrupt()
        self._editor.new_line()
        self._editor.take()

    def closed(self) -> None:
        self._left = True
        self._prompt.interrupt()

    def entered(self, text: str) -> None:
        """Run a line."""
        if self._prompt.leaves(text):
            self.leave()
            return
        text, *others = self._prompt.lines(text)
        self._ahead = b"".join(f"{line}\r".replace("\t", " ").encode() for line in others) + self._ahead
        self._entering = True
        running = self._prompt.submit(text)
        self._entering = False
        if not running.called:
            self._running = running.addCallback(self._done)

    def leave(self) -> None:
        """End the session."""
        if not self._left:
            self._left = True
            self._editor.new_line()
            self._mark_pastes(PASTES_NOT)
            self._line.exit(Exit.DONE)

    def _mark_pastes(self, sequence: bytes) -> None:
        if self._marks_pastes:
            self._line.send(sequence)

    def _type(self, data: bytes) -> None:
        """Give `data` to the editor up to the end of a line that goes on running; the rest waits."""
        self._ahead += data
        while self._ahead and self._running is None and not self._left:
            line, end, rest = _first_line(self._ahead)
            self._ahead = rest
            self._keyboard.dataReceived(line + end)
        if self._ahead and not self._left:
            rest, self._ahead = self._ahead, b""
            self.received(rest)

    def _done(self, status: int) -> None:
        self._running = None
        self._screen.clear()
        self._go_on()

    def _go_on(self) -> None:
        if self._left:
            return
        self._type(b"")
        self._line.hold(False)
        if self._running is None:
            if self._ending:
                self.leave()
            else:
                self._editor.draw()


def _first_line(data: bytes) -> tuple[bytes, bytes, bytes]:
    for index, byte in enumerate(data):
        if byte in b"\r\n":
            return data[:index], data[index : index + 1], data[index + 1 :]
    return data, b"", b""


class _Terminal:
    """The transport under the keyboard."""

    disconnecting = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        self._line.send(data)

    def loseConnection(self) -> None:
        self._line.exit(Exit.DONE)
