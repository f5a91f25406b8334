"""Editing one line on a terminal, with history and completion.

Conch's RecvLine clears the screen at each resize, takes ASCII alone and loses count on a line that is
longer than the terminal. What it reads keys with is used: `keyboard.Keyboard`.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from twisted.conch.insults.insults import TerminalProtocol

from lbtwist.console.command import MAX_LINE
from lbtwist.console.completion import Completion
from lbtwist.console.history import History
from lbtwist.console.keyboard import SEQUENCES
from lbtwist.console.text import escape, pad, width_of

MAX_OFFERED = 200
"""Words that Tab lists."""

MAX_PASTE = 65536
"""Bytes of what is pasted on several lines."""

_BELL = "\a"
TAB = "\t"
_NEW_LINE = "⏎"


class LineEditor(TerminalProtocol):
    """One line being edited. A subclass says what becomes of it."""

    terminal: Any

    def __init__(self, width: int = 80, history: History | None = None) -> None:
        self.width = width
        self.text = ""
        self.cursor = 0
        self._history = History() if history is None else history
        self._paste: str | None = None
        self._back = 0
        self._kept = ""
        self._shown: tuple[object, ...] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._keys: dict[bytes, Callable[[], None]] = {
            b"\r": self._enter,
            b"\n": self._enter,
            b"\t": self._complete,
            b"\x7f": self._erase_left,
            b"\x08": self._erase_left,
            b"\x01": self._home,
            b"[HOME]": self._home,
            b"\x05": self._end,
            b"[END]": self._end,
            b"\x02": lambda: self._move(-1),
            b"[LEFT_ARROW]": lambda: self._move(-1),
            b"\x06": lambda: self._move(1),
            b"[RIGHT_ARROW]": lambda: self._move(1),
            b"\x10": lambda: self._recall(1),
            b"[UP_ARROW]": lambda: self._recall(1),
            b"\x0e": lambda: self._recall(-1),
            b"[DOWN_ARROW]": lambda: self._recall(-1),
            b"[DELETE]": self._erase_right,
            b"\x0b": lambda: self._keep(self.text[: self.cursor], self.cursor),
            b"\x15": lambda: self._keep(self.text[self.cursor :], 0),
            b"\x17": self._erase_word,
            b"\x0c": self._clear_screen,
            b"\x03": self.interrupted,
            b"\x04": self._end_of_input,
            b"word-left": lambda: self._goto(self._word_start()),
            b"word-right": lambda: self._goto(self._word_end()),
            b"paste": self._paste_begins,
        }
        self._meta = {b"b": b"word-left", b"f": b"word-right", b"\x7f": b"\x17"}

    # What a subclass says.

    @property
    def lead(self) -> str:
        """What stands before the line; printable."""
        raise NotImplementedError

    @property
    def lead_on(self) -> str:
        """What stands before each further line of what was pasted; printable."""
        return self.lead

    def line_received(self, line: str) -> None:
        """A line was entered. The cursor stands at the start of the next one."""
        raise NotImplementedError

    def interrupted(self) -> None:
        """Control-C."""
        raise NotImplementedError

    def ended(self) -> None:
        """Control-D on an empty line."""
        raise NotImplementedError

    def complete(self, text: str) -> Completion:
        """What may come at the end of `text`, the line up to the cursor."""
        raise NotImplementedError

    def highlight(self, text: str) -> str:
        """`text`, a piece of the line as it is shown, in colours."""
        return text

    # What Twisted calls.

    def keystrokeReceived(self, keyID: bytes, modifier: Any) -> None:
        if modifier == self.terminal.ALT:
            keyID = self._meta.get(keyID, b"")
        if self._paste is not None:
            self._take_pasted(keyID)
            return
        action = self._keys.get(keyID)
        if action is not None:
            action()
        elif len(keyID) == 1 and keyID >= b" ":
            self._insert(self._decoder.decode(keyID))

    def unhandledControlSequence(self, seq: bytes) -> None:
        name = SEQUENCES.get(seq, b"")
        if name == b"pasted":
            self._paste_ends()
        elif name in self._keys and self._paste is None:
            self._keys[name]()

    def terminalSize(self, width: int, height: int) -> None:
        self.width = width
        self.draw()

    # Drawing.

    @property
    def editing(self) -> bool:
        """Whether the line is on the screen."""
        return True

    def draw(self) -> None:
        """Show the line and the cursor, if they have changed."""
        state = (self.lead, self.text, self.cursor, self.width)
        if not self.editing or state == self._shown:
            return
        self._shown = state
        before, after = self._window()
        self.write(f"\r{self.lead}{self.highlight(before + after)}\x1b[K\r")
        self.write(f"\x1b[{width_of(self.lead) + width_of(before)}C")

    def _window(self) -> tuple[str, str]:
        """What of the line fits beside the lead, before and after the cursor."""
        room = max(self.width - width_of(self.lead) - 1, 1)
        before, after = _on_one_line(self.text[: self.cursor]), _on_one_line(self.text[self.cursor :])
        while width_of(before) > room:
            before = before[max(len(before) - room, 1) :]
        left = room - width_of(before)
        return before, pad(after, left).rstrip() if width_of(after) > left else after

    def write(self, text: str) -> None:
        """To the terminal; a line end becomes CR LF."""
        self.terminal.write(text.encode())

    def hide(self) -> None:
        """Take the line from the screen until it is drawn again."""
        if self._shown is not None:
            self._shown = None
            self.write("\r\x1b[K")

    def new_line(self) -> None:
        """Leave the line as it stands, and go on below."""
        if self._shown is not None:
            self.cursor = len(self.text)
            self.draw()
            self.write("\n")
        self._shown = None

    # Keys.

    def _insert(self, text: str) -> None:
        limit = MAX_PASTE if "\n" in self.text + text else MAX_LINE
        if len(self.text.encode()) + len(text.encode()) > limit:
            self.write(_BELL)
            return
        self._keep(self.text[: self.cursor] + text + self.text[self.cursor :], self.cursor + len(text))

    def _keep(self, text: str, cursor: int) -> None:
        self.text = text
        self._goto(cursor)

    def _goto(self, cursor: int) -> None:
        self.cursor = min(max(cursor, 0), len(self.text))

    def _move(self, by: int) -> None:
        self._goto(self.cursor + by)

    def _home(self) -> None:
        self._goto(0)

    def _end(self) -> None:
        self._goto(len(self.text))

    def _erase_left(self) -> None:
        self._erase(self.cursor - 1, self.cursor)

    def _erase_right(self) -> None:
        self._erase(self.cursor, self.cursor + 1)

    def _erase_word(self) -> None:
        self._erase(self._word_start(), self.cursor)

    def _erase(self, start: int, end: int) -> None:
        start = max(start, 0)
        self._keep(self.text[:start] + self.text[end:], start)

    def _word_start(self) -> int:
        return self.text[: self.cursor].rstrip(" ").rfind(" ") + 1

    def _word_end(self) -> int:
        rest = self.text[self.cursor :]
        end = rest.find(" ", len(rest) - len(rest.lstrip(" ")))
        return len(self.text) if end < 0 else self.cursor + end

    def _clear_screen(self) -> None:
        self.write("\x1b[2J\x1b[H")
        self._shown = None

    def _end_of_input(self) -> None:
        if self.text:
            self._erase_right()
        else:
            self.ended()

    def _enter(self) -> None:
        if "\n" in self.text:
            self._draw_lines()
        else:
            self.draw()
            self.new_line()
        line, self._back = self.take(), 0
        self._history.add(line)
        self.line_received(line)

    def _draw_lines(self) -> None:
        """What was pasted, each line below the other."""
        self.hide()
        lead = self.lead
        for line in self.text.split("\n"):
            self.write(f"{lead}{self.highlight(escape(line, keep=TAB))}\n")
            lead = self.lead_on

    def _paste_begins(self) -> None:
        self._paste = ""

    def _take_pasted(self, key: bytes) -> None:
        """No key does anything in a paste but Control-C, which drops it: its end may never come."""
        assert self._paste is not None
        if key == b"\x03":
            self._paste = None
            self.interrupted()
        elif len(key) == 1 and len(self._paste) <= MAX_PASTE:
            self._paste += self._decoder.decode(key)

    def _paste_ends(self) -> None:
        pasted, self._paste = self._paste or "", None
        lines = pasted.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
        text = "".join(c for c in lines if c.isprintable() or c in f"\n{TAB}")
        self._insert(text if "\n" in text else text.replace(TAB, " "))

    def take(self) -> str:
        """The line, which is then empty."""
        line = self.text
        self._keep("", 0)
        return line

    def _recall(self, by: int) -> None:
        back = self._back + by
        if not 0 <= back <= len(self._history):
            return
        if self._back == 0:
            self._kept = self.text
        self._back = back
        line = self._history.back(back) if back else self._kept
        self._keep(line, len(line))

    def _complete(self) -> None:
        found = self.complete(self.text[: self.cursor])
        if found.more:
            self._insert(found.more)
        elif len(found.words) > 1:
            self._offer(found.words)
        else:
            self.write(_BELL)

    def _offer(self, words: tuple[str, ...]) -> None:
        cursor = self.cursor
        self.draw()
        self.new_line()
        column = max(map(width_of, words)) + 2
        count = max(self.width // column, 1)
        shown = [escape(word) for word in words[:MAX_OFFERED]]
        for start in range(0, len(shown), count):
            self.write("".join(pad(word, column) for word in shown[start : start + count]).rstrip() + "\n")
        if len(words) > MAX_OFFERED:
            self.write(f"and {len(words) - MAX_OFFERED} more\n")
        self._goto(cursor)


def _on_one_line(text: str) -> str:
    return escape(text.replace("\n", _NEW_LINE))
