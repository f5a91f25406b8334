"""The bytes of a terminal as keys."""

# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.conch.insults.insults import ServerProtocol

MAX_SEQUENCE = 32
"""Bytes of an unfinished escape sequence; longer ones are dropped."""

SEQUENCES = {
    b"\x1b[OA": b"[UP_ARROW]",
    b"\x1b[OB": b"[DOWN_ARROW]",
    b"\x1b[OC": b"[RIGHT_ARROW]",
    b"\x1b[OD": b"[LEFT_ARROW]",
    b"\x1b[OH": b"[HOME]",
    b"\x1b[OF": b"[END]",
    b"\x1b[1;5C": b"word-right",
    b"\x1b[1;5D": b"word-left",
    b"\x1b[200~": b"paste",
    b"\x1b[201~": b"pasted",
}
"""What insults leaves to us: the keys in application mode, Control with an arrow, and the ends of what is
pasted, where the terminal marks them (xterm's bracketed paste)."""
PASTES, PASTES_NOT = b"\x1b[?2004h", b"\x1b[?2004l"
"""Ask a terminal to mark what is pasted, or not to."""


class Keyboard(ServerProtocol):
    """Bytes of a terminal into keys, in bounded memory; the line is drawn once for all that came."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if len(getattr(self, "escBuf", ())) > MAX_SEQUENCE:
            del self.escBuf
            self.state = b"data"
        if self.terminalProtocol is not None:
            self.terminalProtocol.draw()
