"""An output that remembers, and what a prompt needs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from lbtwist.console.desk import Desk
from lbtwist.console.render import Page
from lbtwist.service.verbs.verb import Caller, Role
from tests.console.fakes import FakeBalancer, FakeNames, fake_verbs

ADMIN = Caller("SHA256:a admin", "192.0.2.1:5", Role.ADMIN)
OPERATOR = Caller("SHA256:o operator", "192.0.2.1:6", Role.OPERATE)
READER = Caller("SHA256:r reader", "192.0.2.1:7", Role.READ)


class Recorder:
    """What went to each stream."""

    def __init__(self, width: int | None = None) -> None:
        self.page = Page(width)
        self.clogged = False
        self.text = ""
        self.errors = ""
        self.steps: list[str] = []

    def out(self, text: str) -> None:
        self.text += text

    def err(self, text: str) -> None:
        self.errors += text

    def progress(self, text: str) -> None:
        self.steps.append(text)


def make_desk(balancer: FakeBalancer | None = None, **namespace: object) -> Desk:
    return Desk(fake_verbs(), balancer or FakeBalancer(), FakeNames(), Clock(), namespace)


@contextmanager
def logged(namespace: str = "lbtwist.console.audit") -> Iterator[list[str]]:
    """The lines logged in the body by `namespace`."""
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == namespace:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)
