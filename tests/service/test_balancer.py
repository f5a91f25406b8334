"""The whole load balancer: its parts and names, and the order in which it leaves."""

from __future__ import annotations

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from lbtwist.errors import BindError, Refused
from lbtwist.interfaces import IDataPlaneObserver
from lbtwist.model.drain import Cause
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.members import Wanted
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Scope
from lbtwist.model.reference import parse_reference
from lbtwist.model.registration import Origin
from tests.service.bench import ADA, Bench, address

TOML = """
[load_balancer]
name = "edge"
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = "10.0.0.2:80"
[server_groups.api.servers]
ecs01 = "10.0.1.1:80"
"""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def find(bench: Bench, text: str, *, leaving: bool = False) -> str:
    return bench.balancer.find(parse_reference(text), leaving=leaving)[1].label


def remove(bench: Bench, label: str) -> None:
    group, registration = bench.balancer.find(parse_reference(label))
    group.remove([registration], ADA, Origin.VERB)


def test_it_hears_of_its_data_plane(bench: Bench) -> None:
    assert verifyObject(IDataPlaneObserver, bench.balancer)
    assert bench.plane.observer is bench.balancer
    bench.balancer.connect_failed(2, "connection refused")


def test_nothing_is_accepted_and_nobody_in_rotation_before_it_is_started() -> None:
    bench = Bench(TOML, start=False)
    assert (bench.plane.told, bench.plane.rotations) == ([], {})
    assert list(bench.balancer.listeners) == ["web"]


