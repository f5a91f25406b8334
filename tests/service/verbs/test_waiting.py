"""Waiting for the end of drains: how it ends (rule 63), and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.service.verbs import membership, taking_out
from lbtwist.service.verbs.rows import DRAIN_COLUMNS, RECEIPT_COLUMNS
from lbtwist.service.verbs.verb import Exit, Progress, Result
from lbtwist.service.verbs.waiting import PROGRESS_INTERVAL, wait
from tests.service.bench import Bench
from tests.service.fakes import FakeConnection

TOML = """
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = "10.0.0.2:80"
"""
"""Numbers: app/ecs01#2, app/ecs02#3."""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


class Waiting:
    """A `wait` that has been called."""

    def __init__(self, bench: Bench, server: str = "app/ecs01", **arguments: Any) -> None:
        self.told: list[Mapping[str, Any]] = []
        progress: Progress = self.told.append
        answer = wait(bench.call(progress), server, **arguments)
        self.got: list[Result] = []
        if isinstance(answer, Deferred):
            self.deferred = answer.addCallback(self.got.append)
        else:
            self.got.append(answer)

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it waits."""
        return self.got[0].exit if self.got else None


def remove(bench: Bench, connections: int = 1, **arguments: Any) -> list[FakeConnection]:
    """Remove app/ecs01 with so many connections."""
    opened = bench.connect("app/ecs01#2", connections)
    taking_out.remove(bench.call(), ["app/ecs01"], **arguments)
    return opened


def test_rule_63_when_all_finished_by_themselves_it_is_done(bench: Bench) -> None:
    one, other = remove(bench, 2)
    waiting = Waiting(bench)
    one.end()
    assert waiting.got == []
    other.end()
    assert waiting.exit is Exit.DONE
    assert waiting.got[0].columns == RECEIPT_COLUMNS
    (row,) = waiting.got[0].data
    assert (row["subject"], row["finished"], row["cut"]) == ("app/ecs01#2", 2, 0)
    assert bench.timers == 0


@pytest.mark.parametrize("by_hand", [False, True])
def test_rule_63_when_some_were_cut_it_says_how_many(bench: Bench, by_hand: bool) -> None:
    one, _, _ = remove(bench, 3)
    waiting = Waiting(bench)
    one.end()
    if by_hand:
        taking_out.cut(bench.call(), "app/ecs01")
    else:
        bench.clock.advance(300)
    assert (waiting.exit, waiting.got[0].data[0]["cut"]) == (Exit.CUT, 2)
    assert bench.timers == 0


def test_rule_63_when_an_operator_cancels_the_drain_it_says_so(bench: Bench) -> None:
    remove(bench)
    waiting = Waiting(bench)
    membership.ready(bench.call(), ["app/ecs01"])
    assert (waiting.exit, waiting.got[0].data[0]["outcome"]) == (Exit.CANCELLED, "cancelled")


def test_rule_67_when_the_process_ends_first_it_says_so(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.drain(bench.call(), ["app/ecs01"])
    waiting = Waiting(bench)
    (running,) = bench.balancer.drains
    running.interrupt()
    assert (waiting.exit, waiting.got[0].data[0]["outcome"]) == (Exit.CANCELLED, "interrupted")


def test_rule_63_when_the_limit_is_reached_the_drain_goes_on(bench: Bench) -> None:
    (connection,) = remove(bench)
    waiting = Waiting(bench, limit=10.0)
    bench.clock.advance(9.9)
    assert waiting.got == []
    bench.clock.advance(0.1)
    assert (waiting.exit, waiting.got[0].columns) == (Exit.LIMIT, DRAIN_COLUMNS)
    (row,) = waiting.got[0].data
    assert (row["subject"], row["connections"], row["seconds_left"]) == ("app/ecs01#2", 1, 290.0)
    assert (connection.live, bench.timers) == (True, 1)


def test_rule_63_with_two_drains_the_limit_tells_the_one_that_goes_on(bench: Bench) -> None:
    (one,), (other,) = bench.connect("app/ecs01#2"), bench.connect("app/ecs02#3")
    answer = taking_out.drain(bench.call(), ["app/ecs01", "app/ecs02"], wait=True, limit=10.0, force=True)
    assert isinstance(answer, Deferred)
    got: list[Result] = []
    answer.addCallback(got.append)
    other.end()
    bench.clock.advance(10)
    assert [row["subject"] for row in got[0].data] == ["app/ecs01#2"]
    one.end()


def test_rule_63_a_limit_that_is_not_reached_leaves_no_timer(bench: Bench) -> None:
    (connection,) = remove(bench)
    waiting = Waiting(bench, limit=10.0)
    connection.end()
    assert (waiting.exit, bench.timers) == (Exit.DONE, 0)


def test_a_limit_on_a_drain_without_a_deadline(bench: Bench) -> None:
    remove(bench, timeout=float("inf"))
    waiting = Waiting(bench, limit=10.0)
    bench.clock.advance(10)
    assert (waiting.exit, waiting.got[0].data[0]["seconds_left"]) == (Exit.LIMIT, "never")
    assert bench.timers == 0


def test_rule_63_losing_the_caller_ends_the_waiting_and_not_the_drain(bench: Bench) -> None:
    (connection,) = remove(bench)
    waiting, other = Waiting(bench), Waiting(bench)
    caught: list[Failure] = []
    waiting.deferred.addErrback(caught.append)
    waiting.deferred.cancel()
    assert caught[0].check(CancelledError)
    assert (connection.live, other.got) == (True, [])
    assert bench.timers == 2  # the drain's, and the other's word of progress
    connection.end()
    assert (other.exit, bench.timers) == (Exit.DONE, 0)


# A drain that has ended.


def test_rule_63_a_drain_that_has_ended_answers_at_once_from_its_receipt(bench: Bench) -> None:
    (connection,) = remove(bench)
    connection.end()
    for server in ("app/ecs01", "app/ecs01#2"):
        waiting = Waiting(bench, server)
        assert (waiting.exit, waiting.got[0].data[0]["subject"]) == (Exit.DONE, "app/ecs01#2")


def test_rule_63_the_receipt_says_how_many_were_cut(bench: Bench) -> None:
    remove(bench, 2, timeout=0.0)
    waiting = Waiting(bench)
    assert (waiting.exit, waiting.got[0].data[0]["cut"]) == (Exit.CUT, 2)


def test_rule_63_of_several_receipts_the_last_answers_or_that_of_the_number(bench: Bench) -> None:
    remove(bench, 1, timeout=0.0)
    membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80")
    taking_out.remove(bench.call(), ["app/ecs01"])
    assert [Waiting(bench, server).exit for server in ("app/ecs01", "app/ecs01#2", "app/ecs01#4")] == [
        Exit.DONE,
        Exit.CUT,
        Exit.DONE,
    ]


def test_rule_63_a_drained_server_answers_from_its_receipt(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.drain(bench.call(), ["app/ecs01"], timeout=0.0)
    assert Waiting(bench).exit is Exit.CUT


def test_the_receipt_of_another_server_does_not_answer(bench: Bench) -> None:
    membership.add(bench.call(), "app", "ecs0", "10.0.0.9:80")
    taking_out.remove(bench.call(), ["app/ecs01"])
    for server in ("app/ecs0#2", "app/ecs", "app/ecs01#9"):
        with pytest.raises(Refused, match="no receipt is left"):
            Waiting(bench, server)


def test_a_server_that_takes_connections_is_not_waited_for(bench: Bench) -> None:
    """Whoever stops a server when `wait` has said 0 must not be told of an earlier drain."""
    bench.connect("app/ecs01#2")
    for _ in range(2):
        with pytest.raises(Refused, match="app/ecs01#2 is not draining"):
            Waiting(bench)
        taking_out.drain(bench.call(), ["app/ecs01"])
        membership.ready(bench.call(), ["app/ecs01"])


def test_without_a_number_the_one_that_is_leaving_is_waited_for(bench: Bench) -> None:
    (old,) = remove(bench)
    membership.add(bench.call(), "app", "ecs01", "10.0.0.9:80")
    (new,) = bench.connect("app/ecs01#4")
    waiting = Waiting(bench)
    old.end()
    assert (waiting.exit, new.live) == (Exit.DONE, True)


# What is told meanwhile.


def test_progress_is_told_at_once_and_every_second(bench: Bench) -> None:
    opened = remove(bench, 5)
    waiting = Waiting(bench)
    assert waiting.told == [{"server": "app/ecs01#2", "left": 5, "seconds": 300.0, "rate": 0.0}]
    opened.pop().end()
    opened.pop().end()
    bench.clock.advance(PROGRESS_INTERVAL)
    bench.clock.advance(PROGRESS_INTERVAL)
    assert waiting.told[1:] == [
        {"server": "app/ecs01#2", "left": 3, "seconds": 299.0, "rate": 2.0},
        {"server": "app/ecs01#2", "left": 3, "seconds": 298.0, "rate": 0.0},
    ]


def test_progress_of_a_drain_without_a_deadline(bench: Bench) -> None:
    remove(bench, timeout=float("inf"))
    assert Waiting(bench).told[0]["seconds"] == "never"


def test_progress_ends_with_each_drain(bench: Bench) -> None:
    (one,), (other,) = bench.connect("app/ecs01#2"), bench.connect("app/ecs02#3")
    told: list[Mapping[str, Any]] = []
    call = bench.call(told.append)
    taking_out.drain(call, ["app/ecs01", "app/ecs02"], wait=True, force=True)
    one.end()
    bench.clock.advance(PROGRESS_INTERVAL)
    assert [word["server"] for word in told] == ["app/ecs01#2", "app/ecs02#3", "app/ecs02#3"]
    other.end()
    bench.clock.advance(PROGRESS_INTERVAL)
    assert len(told) == 3
