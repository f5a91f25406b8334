"""Says in the log why clients of a group get no server: a few times a second, however many they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lbtwist.interfaces import IDataPlane
from lbtwist.model.drain import Drain
from lbtwist.model.registration import Registration
from lbtwist.service.group import ServerGroup

LINES = 3
"""So many lines of a group in a second; what comes beyond is counted, and told with the next line."""


@dataclass(slots=True)
class _Told:
    """What was said of one group in the present second."""

    second: int
    lines: int = 0
    unsaid: int = 0


class Unserved:
    """Makes the words from what the control plane knows."""

    log = Logger()

    def __init__(self, plane: IDataPlane, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self._plane = plane
        self._clock = clock
        self._wall = wall
        self._told: dict[str, _Told] = {}

    def tell(self, name: str, group: ServerGroup | None, tried: int, reason: str) -> None:
        """A client of the group of that `name` got no server; `group` is None where it is gone."""
        second = int(self._clock.seconds())
        told = self._told.get(name)
        if told is None or told.second != second:
            told = self._told[name] = _Told(second, unsaid=told.unsaid if told else 0)
        if told.lines >= LINES:
            told.unsaid += 1
            return
        more, told.unsaid = told.unsaid, 0
        told.lines += 1
        self.log.warn(
            "no_server({group}: {why}){more}",
            group=name,
            why=", ".join(self._words(group, tried, reason)),
            more=f", and {more} times more before" if more else "",
        )

    def _words(self, group: ServerGroup | None, tried: int, reason: str) -> list[str]:
        if reason:
            return [reason]
        members = list(group.members) if group is not None else []
        counted = Counter(self._word(group, each) for each in members) if group is not None else Counter()
        words = [f"{count} {word}" for word, count in counted.most_common()]
        return [*(words or ["no servers"]), *([f"{tried} tried"] if tried else [])]

    def _word(self, group: ServerGroup, registration: Registration) -> str:
        live = self._plane.tally(registration.scope).live
        conditions = group.members.conditions(registration, live, group.choice)
        no = next((condition for condition in conditions if not condition.holds), None)
        if no is None:
            return "in rotation"
        word = "unhealthy" if no.name == "health" else no.reason
        drain = registration.drain
        return f"{word} until {self._until(drain)}" if drain and math.isfinite(drain.deadline) else word

    def _until(self, drain: Drain) -> str:
        """Its deadline, as the time of day (UTC)."""
        left = drain.left(self._clock.seconds())
        return datetime.fromtimestamp(self._wall() + left, UTC).strftime("%H:%M:%SZ")
