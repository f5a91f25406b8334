"""Until servers take new connections: `ready --wait`, `wait --for healthy`, `add --wait`, `replace`."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.model.registration import Registration
from lbtwist.service.verbs import membership, taking_out
from lbtwist.service.verbs.verb import Exit, Result
from lbtwist.service.verbs.waiting import wait
from tests.service.bench import Bench, address, config, pass_time
from tests.service.world import FAILS, PASSES

TOML = """
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app.health_check]
interval = 5
healthy_threshold = 2
unhealthy_threshold = 1
[server_groups.app.servers]
one = "10.0.0.1:80"
two = "10.0.0.2:80"
"""
"""Numbers: app/one#2, app/two#3."""


@pytest.fixture
def bench() -> Bench:
    bench = Bench(TOML)
    pass_time(bench.clock, 3.0)
    return bench


class Promise:
    """What a verb that waits has answered so far."""

    def __init__(self, answer: Result | Deferred[Result]) -> None:
        assert isinstance(answer, Deferred)
        self.deferred = answer
        self.got: list[Result] = []
        self.caught: list[Failure] = []
        answer.addCallbacks(self.got.append, self.caught.append)

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it waits."""
        return self.got[0].exit if self.got else None

    @property
    def waits(self) -> bool:
        return not self.got and not self.caught


def healthy(bench: Bench, server: str = "app/one", **arguments: Any) -> Promise:
    return Promise(wait(bench.call(), server, **arguments | {"for": "healthy"}))


def one(bench: Bench) -> Registration:
    found = bench.balancer.group("app").members.current("one")
    assert found is not None
    return found


# ready --wait


def test_ready_waits_for_a_check_that_began_after_it(bench: Bench) -> None:
    """What is under way may have asked a server that was not yet up."""
    servers = bench.world.servers
    taking_out.drain(bench.call(), ["app/one"])
    servers.held.add(address(1))
    pass_time(bench.clock, 5.0)
    promise = Promise(membership.ready(bench.call(), ["app/one"], wait=True))
    servers.answer(address(1), PASSES)
    assert promise.waits
    servers.answer(address(1), PASSES)
    assert (promise.exit, promise.got[0].data[0]["state"]) == (Exit.DONE, "healthy")


def test_ready_waits_until_it_passes(bench: Bench) -> None:
    taking_out.maint(bench.call(), ["app/one"])
    bench.world.servers.answers[address(1)] = FAILS
    promise = Promise(membership.ready(bench.call(), ["app/one"], wait=True))
    asked = len(bench.world.servers.asked)
    pass_time(bench.clock, 20.0)
    assert promise.waits
    assert len(bench.world.servers.asked) - asked == 8, "each of the two every 5 s, and no more"
    bench.world.servers.answers[address(1)] = PASSES
    pass_time(bench.clock, 5.0)
    assert promise.waits, "one more is needed"
    pass_time(bench.clock, 5.0)
    assert promise.exit is Exit.DONE


def test_ready_without_checks_is_done_at_once() -> None:
    bench = Bench('[server_groups.app.servers]\none = "10.0.0.1:80"\n')
    taking_out.drain(bench.call(), ["app/one"], force=True)
    assert Promise(membership.ready(bench.call(), ["app/one"], wait=True)).exit is Exit.DONE


def test_ready_ends_at_the_limit_and_it_is_ready_all_the_same(bench: Bench) -> None:
    taking_out.maint(bench.call(), ["app/one"])
    bench.world.servers.answers[address(1)] = FAILS
    promise = Promise(membership.ready(bench.call(), ["app/one"], wait=True, limit=7.0))
    pass_time(bench.clock, 7.0)
    assert (promise.exit, one(bench).admin.value) == (Exit.LIMIT, "ready")


def test_ready_waits_for_a_check_by_the_settings_in_force(bench: Bench) -> None:
    """A check that other settings have ended says nothing."""
    taking_out.drain(bench.call(), ["app/one"])
    bench.world.servers.held.add(address(1))
    promise = Promise(membership.ready(bench.call(), ["app/one"], wait=True))
    other = config(TOML.replace("interval = 5", "interval = 5\nport = 81")).server_groups["app"]
    bench.balancer.group("app").reconfigure(other)
    assert promise.waits
    bench.clock.advance(0)
    bench.world.servers.answer(address(1), PASSES)
    assert promise.exit is Exit.DONE


def test_ready_of_several_waits_for_all(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["app/one", "app/two"], force=True)
    bench.world.servers.held.add(address(2))
    promise = Promise(membership.ready(bench.call(), ["app/one", "app/two"], wait=True))
    assert promise.waits
    bench.world.servers.answer(address(2), PASSES)
    assert (promise.exit, len(promise.got[0].data)) == (Exit.DONE, 2)


def test_one_that_is_removed_meanwhile_is_not_waited_for(bench: Bench) -> None:
    taking_out.maint(bench.call(), ["app/one"])
    bench.world.servers.answers[address(1)] = FAILS
    promise = Promise(membership.ready(bench.call(), ["app/one"], wait=True))
    taking_out.remove(bench.call(), ["app/one"])
    assert promise.caught[0].check(Refused)
    assert "app/one#2 was removed" in promise.caught[0].getErrorMessage()


def test_losing_the_caller_ends_the_waiting_and_leaves_nothing(bench: Bench) -> None:
    bench.world.servers.answers[address(1)] = FAILS
    pass_time(bench.clock, 10.0)
    before = bench.timers
    promise = healthy(bench, limit=100.0)
    promise.deferred.cancel()
    assert promise.caught[0].check(CancelledError)
    assert bench.timers == before
    bench.world.servers.answers[address(1)] = PASSES
    pass_time(bench.clock, 20.0)
    assert one(bench).takes_new


# wait --for healthy


def test_one_that_takes_connections_is_not_waited_for(bench: Bench) -> None:
    assert healthy(bench).exit is Exit.DONE


def test_it_is_waited_for_until_it_takes_connections(bench: Bench) -> None:
    bench.world.servers.answers[address(1)] = FAILS
    pass_time(bench.clock, 5.0)
    promise = healthy(bench)
    bench.world.servers.answers[address(1)] = PASSES
    pass_time(bench.clock, 5.0)
    assert promise.waits
    pass_time(bench.clock, 5.0)
    assert promise.exit is Exit.DONE


def test_by_fail_open_it_is_not_healthy(bench: Bench) -> None:
    bench.world.servers.answers = {address(1): FAILS, address(2): FAILS}
    pass_time(bench.clock, 5.0)
    bench.world.servers.answers = {address(2): FAILS}
    promise = healthy(bench)
    pass_time(bench.clock, 5.0)
    assert bench.balancer.group("app").opened(one(bench))
    assert promise.waits
    pass_time(bench.clock, 5.0)
    assert promise.exit is Exit.DONE


def test_a_limit_ends_the_waiting(bench: Bench) -> None:
    taking_out.maint(bench.call(), ["app/one"])
    before = bench.timers
    promise = healthy(bench, limit=9.0)
    pass_time(bench.clock, 9.0)
    assert (promise.exit, promise.got[0].data[0]["state"]) == (Exit.LIMIT, "maintenance")
    assert bench.timers == before


def test_one_that_leaves_never_will_be(bench: Bench) -> None:
    bench.connect("app/one#2")
    taking_out.remove(bench.call(), ["app/one"])
    promise = healthy(bench)
    assert promise.caught[0].check(Refused)


def test_for_empty_is_what_it_waits_for_by_itself(bench: Bench) -> None:
    (connection,) = bench.connect("app/one#2")
    taking_out.drain(bench.call(), ["app/one"])
    empty: dict[str, Any] = {"for": "empty"}
    promise = Promise(wait(bench.call(), "app/one", **empty))
    connection.end()
    assert promise.exit is Exit.DONE


# add --wait and replace


def test_add_waits_for_its_first_check(bench: Bench) -> None:
    bench.world.servers.held.add(address(9))
    promise = Promise(membership.add(bench.call(), "app", "new", "10.0.0.9:80", wait=True))
    bench.clock.advance(0)
    assert promise.waits
    bench.world.servers.answer(address(9), PASSES)
    assert (promise.exit, bench.rotation()[-1]) == (Exit.DONE, "app/new#4")


def test_replace_removes_the_old_one_only_when_the_new_one_is_healthy(bench: Bench) -> None:
    (old,) = bench.connect("app/one#2")
    bench.world.servers.held.add(address(9))
    promise = Promise(membership.replace(bench.call(), "app/one", "new", "10.0.0.9:80"))
    bench.clock.advance(0)
    assert (bench.rotation(), promise.waits) == (["app/one#2", "app/two#3"], True)
    bench.world.servers.answer(address(9), PASSES)
    assert (bench.rotation(), old.live, promise.exit) == (["app/two#3", "app/new#4"], True, Exit.DONE)


def test_replace_keeps_the_old_one_when_the_new_one_never_passes(bench: Bench) -> None:
    bench.world.servers.answers[address(9)] = FAILS
    promise = Promise(membership.replace(bench.call(), "app/one", "new", "10.0.0.9:80", limit=30.0))
    pass_time(bench.clock, 30.0)
    assert promise.exit is Exit.LIMIT
    assert bench.rotation() == ["app/one#2", "app/two#3"]


def test_replace_gives_the_new_one_the_weight_of_the_old(bench: Bench) -> None:
    membership.weigh(bench.call(), "app/one", 7)
    membership.replace(bench.call(), "app/one", "new", "10.0.0.9:80")
    bench.clock.advance(0)
    assert [(m.label, m.weight) for m in bench.plane.rotations["app"].members] == [
        ("app/two#3", 100),
        ("app/new#4", 7),
    ]
