"""The lines that an operator has entered, in a file of their key's own where there is a directory."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from twisted.logger import Logger

from lbtwist.console.audit import hide_secrets

KEPT = 500
"""Lines of one key that are kept."""
MAX_ENTRY = 8192
"""Bytes of one of them; longer ones are kept for the session alone."""
MAX_FILE = 4 * KEPT * MAX_ENTRY
"""Bytes of a file that are read; a longer one is begun anew."""

log = Logger()


class History:
    """The last lines, the newest last. Without a file they are those of one session."""

    def __init__(self, file: HistoryFile | None = None) -> None:
        self._file = file
        self._lines: deque[str] = deque(file.read() if file else (), maxlen=KEPT)

    def __len__(self) -> int:
        return len(self._lines)

    def back(self, count: int) -> str:
        """The line entered `count` lines ago; 1 is the last one."""
        return self._lines[-count]

    def add(self, line: str) -> None:
        """Remember `line`, unless it is blank or the last one again. What seems to hold a secret is not
        written down."""
        if not line.strip() or (self._lines and self._lines[-1] == line):
            return
        self._lines.append(line)
        if self._file is not None and hide_secrets(line) == line:
            self._file.append(line)


class HistoryFile:
    """Lines as JSON strings, readable by their owner alone. Where it can't be read or written, that is logged
    once, and the session goes on without it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._broken = False

    def read(self) -> list[str]:
        """The last lines of the file, which is made short again where it has grown long."""
        try:
            lines = _entries(self._content())
            self._written = len(lines)
            if self._written > 2 * KEPT:
                self._replace(lines[-KEPT:])
            return lines[-KEPT:]
        except OSError as error:
            self._fail(error)
            return []

    def append(self, line: str) -> None:
        """One more line."""
        entry = json.dumps(line) + "\n"
        if self._broken or len(entry) > MAX_ENTRY:
            return
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(self._path, os.O_APPEND, entry)
            self._written += 1
            if self._written > 2 * KEPT:
                self.read()
        except OSError as error:
            self._fail(error)

    def _content(self) -> bytes:
        try:
            # No link is followed, and a FIFO holds nothing up.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        try:
            content = os.read(descriptor, MAX_FILE + 1)
        finally:
            os.close(descriptor)
        return content if len(content) <= MAX_FILE else b""

    def _replace(self, lines: Iterable[str]) -> None:
        beside = self._path.with_name(f"{self._path.name}.new")
        _write(beside, os.O_TRUNC, "".join(json.dumps(line) + "\n" for line in lines))
        os.replace(beside, self._path)
        self._written = KEPT

    def _fail(self, error: OSError) -> None:
        self._broken = True
        log.warn("console: no history in {path}: {why}", path=self._path, why=error.strerror or error)


class Histories:
    """The histories of all keys, in `directory`; of each session alone where there is none."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    def of(self, fingerprint: str) -> History:
        """That of the key, as far as it has come."""
        if self._directory is None:
            return History()
        name = fingerprint.replace("/", "_").replace(":", "_")
        return History(HistoryFile(self._directory / name))


def _write(path: Path, how: int, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | how
    with open(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def _entries(content: bytes) -> list[str]:
    """The lines of a file; what is damaged is left out."""
    entries = []
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, str):
            entries.append(entry)
    return entries
