"""The log of events under systemd: each line begins with its priority, as sd-daemon(3) has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

PRIORITIES = {
    LogLevel.critical: 2,
    LogLevel.error: 3,
    LogLevel.warn: 4,
    LogLevel.info: 6,
    LogLevel.debug: 7,
}
OF_OTHERS = 6
"""That of an event without a level."""


def is_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether `stream` is the one that systemd has connected to the journal: `JOURNAL_STREAM` has its device
    and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


@implementer(ILogObserver)
class JournalObserver:
    """Writes events without their time, which the journal has, and each of their lines with its priority."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level")
        priority = PRIORITIES.get(level, OF_OTHERS) if level is not None else OF_OTHERS
        for line in text.splitlines():
            self._stream.write(f"<{priority}>{line}\n")
        self._stream.flush()


def journal_observer() -> JournalObserver:
    """For twistd: made before the standard streams lead into the log themselves."""
    return JournalObserver(sys.stdout)
