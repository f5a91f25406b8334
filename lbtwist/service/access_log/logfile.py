"""The file that lines are written to: it may be moved away, be full, or be slow. Its calls block."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MODE = 0o640
OUTPUT = 1
"""The descriptor of standard output."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
# Not to wait for who reads a FIFO: open(2) fails then, and write(2) tells.
_NEVER_WAIT = os.O_NONBLOCK


class Outcome(NamedTuple):
    """What became of some lines."""

    dropped: int = 0
    """So many could not be written."""
    problem: str = ""
    """Why; empty where all were written."""


class LogFile:
    """Appends whole lines to the file at a path, which other processes may append to as well."""

    def __init__(self, path: Path, write: Callable[[int, bytes | memoryview], int] = os.write) -> None:
        """`path` is `-` for standard output."""
        self.path = path
        self._write = write
        self._fd = -1
        self._identity = (0, 0)
        self._torn = b""
        """The rest of a line of which a part was written before the file was full."""

    def open(self) -> None:
        """Take the file, which is made with the mode 0640 where there is none. Raises OSError."""
        if str(self.path) == "-":
            self._fd = OUTPUT
            return
        fd = os.open(self.path, _FLAGS | _NEVER_WAIT, MODE)
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            os.close(fd)
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd > OUTPUT:
            os.close(fd)

    def append(self, lines: bytes) -> Outcome:
        """Write these whole lines; at the path, if the file was moved from there. Raises nothing."""
        try:
            lost = self._follow()
        except OSError as error:
            return Outcome(lines.count(b"\n"), _reason(error))
        data = self._torn + lines
        try:
            written = self._write_all(data)
        except _Stopped as stopped:
            rest = data[stopped.written :]
            whole = stopped.written == 0 or data[stopped.written - 1 : stopped.written] == b"\n"
            end = 0 if whole else rest.index(b"\n") + 1
            self._torn = rest[:end]
            return Outcome(lost + rest[end:].count(b"\n"), _reason(stopped.error))
        assert written == len(data)
        self._torn = b""
        return Outcome(lost)

    def _follow(self) -> int:
        """Have the file that is at the path now. Returns how many lines are lost by that: the one that was
        torn, which has a part in a file that is gone."""
        if self._fd == OUTPUT:
            return 0
        try:
            found = os.stat(self.path)
            if self._fd >= 0 and (found.st_dev, found.st_ino) == self._identity:
                return 0
        except FileNotFoundError:
            pass
        self.close()
        self.open()
        lost, self._torn = len(self._torn[:1]), b""
        return lost

    def _write_all(self, data: bytes) -> int:
        """Raises _Stopped with how much was written before it failed."""
        view, written = memoryview(data), 0
        while written < len(data):
            try:
                written += self._write(self._fd, view[written:])
            except BlockingIOError:
                waiting = select.poll()  # not select(2): the descriptor may be above 1023
                waiting.register(self._fd, select.POLLOUT)
                waiting.poll()
            except OSError as error:
                raise _Stopped(written, error) from error
        return written


class _Stopped(Exception):
    """A write that came to no end."""

    def __init__(self, written: int, error: OSError) -> None:
        super().__init__(written, error)
        self.written = written
        self.error = error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
