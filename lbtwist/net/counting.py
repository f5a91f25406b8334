"""Counters of the data plane, in plain integers: to count one costs next to nothing."""

from __future__ import annotations

from bisect import bisect_left

from lbtwist.model.figures import BOUNDS, CLASSES, Distribution, GroupFigures


class Histogram:
    """How long something took, in buckets whose bounds never change."""

    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """It took so long."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def value(self) -> Distribution:
        """What was observed so far."""
        return Distribution(tuple(self._counts), self._seconds)


class Responses:
    """How many final responses there were, by their class."""

    __slots__ = ("by_class",)

    def __init__(self) -> None:
        self.by_class = [0] * len(CLASSES)

    def count(self, status: int) -> None:
        """One of `status`, 100–599: no other is let in."""
        self.by_class[status // 100 - 1] += 1

    def value(self) -> tuple[int, ...]:
        """So many of each class."""
        return tuple(self.by_class)


class GroupCounts:
    """The counters of one server group."""

    __slots__ = ("no_server", "retries", "responses", "connect", "header", "response", "at_once")

    def __init__(self) -> None:
        self.no_server = 0
        self.retries = 0
        self.responses = Responses()
        self.connect = Histogram()
        self.header = Histogram()
        self.response = Histogram()
        self.at_once = Histogram()
        """Both, of responses that came whole with their head."""

    def figures(self, queue: int) -> GroupFigures:
        """All of them now, with the length of the group's queue."""
        at_once = self.at_once.value()
        return GroupFigures(
            queue=queue,
            no_server=self.no_server,
            retries=self.retries,
            responses=self.responses.value(),
            connect=self.connect.value(),
            header=self.header.value() + at_once,
            response=self.response.value() + at_once,
        )
