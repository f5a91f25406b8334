"""Editing a line; what the screen shows is read by a terminal of one line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.console.completion import Completion
from lbtwist.console.editor import MAX_PASTE, LineEditor
from lbtwist.console.keyboard import MAX_SEQUENCE, Keyboard

_PIECE = re.compile(r"\x1b\[(\d*)([A-Za-z])|(.)", re.DOTALL)


class Terminal:
    """The last line of a terminal and its cursor; lines above it are `above`."""

    disconnecting = False

    def __init__(self) -> None:
        self.above: list[str] = []
        self.line: list[str] = []
        self.column = 0
        self.bells = 0

    def write(self, data: bytes) -> None:
        for number, command, character in _PIECE.findall(data.decode()):
            self._take(number, command, character)

    def _take(self, number: str, command: str, character: str) -> None:
        if command == "K":
            del self.line[self.column :]
        elif command == "C":
            self.column += int(number)
        elif character == "\r":
            self.column = 0
        elif character == "\n":
            self.above.append("".join(self.line).rstrip())
            self.line = []
        elif character == "\a":
            self.bells += 1
        elif character:
            self.line += [" "] * (self.column - len(self.line))
            self.line[self.column : self.column + 1] = [character]
            self.column += 1

    @property
    def text(self) -> str:
        return "".join(self.line)


class Recording(LineEditor):
    lead = "> "

    def __init__(self, width: int = 80) -> None:
        super().__init__(width)
        self.lines: list[str] = []
        self.interrupts = 0
        self.ends = 0
        self.words: tuple[str, ...] = ()

    def line_received(self, line: str) -> None:
        self.lines.append(line)

    def interrupted(self) -> None:
        self.interrupts += 1

    def ended(self) -> None:
        self.ends += 1

    def complete(self, text: str) -> Completion:
        word = text.rpartition(" ")[2]
        return Completion(word, tuple(each for each in self.words if each.startswith(word)))


class Typing:
    def __init__(self, width: int = 80) -> None:
        self.terminal = Terminal()
        self.editor = Recording(width)
        self.keyboard = Keyboard(lambda: self.editor)
        self.keyboard.makeConnection(self.terminal)

    def type(self, text: str | bytes) -> Typing:
        self.keyboard.dataReceived(text if isinstance(text, bytes) else text.encode())
        return self


UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"


@pytest.mark.parametrize(
    ("keys", "line", "cursor"),
    [
        ("abc", "abc", 3),
        ("abc" + LEFT + LEFT + "X", "aXbc", 2),
        ("abc" + LEFT * 9 + RIGHT + "X", "aXbc", 2),
        ("abc\x01X", "Xabc", 1),
        ("abc\x01\x05X", "abcX", 4),
        ("abc\x1b[HX\x1b[FY", "XabcY", 5),
        ("abc\x1bOHX\x1bOFY\x1bODZ", "XabcZY", 5),
        ("abc\x7f\x08", "a", 1),
        ("\x7f", "", 0),
        ("abc\x01\x1b[3~", "bc", 0),
        ("abc\x01\x04", "bc", 0),
        ("one two  \x17", "one ", 4),
        ("one two\x17\x17\x17", "", 0),
        ("one two\x1bb\x0b", "one ", 4),
        ("one two\x1b[1;5D\x15", "two", 0),
        ("one two\x01\x1bfX\x1b[1;5CY", "oneX twoY", 9),
        ("größe 日本" + LEFT + "x", "größe 日x本", 8),
        ("a\x1b[99zb\x1b[5;7Rc\x1bxd", "abcd", 4),
        ("a\x00\x1db", "ab", 2),
    ],
)
def test_keys(keys: str, line: str, cursor: int) -> None:
    typing = Typing().type(keys)
    assert (typing.editor.text, typing.editor.cursor) == (line, cursor)
    assert typing.terminal.text == "> " + line


def test_a_line_is_entered_and_the_next_begins_below() -> None:
    typing = Typing().type("one\rtwo\nthree")
    assert typing.editor.lines == ["one", "two"]
    assert typing.terminal.above == ["> one", "> two"]
    assert typing.terminal.text == "> three"


def test_a_character_may_come_a_byte_at_a_time() -> None:
    typing = Typing()
    for byte in "日ß".encode():
        typing.type(bytes([byte]))
    assert typing.editor.text == "日ß"


def test_history_goes_back_and_returns_to_what_was_being_typed() -> None:
    typing = Typing().type("one\rtwo\rtwo\r\rthr")
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        typing.type(key)
        seen.append(typing.editor.text)
    assert seen == ["two", "one", "one", "two", "thr", "thr"]


def test_a_long_line_is_shown_around_the_cursor() -> None:
    typing = Typing(20).type("abcdefghijklmnopqrstuvwxyz")
    assert typing.terminal.text == "> jklmnopqrstuvwxyz"
    typing.type("\x01")
    assert typing.terminal.text == "> abcdefghijklmnop…"
    assert typing.terminal.column == 2


def test_a_control_character_of_the_history_is_shown_escaped() -> None:
    typing = Typing()
    typing.editor._keep("a\x1bb", 3)
    typing.editor.draw()
    assert typing.terminal.text == r"> a\x1bb"


def test_another_width_draws_the_line_again() -> None:
    typing = Typing(20).type("abcdefghijklmnopqrstuvwxyz")
    typing.editor.terminalSize(80, 24)
    assert typing.terminal.text == "> abcdefghijklmnopqrstuvwxyz"


def test_control_c_and_control_d() -> None:
    typing = Typing().type("\x03\x04\x04")
    assert (typing.editor.interrupts, typing.editor.ends) == (1, 2)


def test_tab_adds_what_is_certain() -> None:
    typing = Typing()
    typing.editor.words = ("remove", "ready")
    typing.type("rem\t")
    assert typing.editor.text == "remove "


def test_tab_lists_a_choice_above_the_line() -> None:
    typing = Typing(20)
    typing.editor.words = ("read", "ready", "remove", "replace")
    typing.type("xx r\t")
    assert (typing.terminal.above, typing.terminal.text) == ([], "> xx re")
    typing.type("\t")
    assert typing.terminal.above == ["> xx re", "read     ready", "remove   replace"]
    assert typing.terminal.text == "> xx re"


def test_tab_with_nothing_to_offer_rings() -> None:
    assert Typing().type("x\t").terminal.bells == 1


def test_the_length_of_a_line_is_bounded() -> None:
    typing = Typing().type("ß" * 5000)
    assert len(typing.editor.text.encode()) == 8192


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_what_is_pasted_runs_nothing_and_completes_nothing() -> None:
    typing = Typing()
    typing.editor.words = ("remove",)
    typing.type("x = " + pasted("rem\tove\r\n") + "!")
    assert (typing.editor.text, typing.editor.lines, typing.terminal.text) == (
        "x = rem ove!",
        [],
        "> x = rem ove!",
    )


def test_lines_that_are_pasted_are_shown_on_one_and_entered_together() -> None:
    typing = Typing().type(pasted("def f():\r\tif 1:\r\n\r\n\t\treturn 1\n\n"))
    assert typing.terminal.text == r"> def f():⏎\tif 1:⏎⏎\t\treturn 1"
    typing.type("\r")
    assert typing.editor.lines == ["def f():\n\tif 1:\n\n\t\treturn 1"]
    assert typing.terminal.above == ["> def f():", "> \tif 1:", ">", "> \t\treturn 1"]
    typing.type(UP)
    assert typing.editor.text == "def f():\n\tif 1:\n\n\t\treturn 1"


def test_controls_in_what_is_pasted_do_nothing() -> None:
    typing = Typing().type("ab" + pasted("\x01c\x7f\x04\x17\x1b[D\x1b[1;5Dd"))
    assert (typing.editor.text, typing.editor.ends) == ("abcd", 0)


def test_what_is_pasted_is_bounded() -> None:
    typing = Typing().type(pasted("a\n" + "x" * (2 * MAX_PASTE)))
    assert (typing.editor.text, typing.terminal.bells) == ("", 1)
    typing.type(pasted("a\n" + "x" * (MAX_PASTE - 2)))
    assert len(typing.editor.text) == MAX_PASTE
    typing.type("b")
    assert len(typing.editor.text) == MAX_PASTE
    one_line = Typing().type(pasted("x" * 9000))
    assert (one_line.editor.text, one_line.terminal.bells) == ("", 1)


def test_control_c_ends_a_paste_whose_end_does_not_come() -> None:
    typing = Typing().type("\x1b[200~abc\x03def")
    assert (typing.editor.text, typing.editor.interrupts) == ("def", 1)


def test_an_escape_sequence_without_end_is_dropped() -> None:
    typing = Typing()
    for _ in range(100):
        typing.type(b"\x1b[" + b"1" * 50)
        assert len(getattr(typing.keyboard, "escBuf", ())) <= MAX_SEQUENCE
    typing.type("x")
    assert typing.editor.text.endswith("x")


@given(st.binary(max_size=200))
def test_any_bytes_leave_a_line_that_is_shown(data: bytes) -> None:
    typing = Typing(30).type(data.replace(b"\x0c", b""))
    assert 0 <= typing.editor.cursor <= len(typing.editor.text)
    assert typing.editor.text.isprintable()


@given(st.lists(st.binary(min_size=1, max_size=5), max_size=30))
def test_it_does_not_matter_in_which_pieces_bytes_come(pieces: list[bytes]) -> None:
    one, many = Typing(), Typing()
    one.type(b"".join(pieces))
    for piece in pieces:
        many.type(piece)
    assert (one.editor.text, one.editor.lines) == (many.editor.text, many.editor.lines)
