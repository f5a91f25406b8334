"""What happened lately: a bounded ring of events, and whoever follows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

KEPT_EVENTS = 1000
KINDS = ("server", "drain", "reload", "live", "fail_open", "source", "operator", "login", "upgrade")
"""What an event is about, in one word."""


class Event(NamedTuple):
    """One thing that happened."""

    time: float
    """Of the wall clock, seconds."""
    kind: str
    """One of KINDS."""
    subject: str
    """What it happened to: `app/ecs01#7`, a group, a listener; empty for the whole."""
    text: str
    who: str = ""
    """Who did it, where someone did."""


class Events:
    """The last events, the oldest first."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._kept: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._followers: dict[int, Callable[[Event], None]] = {}
        self._numbered = 0
        self.added = 0
        """How many there ever were: the number of the last one."""

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._kept))

    def after(self, number: int) -> list[tuple[int, Event]]:
        """Those after the one of that number, as far as they are kept, each with its own."""
        first = self.added - len(self._kept) + 1
        return [(n, event) for n, event in enumerate(self._kept, first) if n > number]

    def add(self, kind: str, subject: str, text: str, who: str = "") -> None:
        """It happened just now."""
        event = Event(self._wall(), kind, subject, text, who)
        self._kept.append(event)
        self.added += 1
        for heard in list(self._followers.values()):
            heard(event)

    def follow(self, heard: Callable[[Event], None]) -> Callable[[], None]:
        """`heard` gets each event from now on, until what is returned is called. It must not raise."""
        self._numbered += 1
        number = self._numbered
        self._followers[number] = heard

        def stop() -> None:
            self._followers.pop(number, None)

        return stop
