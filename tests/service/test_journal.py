"""Under systemd, lines of the log have priorities."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import ILogObserver, Logger
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.service.journal import JournalObserver, is_journal


@pytest.fixture
def stream() -> StringIO:
    return StringIO()


@pytest.fixture
def log(stream: StringIO) -> Any:
    observer = JournalObserver(stream)
    assert verifyObject(ILogObserver, observer)
    return Logger(namespace="x", observer=observer)


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warn", 4), ("error", 3), ("critical", 2)]
)
def test_each_level_has_its_priority(log: Any, stream: StringIO, level: str, priority: int) -> None:
    getattr(log, level)("a {word}", word="drain ends")
    assert stream.getvalue() == f"<{priority}>a drain ends\n"


def test_an_event_without_a_level_is_told(stream: StringIO) -> None:
    JournalObserver(stream)({"log_format": "said"})
    assert stream.getvalue() == "<6>said\n"


def test_every_line_of_a_traceback_has_it(log: Any, stream: StringIO) -> None:
    log.failure("it failed", Failure(ValueError("why")))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "<2>it failed"
    assert lines[-1].startswith("<2>")
    assert "ValueError: why" in lines[-1]
    assert all(line.startswith("<2>") for line in lines)


def test_it_is_the_journal_where_systemd_says_so(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as stream, (tmp_path / "b").open("w") as other:
        found = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(environ, stream)
        assert not is_journal(environ, other)
        assert not is_journal({}, stream)
        assert not is_journal(environ, StringIO())
