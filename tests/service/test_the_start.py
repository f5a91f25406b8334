"""What the process does with what it made at its start."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from lbtwist.service.process import keep_the_start


class Reactor(Clock):
    """Runs when the test says so."""

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        self.callLater(0, call)


def test_what_is_there_when_it_runs_is_collected_once_and_then_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: done.append("collect"))
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    reactor = Reactor()
    keep_the_start(reactor)
    assert done == []
    reactor.advance(0)
    assert done == ["collect", "freeze"]