def test_it_is_bound_with_the_privileges_and_accepts_when_the_rotations_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that comes first must find its servers."""
    fresh = Bench(TOML, start=False)
    fresh.balancer.privilegedStartService()
    assert [told for told, _ in fresh.plane.told] == ["bind"]
    seen: list[list[str]] = []
    serve = fresh.plane.serve

    def see(policy: ListenerPolicy) -> Deferred[None]:
        seen.append(fresh.rotation())
        return serve(policy)

    monkeypatch.setattr(fresh.plane, "serve", see)
    fresh.balancer.startService()
    assert seen == [["app/ecs01#2", "app/ecs02#3"]]


def test_an_endpoint_that_is_taken_ends_the_start() -> None:
    bench = Bench(TOML, start=False)
    bench.plane.taken = [parse_endpoint("127.0.0.1:8080")]
    with pytest.raises(BindError):
        bench.balancer.privilegedStartService()


def test_numbers_are_unique_in_the_load_balancer(bench: Bench) -> None:
    numbers = [r.number for r in bench.balancer.registrations()]
    numbers += [listener.number for listener in bench.balancer.listeners.values()]
    assert len(set(numbers)) == 4


def test_it_is_listening_when_every_listener_accepts() -> None:
    bench = Bench(TOML, start=False)
    bench.plane.slow = True
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    listening = bench.balancer.listening()
    assert not listening.called
    bench.plane.catch_up()
    assert listening.called


# Finding servers by what people call them.


def test_a_server_without_a_number_is_the_current_one_or_the_one_that_is_leaving(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    assert find(bench, "app/ecs01") == find(bench, "app/ecs01", leaving=True) == "app/ecs01#2"
    remove(bench, "app/ecs01")
    assert find(bench, "app/ecs01") == find(bench, "app/ecs01", leaving=True) == "app/ecs01#2"
    (added,) = bench.balancer.group("app").add({address(1): Wanted("ecs01")}, ADA)
    assert find(bench, "app/ecs01") == added.label
    assert find(bench, "app/ecs01", leaving=True) == "app/ecs01#2"


def test_a_number_means_that_registration_under_its_own_name(bench: Bench) -> None:
    assert find(bench, "app/ecs02#3") == "app/ecs02#3"
    with pytest.raises(Refused, match="there is no server app/ecs01#3; did you mean ecs01"):
        find(bench, "app/ecs01#3")
    with pytest.raises(Refused, match="there is no server api/ecs01#3"):
        find(bench, "api/ecs01#3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("app/ecs10", "there is no server app/ecs10; did you mean ecs0"),
        ("app/zzz", "there is no server app/zzz$"),
        ("ap/ecs01", "there is no server group ap; did you mean ap[pi]"),
        ("zzz/ecs01", "there is no server group zzz$"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(bench: Bench, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        find(bench, text)


def test_registrations_are_those_of_all_groups_and_those_that_leave(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    remove(bench, "app/ecs01")
    assert [r.label for r in bench.balancer.registrations()] == ["app/ecs01#2", "app/ecs02#3", "api/ecs01#4"]


def test_without_a_file_there_is_nothing_to_read_again(bench: Bench) -> None:
    reloading = bench.balancer.reload()
    caught: list[str] = []
    reloading.addErrback(lambda failure: caught.append(failure.getErrorMessage()))
    assert caught == ["it runs without a file: there is nothing to read again"]


# Rule 72: listeners that go away.


def test_rule_72_a_listener_is_drained_for_its_groups_timeout() -> None:
    bench = Bench(TOML + "[server_groups.app.connection_draining]\ntimeout = 7\n")
    (connection,) = bench.connect("app/ecs01#2")
    web = bench.balancer.listeners["web"]
    assert bench.balancer.retire(web, ADA).called
    (running,) = bench.balancer.drains
    assert (running.left(), running.drain.subject, bench.balancer.listeners) == (7.0, "listener web", {})
    assert web.parent is None
    bench.clock.advance(7)
    assert (connection.live, bench.balancer.group("app").members.registered) == (False, 2)


def test_a_group_that_is_gone_is_no_part_of_it_any_more(bench: Bench) -> None:
    group = bench.balancer.group("api")
    bench.balancer.retire_group(group, ADA)
    assert (list(bench.balancer.groups), group.parent, group.running) == (["app"], None, 0)


# Rule 70: leaving.


def leave(bench: Bench) -> Deferred[None]:
    return bench.balancer.stopService()


def test_rule_70_it_stops_accepting_and_leaves_at_once_when_it_is_empty(bench: Bench) -> None:
    stopped = leave(bench)
    assert (stopped.called, bench.plane.bound, bench.plane.closed) == (True, {}, True)
    (receipt,) = bench.balancer.drains.receipts
    assert (receipt.subject, receipt.cause, receipt.outcome) == (
        "load balancer edge",
        "shutdown",
        "completed",
    )
    assert bench.clock.getDelayedCalls() == []


def test_rule_70_connections_may_finish_and_it_leaves_with_the_last(bench: Bench) -> None:
    one, other = bench.connect("app/ecs01#2", 2)
    stopped = leave(bench)
    assert (bench.balancer.leaving, bench.plane.bound, one.live) == (True, {}, True)
    one.end()
    bench.clock.advance(59)
    assert (other.live, stopped.called) == (True, False)
    other.end()
    assert stopped.called
    assert bench.balancer.drains.receipts[-1].finished == 2


def test_rule_70_what_is_left_at_the_shutdown_timeout_is_cut(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    stopped = leave(bench)
    bench.clock.advance(60)
    assert (connection.live, stopped.called) == (False, True)
    assert bench.balancer.drains.receipts[-1].outcome == "cut"


def test_rule_70_the_shutdown_timeout_is_the_files() -> None:
    bench = Bench(TOML.replace("[listeners.web]", "shutdown_timeout = 5\n[listeners.web]"))
    (connection,) = bench.connect("app/ecs01#2")
    leave(bench)
    bench.clock.advance(5)
    assert not connection.live


def test_rule_70_connections_are_drained_when_the_listeners_are_closed(bench: Bench) -> None:
    bench.plane.slow = True
    stopped = leave(bench)
    (late,) = bench.connect("app/ecs01#2")  # it was in the backlog
    assert list(bench.balancer.drains) == []
    bench.plane.catch_up()
    (running,) = bench.balancer.drains
    assert (running.drain.scope, running.drain.before.live) == (EVERYTHING, 1)
    bench.plane.slow = False
    late.end()
    assert stopped.called


@pytest.mark.parametrize("before_the_listeners_are_closed", [False, True])
def test_rule_70_the_second_time_it_cuts_at_once(bench: Bench, before_the_listeners_are_closed: bool) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    bench.plane.slow = before_the_listeners_are_closed
    stopped = leave(bench)
    bench.clock.advance(1)
    bench.balancer.hurry()
    bench.plane.slow = False
    bench.plane.catch_up()
    assert (connection.live, stopped.called) == (False, True)


def test_rule_70_hurrying_when_it_has_left_is_no_error(bench: Bench) -> None:
    leave(bench)
    bench.balancer.hurry()
    assert len(bench.balancer.drains.receipts) == 1


def test_rule_70_hurrying_while_it_cuts_is_no_error(bench: Bench) -> None:
    bench.plane.linger = True
    (connection,) = bench.connect("app/ecs01#2")
    stopped = leave(bench)
    bench.balancer.hurry()
    bench.balancer.hurry()
    assert not stopped.called
    connection.end()
    assert stopped.called


def lame_duck(seconds: float) -> Bench:
    """One that accepts for so long after it was told to leave."""
    return Bench(TOML.replace("[listeners.web]", f"lame_duck = {seconds}\n[listeners.web]"))


def test_rule_70_it_says_that_it_leaves_before_it_stops_accepting() -> None:
    bench = lame_duck(5)
    stopped = leave(bench)
    assert bench.balancer.leaving
    bench.clock.advance(4.9)
    (late,) = bench.connect("app/ecs01#2")
    assert (len(bench.plane.bound), list(bench.balancer.drains), stopped.called) == (1, [], False)
    bench.clock.advance(0.1)
    assert (bench.plane.bound, late.live, len(list(bench.balancer.drains))) == ({}, True, 1)
    bench.clock.advance(59)
    assert late.live  # the shutdown_timeout begins when the lame duck is over
    late.end()
    assert (stopped.called, bench.clock.getDelayedCalls()) == (True, [])


def test_rule_70_the_second_time_it_cuts_at_once_in_the_lame_duck_too() -> None:
    bench = lame_duck(5)
    (connection,) = bench.connect("app/ecs01#2")
    stopped = leave(bench)
    bench.clock.advance(1)
    bench.balancer.hurry()
    assert (connection.live, stopped.called, bench.clock.getDelayedCalls()) == (False, True, [])


def test_rule_70_one_that_was_hurried_before_it_leaves_has_no_lame_duck() -> None:
    bench = lame_duck(5)
    bench.balancer.hurry()
    assert leave(bench).called


def test_rule_70_a_shutdown_in_the_lame_duck_ends_it_with_another_deadline() -> None:
    bench = lame_duck(5)
    (connection,) = bench.connect("app/ecs01#2")
    leave(bench)
    bench.clock.advance(1)
    bench.balancer.shut_down(2, ADA)
    assert bench.plane.bound == {}
    bench.clock.advance(1.9)
    assert connection.live
    bench.clock.advance(0.1)
    assert not connection.live


def test_rule_70_drains_that_run_have_their_own_receipts(bench: Bench) -> None:
    """A server's deadline comes as it would have; the rest ends with its last connection."""
    one, other = *bench.connect("app/ecs01#2"), *bench.connect("app/ecs02#3")
    group, first = bench.balancer.find(parse_reference("app/ecs01"))
    group.remove([first], ADA, Origin.VERB, 10.0)
    stopped = leave(bench)
    bench.clock.advance(10)
    assert (one.live, other.live, stopped.called) == (False, True, False)
    other.end()
    assert [(r.subject, r.outcome) for r in bench.balancer.drains.receipts] == [
        ("app/ecs01#2", "cut"),
        ("load balancer edge", "cut"),
    ]
    assert stopped.called
    assert bench.clock.getDelayedCalls() == []


