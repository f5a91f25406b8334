"""What the log says in a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """The warnings that are logged."""
    yield from _lines(LogLevel.warn)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line that is logged from `info` on."""
    yield from _lines(LogLevel.info)


def _lines(least: object) -> Iterator[list[str]]:
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"] >= least:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
