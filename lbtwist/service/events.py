"""What happened lately: a bounded ring of events, and whoever follows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

KEPT_EVENTS = 1000
KINDS = ("server", "drain", "reload", "live", "fail_open", "source", "operator", "login")
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

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._kept))

    def add(self, kind: str, subject: str, text: str, who: str = "") -> None:
        """It happened just now."""
        event = Event(self._wall(), kind, subject, text, who)
        self._kept.append(event)
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
