"""What generations had counted that are gone (rule 75): sums never fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lbtwist.model.figures import Figures
from lbtwist.model.generations import Report
from lbtwist.model.plane import Scope, ScopeKind, Tally


class Past:
    """By our numbers of listeners. What was counted of a registration is the registration's own."""

    def __init__(self) -> None:
        self.everything = Tally()
        self.figures = Figures()
        self._listeners: dict[int, Tally] = {}

    def add(self, listeners: Mapping[int, Tally], everything: Tally, figures: Figures) -> None:
        """Another one is gone."""
        for number, tally in listeners.items():
            self._listeners[number] = self._listeners.get(number, Tally()) + tally
        self.everything += everything
        self.figures += replace(figures, failures={})

    def report(self) -> Report:
        """All of it, to be handed on."""
        return Report(listeners=self._listeners, everything=self.everything, figures=self.figures)

    def tally(self, scope: Scope) -> Tally:
        """Nothing of it is live."""
        if scope.kind is ScopeKind.ALL:
            return self.everything
        if scope.kind is ScopeKind.REGISTRATION:
            return Tally()
        return sum((self._listeners.get(number, Tally()) for number in scope.numbers), Tally())

    def turned_away(self, number: int) -> Mapping[str, int]:
        """Of a listener, by the reason."""
        counted = self.figures.listeners.get(number)
        return counted.refused if counted else {}

    def forget(self, scope: Scope) -> None:
        """What there was of a listener is counted no more but in all."""
        if scope.kind is ScopeKind.LISTENER:
            for number in scope.numbers:
                self._listeners.pop(number, None)
            self.figures = self.figures.without(*scope.numbers)
