"""Where a session's text goes: a terminal, or the two streams of a client without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lbtwist.console.render import Page
from lbtwist.console.text import Style, pad

_ERASE_LINE = "\r\x1b[K"


class Wire(Protocol):
    """A session's way to its client."""

    def send(self, data: bytes) -> None:
        """To standard output."""

    def send_error(self, data: bytes) -> None:
        """To standard error."""

    @property
    def clogged(self) -> bool:
        """Whether the client has not yet taken what was sent."""


class Output(Protocol):
    """Where the text of a command goes. What is given has been escaped."""

    @property
    def page(self) -> Page: ...

    @property
    def clogged(self) -> bool:
        """Whether the client has not yet taken what was sent."""

    def out(self, text: str) -> None:
        """A piece of the answer; ends with the end of a line."""

    def err(self, text: str) -> None:
        """Why there is none; ends with the end of a line."""

    def progress(self, text: str) -> None:
        """One line of how far it is; left out where the client does not read."""


class Streams:
    """Output for a client without a terminal: progress is a line on standard error."""

    page = Page()

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def clogged(self) -> bool:
        return self._wire.clogged

    def out(self, text: str) -> None:
        self._wire.send(text.encode())

    def err(self, text: str) -> None:
        self._wire.send_error(text.encode())

    def progress(self, text: str) -> None:
        if not self._wire.clogged:
            self.err(text + "\n")


class Screen:
    """Output on a terminal: one stream, CR LF, and a progress line that is drawn over."""

    def __init__(self, wire: Wire, width: Callable[[], int], colors: bool) -> None:
        self._wire = wire
        self._width = width
        self._colors = colors
        self._dirty = False

    @property
    def page(self) -> Page:
        return Page(self._width(), self._colors)

    @property
    def clogged(self) -> bool:
        return self._wire.clogged

    def out(self, text: str) -> None:
        self._send(text)

    def err(self, text: str) -> None:
        self._send(self.page.paint(Style.RED, text.removesuffix("\n")) + "\n")

    def progress(self, text: str) -> None:
        if not self._wire.clogged:
            # A line that reached the last column would scroll instead of being drawn over.
            self._send(pad(text, self._width() - 1).rstrip())
            self._dirty = True

    def clear(self) -> None:
        """Take the progress line away."""
        self._send("")

    def _send(self, text: str) -> None:
        erase, self._dirty = _ERASE_LINE if self._dirty else "", False
        if erase or text:
            self._wire.send((erase + text.replace("\n", "\r\n")).encode())
