from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.source import SourceAnswer
from lbtwist.service.sources.asked import LONGEST, AskedSource, Found, SourceFailed

SERVERS = {Address("10.0.0.1", 80): 100}


class Oracle:
    """Answers what a test has put into it."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Found | Exception | Deferred[Found] | None = Found(SERVERS, 3)

    async def ask(self) -> Found | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return await self.answer if isinstance(self.answer, Deferred) else self.answer


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.oracle = Oracle()
        self.heard: list[SourceAnswer] = []
        self.source = AskedSource(self.oracle, 20, self.clock)

    def watch(self) -> None:
        self.source.watch(self.heard.append)


@pytest.fixture
def world() -> World:
    return World()


def test_is_a_source(world: World) -> None:
    assert verifyObject(IServerSource, world.source)


def test_each_answer_is_heard_and_says_when_to_ask_again_rule_18(world: World) -> None:
    world.watch()
    assert world.heard == [SourceAnswer(SERVERS)]
    world.clock.advance(2.9)
    assert world.oracle.asked == 1
    world.clock.advance(0.1)
    assert world.heard == [SourceAnswer(SERVERS)] * 2
    world.source.stop()


def test_nothing_new_is_not_heard(world: World) -> None:
    world.oracle.answer = None
    world.watch()
    world.clock.advance(20)
    assert (world.heard, world.oracle.asked) == ([], 2)
    world.source.stop()


def test_a_failure_is_heard_and_the_watching_goes_on(world: World) -> None:
    world.oracle.answer = SourceFailed("no such name")
    world.watch()
    world.oracle.answer = Found(SERVERS, 3)
    world.clock.advance(20)
    assert world.heard == [SourceAnswer(None, "no such name"), SourceAnswer(SERVERS)]
    world.source.stop()


def test_a_fault_is_heard_and_logged_and_the_watching_goes_on(
    world: World, flush_logged_errors: Callable[..., list[Failure]]
) -> None:
    world.oracle.answer = ZeroDivisionError("with a secret")
    world.watch()
    world.clock.advance(20)
    assert world.heard == [SourceAnswer(None, "has a fault: ZeroDivisionError")] * 2
    assert len(flush_logged_errors(ZeroDivisionError)) == 2
    world.source.stop()


def test_never_two_questions_at_once_and_none_for_ever(world: World) -> None:
    world.oracle.answer = Deferred()
    world.watch()
    world.clock.pump([1.0] * (int(LONGEST) - 1))
    assert (world.heard, world.oracle.asked) == ([], 1)
    world.clock.advance(1)
    assert world.heard == [SourceAnswer(None, "no answer within 10 s")]
    world.source.stop()


def test_an_answer_may_take_the_interval_where_that_is_shorter(world: World) -> None:
    world.oracle.answer = Deferred()
    source = AskedSource(world.oracle, 2, world.clock)
    source.watch(world.heard.append)
    world.clock.advance(2)
    assert world.heard == [SourceAnswer(None, "no answer within 2 s")]
    source.stop()


def test_stop_in_a_question_leaves_nothing(world: World) -> None:
    world.oracle.answer = Deferred()
    world.watch()
    assert world.source.stop().called
    assert (world.heard, world.clock.getDelayedCalls()) == ([], [])


def test_stop_between_questions_and_twice_and_before(world: World) -> None:
    assert world.source.stop().called
    world.watch()
    assert world.source.stop().called
    assert world.source.stop().called
    world.clock.advance(100)
    assert world.oracle.asked == 1


def test_can_be_watched_again(world: World) -> None:
    world.watch()
    world.source.stop()
    world.watch()
    assert len(world.heard) == 2
    world.source.stop()
