"""Servers from a file: lines of text, or JSON where its name ends in `.json`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zope.interface import implementer

from lbtwist.interfaces import IServerSource, IServerSourceMaker
from lbtwist.model.address import Address
from lbtwist.model.listing import MAX_BYTES, servers_in_json, servers_in_lines
from lbtwist.model.shown import shown
from lbtwist.service.sources.asked import AskedSource, Found, SourceFailed
from lbtwist.service.sources.settings import check_keys

LOOK = 1.0
"""Seconds between two looks at the file."""


class State(NamedTuple):
    """What changes when a file is written, or another is put in its place."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


class FileQuestion:
    """Looks whether a file has changed, and reads it when nobody has written to it for one look.

    A look costs some microseconds, works on any file system and sees a file that was renamed over it.
    """

    def __init__(self, path: Path, port: int | None) -> None:
        self._path = path
        self._read: Callable[[bytes, int | None], dict[Address, int]] = (
            servers_in_json if path.suffix == ".json" else servers_in_lines
        )
        self._port = port
        self._seen: State | None = None
        """As it was at the last look."""
        self._known: State | None = None
        """As it was when it was read."""
        self._first = True
        self._problem = ""

    async def ask(self) -> Found | None:
        """The servers when the file is new or has changed; None when there is nothing new.

        Raises SourceFailed, once for one problem.
        """
        try:
            servers = self._look()
        except OSError as error:
            self._known = None  # or it would not be read when it can be again
            return self._fail(f"can't be read: {error.strerror or error}")
        except ValueError as error:
            return self._fail(str(error))
        if servers is None:
            return None
        self._problem = ""
        return Found(servers, LOOK)

    def _fail(self, problem: str) -> Found | None:
        if problem == self._problem:
            return None
        self._problem = problem
        raise SourceFailed(f"{self._path}: {problem}")

    def _look(self) -> dict[Address, int] | None:
        state = _state(os.stat(self._path))
        settled = state == self._seen or self._first
        self._seen, self._first = state, False
        if state == self._known or not settled:
            return None
        content = _content(self._path, state)
        if content is None:
            return None
        self._known = state
        return self._read(content, self._port)


def _state(found: os.stat_result) -> State:
    return State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _content(path: Path, state: State) -> bytes | None:
    """What is in the file, at most a byte more than is allowed; None when it changed meanwhile."""
    with open(path, "rb", opener=_open_at_once) as file:
        opened = os.fstat(file.fileno())
        if not stat.S_ISREG(opened.st_mode):
            raise ValueError("is not a file")
        content = file.read(MAX_BYTES + 1)
        return content if _state(opened) == state == _state(os.fstat(file.fileno())) else None


def _open_at_once(path: str, flags: int) -> int:
    """Opening a FIFO would stop the process until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


@implementer(IServerSourceMaker)
class FileMaker:
    """`{ type = "file", path }`."""

    name = "file"

    def make(self, settings: Mapping[str, Any], port: int | None, reactor: Any) -> IServerSource:
        """A source that watches the file at `path`. Raises ValueError for what is not allowed."""
        check_keys(settings, "path")
        return AskedSource(FileQuestion(_path(settings["path"]), port), LOOK, reactor)


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value) or not str(value).isprintable():
        raise ValueError(f"path: {shown(value)} is not the path of a file")
    return Path(value)
