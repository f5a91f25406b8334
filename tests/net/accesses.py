"""Writes down what a data plane tells for the access log."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import Access, End, Told, access_of


@implementer(IAccessObserver)
class Accesses:
    """Every line there is, in its order."""

    def __init__(self, since: Callable[[], float] = float) -> None:
        """`since` says what the time since 1970 is ahead of the monotonic clock."""
        self.since = since
        self.lines: list[Access] = []

    def over(self, record: Told) -> None:
        self.lines.append(record if isinstance(record, Access) else access_of(record, self.since()))

    @property
    def only(self) -> Access:
        """The one line there is."""
        (line,) = self.lines
        return line

    @property
    def ends(self) -> list[End]:
        return [line.end for line in self.lines]
