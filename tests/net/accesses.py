"""Writes down what a data plane tells for the access log."""

from __future__ import annotations

from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import Access, End


@implementer(IAccessObserver)
class Accesses:
    """Every line there is, in its order."""

    def __init__(self) -> None:
        self.lines: list[Access] = []

    def over(self, record: Access) -> None:
        self.lines.append(record)

    @property
    def only(self) -> Access:
        """The one line there is."""
        (line,) = self.lines
        return line

    @property
    def ends(self) -> list[End]:
        return [line.end for line in self.lines]