def test_rule_70_with_the_last_connection_its_servers_drain_is_complete(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    remove(bench, "app/ecs01")
    leave(bench)
    connection.end()
    assert [(r.subject, r.outcome) for r in bench.balancer.drains.receipts] == [
        ("app/ecs01#2", "completed"),
        ("load balancer edge", "completed"),
    ]


def test_children_are_stopped_when_everything_has_ended(bench: Bench) -> None:
    """The console shows the drain to its end."""
    (connection,) = bench.connect("app/ecs01#2")
    rooms = list(bench.balancer.services)
    leave(bench)
    assert {room.running for room in rooms} == {1}
    connection.end()
    assert {room.running for room in rooms} == {0}


def test_it_has_left_when_its_children_have_stopped(bench: Bench) -> None:
    """A console says goodbye to its sessions."""
    stopping: Deferred[None] = Deferred()

    class Slow(Service):
        def stopService(self) -> Deferred[None]:
            return stopping

    Slow().setServiceParent(bench.balancer)
    stopped = leave(bench)
    assert (stopped.called, bench.plane.closed) == (False, False)
    stopping.callback(None)
    assert (stopped.called, bench.plane.closed) == (True, True)


def test_rule_67_a_drain_that_still_runs_at_the_end_is_interrupted(bench: Bench) -> None:
    """One of connections that are not counted here, as those of another process."""
    bench.balancer.drains.open("elsewhere", Scope.registration(99), Cause.REMOVAL, ADA, 300.0)
    assert leave(bench).called
    receipts = {receipt.subject: receipt.outcome for receipt in bench.balancer.drains.receipts}
    assert receipts == {"load balancer edge": "completed", "elsewhere": "interrupted"}
