"""A source of servers that is asked again and again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.errors import LBError
from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.source import SourceAnswer
from lbtwist.service.rounds import Rounds

LONGEST = 10.0
"""Seconds that an answer may take at most."""


class SourceFailed(LBError):
    """The source gave no answer, or none that can be used; said in words for people."""


class Found(NamedTuple):
    """What a source answered."""

    servers: Mapping[Address, int]
    """Weight by address."""
    again: float
    """Seconds until it is to be asked again."""


class Question(Protocol):
    """What is asked, and of whom."""

    def ask(self) -> Coroutine[Deferred[Any], Any, Found | None]:
        """Ask once; None when there is nothing new. Raises SourceFailed. Cancelling leaves nothing."""


@implementer(IServerSource)
class AskedSource:
    """Asks `question`, and again when its answer says, or `interval` seconds after it failed."""

    log = Logger()

    def __init__(self, question: Question, interval: float, clock: IReactorTime) -> None:
        self._question = question
        self._interval = interval
        self._clock = clock
        self._limit = min(interval, LONGEST)
        self._rounds: Rounds[Found | None] | None = None

    def watch(self, heard: Callable[[SourceAnswer], None]) -> None:
        """Ask now, and again and again; `heard` gets each answer."""
        assert self._rounds is None, "it is watched already"
        self._rounds = Rounds(
            self._clock, self._question.ask, lambda outcome: self._tell(heard, outcome), self._limit
        )
        self._rounds.start()

    def stop(self) -> Deferred[None]:
        """Ask no more; `heard` is not called again. Fires when nothing is left of it."""
        rounds, self._rounds = self._rounds, None
        return rounds.stop() if rounds else succeed(None)

    def _tell(self, heard: Callable[[SourceAnswer], None], outcome: Found | Failure | None) -> float:
        if isinstance(outcome, Failure):
            heard(SourceAnswer(None, self._words(outcome)))
            return self._interval
        if outcome is None:
            return self._interval
        heard(SourceAnswer(outcome.servers))
        return outcome.again

    def _words(self, failure: Failure) -> str:
        if failure.check(SourceFailed):
            return failure.getErrorMessage()
        if failure.check(TimeoutError):
            return f"no answer within {self._limit:g} s"
        self.log.failure("a source of servers has a fault", failure)
        return f"has a fault: {type(failure.value).__name__}"
