"""What an older generation has, as it was last told over the channel (rule 75)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from lbtwist.model.figures import Figures
from lbtwist.model.generations import Cut, CutConnection, InRotation, Look, Message, Report, Views
from lbtwist.model.plane import EVERYTHING, ConnectionView, CutBy, Scope, ScopeKind, Tally
from lbtwist.net.channel import IChannel
from lbtwist.net.live import Vacancy

PATIENCE = 1.0
"""Seconds that an answer is waited for: then what was told before is good enough."""
LAST_REQUESTS = 5.0
"""Seconds within which clients of an older generation that had no request are gone (rule 71)."""


class Mirror:
    """Answers for one older generation at once, and passes on to it what is to be cut.

    By our numbers: a seat of its registration is a further seat of ours, and one of its listeners counts
    with ours.
    """

    def __init__(
        self,
        pid: int,
        channel: IChannel,
        numbers: Mapping[int, int],
        listeners: Mapping[int, str],
        report: Report,
        ids: Iterator[int],
        clock: IReactorTime,
    ) -> None:
        """`numbers` are ours by its own, of seats and listeners; `listeners` the names of its listeners by
        its numbers. Our `ids` are what its connections are known by here."""
        self.pid = pid
        self.channel = channel
        self.numbers = numbers
        self.listeners = listeners
        self.label_of: Callable[[int], str] = lambda number: ""
        """What the registration is called that has this seat of ours."""
        self._theirs = {ours: theirs for theirs, ours in numbers.items()}
        self.lost: Callable[[str], None] = lambda why: None
        """Hears why it says no more."""
        self._ids = ids
        self._clock = clock
        self._born = clock.seconds()
        self._registrations: dict[int, Tally] = {}
        self._listeners: dict[int, Tally] = {}
        self.everything = Tally()
        """The counters of all that it has and had."""
        self._figures = Figures()
        self._views = Views()
        self._viewed = clock.seconds()
        self._known: dict[int, int] = {}
        """Our ids of its connections, by its own."""
        self._waiting: dict[Scope, Vacancy] = {}
        self._looking = Vacancy()
        self._follow(report)

    def heard(self, message: Message) -> None:
        """It has said something."""
        if isinstance(message, Report):
            self._follow(message)
            self._tell_empty()
        elif isinstance(message, Views):
            self._look_at(message)

    def listen(self, lost: Callable[[str], None], unread: bytes = b"") -> None:
        """Hear it, `unread` bytes first, until `lost` hears why there is no more."""
        self.lost = lost
        self.channel.listen(self.heard, lost, unread)

    def resume(self) -> None:
        """Hear it again, after its channel was paused."""
        self.channel.listen(self.heard, self.lost, self.channel.pause())

    def report(self) -> Report:
        """All counters, by its own numbers."""
        return Report(
            registrations=self._registrations,
            listeners=self._listeners,
            everything=self.everything,
            figures=self._figures,
        )

    def listener_numbers(self) -> list[int]:
        """Ours of its listeners."""
        return [self.numbers[number] for number in self._listeners if number in self.numbers]

    def figures(self) -> Figures:
        """As it last told them, by our numbers."""
        return self._figures.renumbered(self.numbers)

    def tally(self, scope: Scope) -> Tally:
        if scope.kind is ScopeKind.ALL:
            return self.everything
        known = self._registrations if scope.kind is ScopeKind.REGISTRATION else self._listeners
        counted = (known.get(number) for number in self._own(scope))
        return sum(filter(None, counted), Tally())

    def turned_away(self, number: int) -> Mapping[str, int]:
        """Of a listener, by the reason, as it last told."""
        told = (self._figures.listeners.get(own) for own in self._own(Scope.listener(number)))
        return sum((Counter(each.refused) for each in told if each), Counter())

    def when_empty(self, scope: Scope) -> Deferred[None]:
        """Fires when it has told that nothing of the scope is live."""
        if not self.tally(scope).live:
            return succeed(None)
        return self._waiting.setdefault(scope, Vacancy()).wait()

    def cut(self, scope: Scope, count: int | None, why: CutBy = CutBy.DEADLINE) -> int:
        """Have it cut; how many that are, as far as is known."""
        live = self.tally(scope).live
        if (live and count != 0) or scope == EVERYTHING:
            numbers = tuple(self._own(scope))
            self.channel.send(Cut(scope=scope.kind.value, numbers=numbers, count=count, why=why.value))
        return live if count is None else min(live, count)

    def cut_connection(self, id: int) -> bool:
        """False where it had none of that id when it was last looked at."""
        theirs = next((theirs for theirs, ours in self._known.items() if ours == id), None)
        if theirs is not None:
            self.channel.send(CutConnection(theirs))
        return theirs is not None

    def keep_to(self, group: str, addresses: Iterable[str]) -> None:
        """What still comes to it goes to these alone (rule 1)."""
        if self.everything.live or self._clock.seconds() - self._born < LAST_REQUESTS:
            self.channel.send(InRotation(group, tuple(addresses)))

    def refreshed(self) -> Deferred[None]:
        """Fires when `connections` tells of this moment, or when it takes too long."""
        if not self.everything.live:
            return succeed(None)
        looked = self._looking.wait()
        looked.addTimeout(PATIENCE, self._clock)
        self.channel.send(Look())
        return looked.addErrback(lambda failure: None)

    def connections(self, scope: Scope) -> Iterator[ConnectionView]:
        """As they were when it was last looked at, and older by now."""
        own = self._own(scope)
        names = {self.listeners.get(number) for number in own}
        for number, views in (*self._views.registrations.items(), (None, self._views.others)):
            label = "" if number is None else self.label_of(self.numbers.get(number, 0))
            for view in views:
                found = number in own if scope.kind is ScopeKind.REGISTRATION else view.listener in names
                if found or scope == EVERYTHING:
                    yield self._ours(view, label)

    def forget(self, scope: Scope) -> None:
        """What it had there is counted no more but in all."""
        known = self._registrations if scope.kind is ScopeKind.REGISTRATION else self._listeners
        for number in self._own(scope):
            known.pop(number, None)
        self._figures = self._figures.without(*self._own(scope))

    def end(self) -> None:
        """It is gone: nothing is live, and what was has been cut."""
        self._follow(
            Report(
                registrations={n: ended(tally) for n, tally in self._registrations.items()},
                listeners={n: ended(tally) for n, tally in self._listeners.items()},
                everything=ended(self.everything),
                figures=self._figures.at_rest(),
            )
        )
        self._views = Views()
        self._known = {}
        self._looking.tell()
        self._tell_empty()

    def _follow(self, report: Report) -> None:
        self._registrations.update(report.registrations)
        self._listeners.update(report.listeners)
        if report.everything is not None:
            self.everything = report.everything
        if report.figures is not None:
            self._figures = self._figures.updated(report.figures)

    def _tell_empty(self) -> None:
        for scope in [each for each in self._waiting if not self.tally(each).live]:
            self._waiting.pop(scope).tell()

    def _look_at(self, views: Views) -> None:
        self._views, self._viewed = views, self._clock.seconds()
        there = [view.id for of in views.registrations.values() for view in of]
        there += [view.id for view in views.others]
        self._known = {id: self._known.get(id) or next(self._ids) for id in there}
        self._looking.tell()

    def _own(self, scope: Scope) -> list[int]:
        """Its numbers of what the scope is about."""
        return [self._theirs[number] for number in scope.numbers if number in self._theirs]

    def _ours(self, view: ConnectionView, label: str) -> ConnectionView:
        later = self._clock.seconds() - self._viewed
        return replace(
            view,
            id=self._known[view.id],
            server=label or view.server,
            age=view.age + later,
            idle=view.idle + later,
        )


def ended(tally: Tally) -> Tally:
    """`tally` where the process has ended: what was live did not end by itself, so it counts as cut."""
    return replace(tally, live=0, cut=tally.cut + tally.live)
