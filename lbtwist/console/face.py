"""What a session and its client are to each other."""

from __future__ import annotations

from typing import Protocol

from lbtwist.console.output import Wire


class Line(Wire, Protocol):
    """A session's way to and from its client."""

    def hold(self, holding: bool) -> None:
        """Let the client send no more than it was already allowed; or let it go on."""

    def exit(self, status: int) -> None:
        """End the session once all is sent."""


class Face(Protocol):
    """What a session is for its client."""

    @property
    def busy(self) -> bool:
        """Whether something is running."""

    def open(self) -> None:
        """Begin."""

    def received(self, data: bytes) -> None:
        """From the client's standard input."""

    def ended(self) -> None:
        """The client's standard input has ended."""

    def resized(self, width: int, height: int) -> None:
        """The client's terminal has another size."""

    def interrupt(self) -> None:
        """The client wishes to stop waiting."""

    def closed(self) -> None:
        """The client is gone: the waiting ends, and nothing else."""
