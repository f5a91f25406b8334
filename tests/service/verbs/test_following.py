"""The verb that tells what happened lately, and goes on telling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused, UsageError
from lbtwist.service.verbs import following
from lbtwist.service.verbs.verb import Exit, Result
from tests.service.bench import WALL, Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench("[server_groups.app]\n")
    made.balancer.events.add("login", "", "logged in", "ada")
    return made


def follow(bench: Bench, told: list[Mapping[str, Any]]) -> Deferred[Result]:
    answer = following.events(bench.call(progress=told.append), follow=True)
    assert isinstance(answer, Deferred)
    return answer


def rows(answer: object) -> list[dict[str, Any]]:
    assert isinstance(answer, Result)
    return list(answer.data)


def test_an_event_is_a_row_with_its_time(bench: Bench) -> None:
    assert rows(following.events(bench.call())) == [
        {
            "time": "2023-11-14T22:13:20.000Z",
            "kind": "login",
            "subject": "",
            "event": "logged in",
            "who": "ada",
        }
    ]


def test_since_tells_those_of_so_much_time_up_to_now(bench: Bench) -> None:
    bench.clock.advance(10)
    bench.balancer.events.add("login", "", "again", "ada")
    told = {
        since: [row["event"] for row in rows(following.events(bench.call(), since))] for since in (9.0, 10.0)
    }
    assert told == {9.0: ["again"], 10.0: ["logged in", "again"]}
    assert bench.balancer.wall() == WALL + 10


def test_follow_tells_each_new_one_and_ends_well_when_it_is_cancelled(bench: Bench) -> None:
    told: list[Mapping[str, Any]] = []
    ended: list[Result] = []
    answer = follow(bench, told).addCallback(ended.append)
    bench.balancer.events.add("reload", "", "one")
    answer.cancel()
    bench.balancer.events.add("reload", "", "two")
    assert [row["event"] for row in told] == ["one"]
    assert [(result.data, result.exit) for result in ended] == [(None, Exit.DONE)]


def test_who_does_not_read_is_dropped_and_nobody_else(bench: Bench) -> None:
    asked: list[Mapping[str, Any]] = []

    def clogged(row: Mapping[str, Any]) -> None:
        asked.append(row)
        raise Refused("nobody reads")

    caught: list[Failure] = []
    dropped = following.events(bench.call(progress=clogged), follow=True)
    assert isinstance(dropped, Deferred)
    dropped.addErrback(caught.append)
    told: list[Mapping[str, Any]] = []
    other = follow(bench, told)
    bench.balancer.events.add("reload", "", "one")
    bench.balancer.events.add("reload", "", "two")
    assert (len(asked), caught[0].getErrorMessage(), len(told)) == (1, "nobody reads", 2)
    other.cancel()


def test_it_needs_somewhere_to_tell_and_one_wish(bench: Bench) -> None:
    with pytest.raises(Refused, match="ssh HOST events --follow"):
        following.events(bench.call(), follow=True)
    with pytest.raises(UsageError, match="not both"):
        following.events(bench.call(progress=print), since=1.0, follow=True)
