"""What an older generation tells the newer one about its connections, and does for it (rule 75)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from lbtwist.model.figures import Figures
from lbtwist.model.generations import Cut, CutConnection, InRotation, Look, Message, Report, Views
from lbtwist.model.plane import EVERYTHING, CutBy, Scope, ScopeKind, Tally
from lbtwist.net.channel import IChannel
from lbtwist.net.generations import Generations

INTERVAL = 0.1
"""Seconds between two reports at least, but where something has become empty: that is told at once."""
MANY = 1000
"""With more connections, a report is made each `SLOW` seconds: counting them takes time."""
SLOW = 1.0
"""Figures are told each so many seconds at most, but at once where nothing is live any more."""


class Reporting:
    """Tells the counters of these registrations and listeners of its own data plane, when they change."""

    def __init__(
        self,
        plane: Generations,
        channel: IChannel,
        clock: IReactorTime,
        registrations: Iterable[int],
        listeners: Iterable[int],
    ) -> None:
        self._plane = plane
        self._own = plane.own
        self._channel = channel
        self._clock = clock
        self._registrations = tuple(registrations)
        self._listeners = tuple(listeners)
        self._told = Report()
        self._figures = Figures()
        """Those that were told."""
        self._figures_at = clock.seconds()
        self._beat = LoopingCall(self._report_or_rest)
        self._beat.clock = clock
        self._beats = 0
        self._watched: dict[Scope, Deferred[None]] = {}

    def whole(self) -> Report:
        """All counters now, which are told with it."""
        self._told, self._figures = self._counted(), self._own.figures()
        return replace(self._told, figures=self._figures)

    def start(self) -> None:
        """Tell from now on what changes."""
        self._beat.start(INTERVAL)

    def stop(self) -> None:
        """Tell the last, and no more."""
        if self._beat.running:
            self._beat.stop()
        for waiting in list(self._watched.values()):
            waiting.cancel()
        self.report(wholly=True)

    def heard(self, message: Message) -> None:
        """Do what the newer generation wants."""
        match message:
            case Cut(scope=kind, numbers=numbers, count=count, why=why):
                self._own.cut(Scope(ScopeKind(kind), numbers), count, CutBy(why))
                self.report()
            case CutConnection(id=id):
                self._own.cut_connection(id)
                self.report()
            case InRotation(group=group, addresses=addresses):
                self._plane.keep_to(group, addresses)
            case Look():
                self._channel.send(self._views())
            case _:
                pass  # nothing else is said to it

    def report(self, *, wholly: bool = False) -> None:
        """Tell what has changed since the last time; of figures where it is time, or `wholly`."""
        now, before = self._counted(), self._told
        self._told = now
        changed = Report(
            registrations=_changed(now.registrations, before.registrations),
            listeners=_changed(now.listeners, before.listeners),
            everything=now.everything if now.everything != before.everything else None,
            figures=self._news() if wholly or self._due() else None,
        )
        if changed != Report():
            self._channel.send(changed)

    def _due(self) -> bool:
        everything = self._told.everything or Tally()
        return not everything.live or self._clock.seconds() - self._figures_at >= SLOW

    def _news(self) -> Figures | None:
        """The figures that have changed; None where none has."""
        now, before = self._own.figures(), self._figures
        self._figures, self._figures_at = now, self._clock.seconds()
        news = now.since(before)
        return news if news != Figures() else None

    def _report_or_rest(self) -> None:
        self._beats += 1
        everything = self._told.everything or Tally()
        if everything.live <= MANY or self._beats % round(SLOW / INTERVAL) == 0:
            self.report()
            self._watch()

    def _watch(self) -> None:
        """Hear at once when one of those that have something becomes empty."""
        live = [Scope.registration(n) for n, tally in self._told.registrations.items() if tally.live]
        live += [Scope.listener(n) for n, tally in self._told.listeners.items() if tally.live]
        for scope in (*live, EVERYTHING):
            if scope not in self._watched:
                waiting = self._own.when_empty(scope)
                if not waiting.called:
                    self._watched[scope] = waiting
                    waiting.addCallbacks(self._emptied, _ignore_cancelled, callbackArgs=(scope,))

    def _emptied(self, _: None, scope: Scope) -> None:
        del self._watched[scope]
        self.report()

    def _counted(self) -> Report:
        own = self._own
        return Report(
            registrations={n: own.tally(Scope.registration(n)) for n in self._registrations},
            listeners={n: own.tally(Scope.listener(n)) for n in self._listeners},
            everything=own.tally(EVERYTHING),
        )

    def _views(self) -> Views:
        by_number = {n: tuple(self._own.connections(Scope.registration(n))) for n in self._registrations}
        seen = {view.id for views in by_number.values() for view in views}
        return Views(
            registrations={n: views for n, views in by_number.items() if views},
            others=tuple(view for view in self._own.connections(EVERYTHING) if view.id not in seen),
        )


def _changed(now: dict[int, Tally], before: dict[int, Tally]) -> dict[int, Tally]:
    return {number: tally for number, tally in now.items() if tally != before.get(number)}


def _ignore_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
