"""One session channel (RFC 4254, section 6): which face it has, and what passes through it."""

# mypy: allow-untyped-calls

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import EXTENDED_DATA_STDERR
from twisted.conch.ssh.session import parseRequest_pty_req, parseRequest_window_change
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from lbtwist.console.desk import Desk
from lbtwist.console.face import Face
from lbtwist.console.one_command import OneCommand
from lbtwist.console.output import Screen, Streams
from lbtwist.console.script import Script
from lbtwist.console.shell import Shell
from lbtwist.service.verbs.verb import Caller

WINDOW = 65536
"""Bytes that a client may send before it is allowed more."""
MAX_BACKLOG = 1 << 20
"""Bytes not yet taken by a client, beyond which it is given no more but cut off."""
_COLUMNS = range(20, 1000)
_INTERRUPTS = (b"INT", b"TERM", b"HUP", b"QUIT")

log = Logger()


class SessionChannel(SSHChannel):
    """A shell or one command, with or without a terminal. It provides `Line` to its face."""

    name = b"session"
    conn: Any

    def __init__(self, **arguments: Any) -> None:
        super().__init__(localWindow=WINDOW, **arguments)
        user: Any = self.avatar
        self._desk: Desk = user.desk
        self._caller: Caller = user.caller
        self._face: Face | None = None
        self._starting: IDelayedCall | None = None
        self._terminal: bytes | None = None
        self._size = (80, 24)
        self._early = b""
        self._early_end = False
        self._holding = False
        self._requests: dict[bytes, Callable[[bytes], bool]] = {
            b"pty-req": self._take_terminal,
            b"window-change": self._resize,
            b"shell": self._shell,
            b"exec": self._exec,
            b"signal": self._signal,
        }

    @property
    def busy(self) -> bool:
        """Whether something runs, so that a silent client is not idle."""
        return self._face is not None and self._face.busy

    # What the face calls.

    def send(self, data: bytes) -> None:
        if self._taking():
            self.write(data)

    def send_error(self, data: bytes) -> None:
        if self._taking():
            self.writeExtended(EXTENDED_DATA_STDERR, data)

    @property
    def clogged(self) -> bool:
        return self._backlog() > 0

    def hold(self, holding: bool) -> None:
        held, self._holding = self._holding, holding
        if held and not holding and not self.localClosed and self.localWindowLeft < self.localWindowSize:
            self.conn.adjustWindow(self, self.localWindowSize - self.localWindowLeft)

    def exit(self, status: int) -> None:
        if not self.localClosed and not self.closing:
            self.conn.sendRequest(self, b"exit-status", struct.pack(">L", status))
            self.loseConnection()

    def _taking(self) -> bool:
        if self.localClosed or self.closing:
            return False
        if self._backlog() > MAX_BACKLOG:
            log.warn("console: {who} does not read what it asked for: closed", who=self._caller.name)
            self.buf, self.extBuf = b"", []
            self.loseConnection()
            return False
        return True

    def _backlog(self) -> int:
        return len(self.buf) + sum(len(data) for _, data in self.extBuf)

    # What Conch calls.

    @property
    def holding(self) -> bool:
        """Whether the client is to be allowed no more bytes for now."""
        return self._holding

    def channelOpen(self, specificData: bytes) -> None:
        """Nothing to say."""

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        request = self._requests.get(requestType)
        try:
            return request is not None and request(data)
        except (struct.error, ValueError, IndexError, TypeError):
            return False

    def dataReceived(self, data: bytes) -> None:
        if self._face is not None:
            self._face.received(data)
        elif len(self._early) + len(data) <= WINDOW:
            self._early += data
        else:
            self.loseConnection()

    def extReceived(self, dataType: int, data: bytes) -> None:
        """A client has no standard error."""

    def eofReceived(self) -> None:
        if self._face is not None:
            self._face.ended()
        else:
            self._early_end = True

    def closeReceived(self) -> None:
        self.buf, self.extBuf = b"", []
        self.loseConnection()

    def closed(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        if self._face is not None:
            self._face.closed()

    # Requests.

    def _take_terminal(self, data: bytes) -> bool:
        if self._face is not None or self._starting is not None:
            return False
        self._terminal, (rows, columns, _, _), _ = parseRequest_pty_req(data)
        self._size = _bounded(columns, rows)
        return True

    def _resize(self, data: bytes) -> bool:
        rows, columns, _, _ = parseRequest_window_change(data)
        self._size = _bounded(columns, rows)
        if self._face is not None:
            self._face.resized(*self._size)
        return self._terminal is not None

    def _signal(self, data: bytes) -> bool:
        if getNS(data)[0] in _INTERRUPTS and self._face is not None:
            self._face.interrupt()
        return True

    def _shell(self, data: bytes) -> bool:
        if self._terminal is None:
            return self._start(lambda: Script(self, self._desk, self._caller))
        return self._start(self._make_shell)

    def _make_shell(self) -> Shell:
        user: Any = self.avatar
        history = self._desk.histories.of(user.identity.fingerprint)
        return Shell(self, self._desk, self._caller, self._size[0], self._colors, history)

    def _exec(self, data: bytes) -> bool:
        text = getNS(data)[0].decode()
        streams = Streams(self)
        output = Screen(self, lambda: self._size[0], self._colors) if self._terminal is not None else streams
        return self._start(lambda: OneCommand(self, self._desk, self._caller, text, output))

    @property
    def _colors(self) -> bool:
        return self._terminal not in (None, b"", b"dumb")

    def _start(self, make: Callable[[], Face]) -> bool:
        """Make the face once the request has been answered: nothing may follow the end of a channel."""
        if self._face is not None or self._starting is not None:
            return False
        self._starting = self._desk.reactor.callLater(0, self._begin, make)
        return True

    def _begin(self, make: Callable[[], Face]) -> None:
        self._starting = None
        face = make()
        self._face = face
        face.open()
        early, self._early = self._early, b""
        if early:
            face.received(early)
        if self._early_end:
            face.ended()


def _bounded(columns: int, rows: int) -> tuple[int, int]:
    """A terminal of no size, as of a program, has 80 columns."""
    return (columns if columns in _COLUMNS else 80), rows
