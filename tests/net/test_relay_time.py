"""What a relay holds and when it ends, exactly: in memory, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.plane import EVERYTHING, Scope
from tests.net.bench import CHUNK, GROUP, WEB, Bench, closed, member
from tests.net.fakes import CAPACITY

IDLE = 10.0


def relaying(**policy: Any) -> Bench:
    """Two servers and a listener with an idle timeout of ten seconds."""
    bench = Bench()
    bench.servers(1, 2, scheduler="rr")
    bench.listen(**{"idle_timeout": IDLE, **policy})
    return bench


def sides(bench: Bench, sender: str) -> tuple[Any, Any]:
    """The ends of a new connection that has passed one byte: the one that sends, and the other."""
    client, server = bench.connected()
    client.transport.write(b"?")
    bench.settle()
    return (client, server) if sender == "client" else (server, client)


either = pytest.mark.parametrize("sender", ["client", "server"])


@either
def test_what_is_held_is_at_most_one_read(sender: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(100 * CHUNK))
    bench.settle()
    taken = bench.tally().moved - 1
    assert CAPACITY < taken <= CAPACITY + CHUNK
    first.transport.write(bytes(CHUNK))
    bench.settle()
    assert bench.tally().moved - 1 == taken
    second.transport.resumeProducing()
    bench.settle()
    assert bench.tally().moved - 1 == 101 * CHUNK


def test_before_there_is_a_server_nothing_is_read() -> None:
    bench = relaying()
    bench.serve(1, after=3.0)
    client = bench.client()
    client.transport.write(bytes(10 * CHUNK))
    bench.settle()
    assert bench.tally().received == 0
    bench.clock.advance(3)
    assert bench.tally().received == 10 * CHUNK


@pytest.mark.parametrize("ended", ["", "first", "second"])
@either
def test_rule_5_fin_for_one_and_a_reset_for_the_other(sender: str, ended: str) -> None:
    """Whichever has shut its sending down."""
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))  # and ten bytes of it are held
    if ended:
        (first if ended == "first" else second).transport.loseWriteConnection()
    bench.settle()
    assert bench.tally().moved - 1 == CAPACITY + 10
    assert bench.plane.cut(Scope.registration(1)) == 1
    bench.settle()
    assert bench.tally().live == 0
    assert closed(first) == "fin"
    second.transport.resumeProducing()
    bench.settle()
    assert closed(second) == "reset"
    assert second.count < CAPACITY + 10
    assert bench.timers == 0


def test_rule_5_both_hold_something_and_both_see_a_reset() -> None:
    bench = relaying()
    client, server = sides(bench, "client")
    for end in (client, server):
        end.transport.pauseProducing()
        end.transport.write(bytes(CAPACITY + 10))
    bench.settle()
    bench.plane.cut(EVERYTHING)
    bench.settle()
    for end in (client, server):
        end.transport.resumeProducing()
    bench.settle()
    assert (closed(client), closed(server)) == ("reset", "reset")


@pytest.mark.parametrize("state", ["connecting", "queued"])
def test_rule_5_a_client_without_a_server_sees_fin(state: str) -> None:
    bench = relaying()
    bench.rotate(member(1, max_connections=1), max_queue=5)
    if state == "queued":
        bench.connected()
    bench.serve(1, after=3.0)
    client = bench.client()
    client.transport.write(b"hello")
    bench.settle()
    (view,) = [view for view in bench.plane.connections(EVERYTHING) if not view.server]
    assert view.activity == state
    assert bench.plane.cut_connection(view.id)
    group = bench.plane._groups[GROUP]
    assert not group.under_way
    assert not group.waiting
    bench.settle()
    assert closed(client) == "fin"
    assert [view.server for view in bench.plane.connections(EVERYTHING)] == ["app/s1#1"] * (state == "queued")
    assert bench.tally().cut == 1
    bench.clock.advance(60)
    assert client.count == 0
    assert bench.timers == 0


@either
def test_a_reset_waits_for_what_is_held_and_comes_then(sender: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    bench.settle()
    first.transport.abortConnection()
    bench.settle()
    assert bench.view().activity == "closing"
    moved = bench.tally().moved
    second.transport.write(b"to nobody")
    bench.settle()
    assert bench.tally().moved == moved
    second.transport.resumeProducing()
    bench.settle()
    assert second.count == CAPACITY + 10 + (sender == "client")
    assert closed(second) == "reset"
    assert bench.tally().live == 0
    assert bench.timers == 0


@either
def test_a_reset_after_an_end_waits_for_what_is_held_and_comes_then(sender: str) -> None:
    """The end itself was held too."""
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    first.transport.loseWriteConnection()
    bench.settle()
    first.transport.abortConnection()
    bench.settle()
    second.transport.resumeProducing()
    bench.settle()
    assert second.count == CAPACITY + 10 + (sender == "client")
    assert closed(second) == "reset"
    assert bench.tally().live == 0
    assert bench.timers == 0


@either
def test_both_have_ended_and_what_is_held_arrives(sender: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    first.transport.loseWriteConnection()
    second.transport.loseWriteConnection()
    bench.settle()
    assert bench.tally().live == 1
    second.transport.resumeProducing()
    bench.settle()
    assert second.count == CAPACITY + 10 + (sender == "client")
    assert (closed(first), closed(second)) == ("fin", "fin")
    assert bench.tally().live == 0
    assert bench.timers == 0


def test_rule_14_what_is_idle_for_long_enough_is_closed() -> None:
    bench = relaying()
    client, server = bench.connected()
    bench.clock.advance(IDLE - 0.1)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert (closed(client), closed(server)) == ("fin", "fin")
    tally = bench.tally()
    assert (tally.live, tally.cut, tally.failed) == (0, 0, 0)
    assert bench.timers == 0


@pytest.mark.parametrize("ended", [False, True])
@either
def test_rule_14_every_byte_either_way_is_life(sender: str, ended: bool) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    if ended:
        second.transport.loseWriteConnection()
        bench.settle()
    for _ in range(5):
        bench.pass_time(IDLE - 1)
        first.transport.write(b".")
        bench.settle()
        assert bench.view().idle == 0
    bench.pass_time(IDLE - 0.1)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert bench.tally().live == 0


def test_rule_14_while_its_server_is_drained() -> None:
    """Rule 14: an idle timeout shorter than the time left still closes it."""
    bench = relaying()
    bench.connected()
    bench.rotate()
    bench.pass_time(IDLE - 0.1)
    assert bench.tally(1).live == 1
    bench.pass_time(0.3)
    tally = bench.tally(1)
    assert (tally.live, tally.cut) == (0, 0)


@pytest.mark.parametrize("after", ["nothing", "end", "both ends", "reset"])
@either
def test_rule_14_while_a_slow_peer_does_not_take_what_is_held(sender: str, after: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    bench.settle()
    if after in ("end", "both ends"):
        first.transport.loseWriteConnection()
    if after == "both ends":
        second.transport.loseWriteConnection()
    if after == "reset":
        first.transport.abortConnection()
    bench.settle()
    bench.pass_time(IDLE - 0.1)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert bench.tally().live == 0
    second.transport.resumeProducing()
    bench.settle()
    assert closed(second) == "reset"
    assert closed(first) == ("reset" if after == "reset" else "fin")
    assert bench.timers == 0


@either
def test_rule_14_a_slow_peer_that_takes_what_is_held_is_alive(sender: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    bench.pass_time(IDLE - 1)
    second.transport.resumeProducing()
    bench.settle()
    bench.pass_time(IDLE - 1)
    assert bench.tally().live == 1
    bench.pass_time(1.3)
    assert bench.tally().live == 0


@either
def test_rule_14_an_end_is_a_sign_of_life_while_the_other_direction_is_held(sender: str) -> None:
    bench = relaying()
    first, second = sides(bench, sender)
    second.transport.pauseProducing()
    first.transport.write(bytes(CAPACITY + 10))
    bench.pass_time(1)
    second.transport.loseWriteConnection()
    bench.settle()
    bench.pass_time(IDLE - 0.1)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert bench.tally().live == 0


def test_an_idle_timeout_begins_when_there_is_a_server() -> None:
    bench = relaying(connect_timeout=60.0)
    bench.serve(1, after=IDLE + 5)
    bench.client()
    bench.pass_time(IDLE + 5 + IDLE - 0.2)
    assert bench.tally(1).live == 1
    bench.pass_time(0.5)
    assert bench.tally(1).live == 0


def test_the_connect_timeout_is_the_listeners() -> None:
    bench = relaying(connect_timeout=2.0)
    bench.serve(1, after=60.0)
    bench.client()
    bench.pass_time(1.9)
    assert bench.tally(2).live == 0
    bench.pass_time(0.2)
    assert bench.observer.heard == [(1, "timed out")]
    assert bench.tally(2).live == 1


def test_what_a_client_sends_while_the_next_server_is_sought_is_not_lost() -> None:
    bench = relaying()
    client, failing = bench.connected()
    bench.serve(2, after=1.0)
    failing.transport.loseConnection()
    bench.settle()
    client.transport.write(b"hello")
    bench.settle()
    assert bench.tally().received == 0
    bench.clock.advance(1)
    assert bench.accepted[2][0].received == b"hello"


def test_no_idle_timeout_runs_while_the_next_server_is_sought() -> None:
    bench = relaying(connect_timeout=60.0)
    _, failing = bench.connected()
    bench.serve(2, after=IDLE + 3)
    bench.pass_time(IDLE - 1)
    failing.transport.loseConnection()
    bench.pass_time(IDLE + 3.1)
    assert bench.view().server == "app/s2#2"


def lingering(end: Any) -> Any:
    """The relay's transport of `end`, which does not finish an orderly close."""
    transport = end.transport.far
    transport.loseConnection = lambda: None
    return transport


@either
def test_a_close_takes_no_longer_than_a_tenth_of_a_second_though_it_is_asked_for_again(sender: str) -> None:
    """80: within 100 ms, to which the sweep adds as much."""
    bench = relaying()
    first, second = sides(bench, sender)
    lingering(first)
    bench.plane.cut(EVERYTHING)
    id = bench.view().id
    for _ in range(3):
        bench.clock.advance(0.05)
        assert bench.plane.cut(EVERYTHING) == 0
        assert bench.plane.cut_connection(id)
    bench.clock.advance(0.05)
    assert (bench.tally().live, bench.tally().cut) == (0, 1)
    assert (closed(first), closed(second)) == ("reset", "fin")
    assert bench.timers == 0


def test_a_server_that_is_closed_by_a_cut_has_not_failed() -> None:
    bench = relaying()
    client, _ = bench.connected()
    lingering(client)
    bench.plane.cut(EVERYTHING)
    bench.settle()
    assert bench.observer.heard == []
    assert len(bench.dialer.dialled) == 1
    bench.pass_time(0.3)
    assert bench.tally().live == 0


def test_failing_over_is_bounded_and_each_server_is_tried_once() -> None:
    bench = relaying()
    for number in (1, 2, 3, 4):
        bench.serve(number)
    bench.rotate(*map(member, (1, 2, 3, 4)), scheduler="rr", retries=2)
    client = bench.client()
    for number in (1, 2, 3):
        bench.settle()
        (end,) = bench.accepted[number]
        end.transport.abortConnection()
    bench.settle()
    assert closed(client) == "fin"
    assert bench.accepted[4] == []
    assert [number for number, _ in bench.observer.heard] == [1, 2, 3]
    assert bench.tally().failed == 1
    assert bench.timers == 0


def test_rule_9_after_a_server_failed_the_next_that_leaves_costs_no_retry() -> None:
    bench = relaying()
    bench.rotate(member(1), member(2), member(3), scheduler="rr", retries=1)
    bench.serve(2, after=1.0)
    bench.serve(3)
    client = bench.client()
    bench.settle()
    bench.accepted[1][0].transport.loseConnection()
    bench.settle()
    bench.rotate(member(3), scheduler="rr", retries=1)
    bench.settle()
    assert [len(bench.accepted[number]) for number in (1, 2, 3)] == [1, 0, 1]
    client.transport.write(b"hello")
    bench.settle()
    assert bench.accepted[3][0].received == b"hello"


def test_a_failure_of_one_that_is_gone_with_it_leaves_no_counters() -> None:
    """Its last connection ends, its drain is over, and it is forgotten: all before the next is tried."""
    bench = relaying()
    _, server = bench.connected()
    bench.rotate(member(2))
    gone = bench.plane.when_empty(Scope.registration(1))
    gone.addCallback(lambda _: bench.plane.forget(Scope.registration(1)))
    server.transport.abortConnection()
    bench.settle()
    assert bench.tally(2).live == 1
    assert bench.plane._registrations.keys() == {2}
    assert bench.tally(1) == bench.plane.tally(Scope.registration(99))


def test_who_hears_that_a_server_is_empty_may_cut_all() -> None:
    bench = relaying()
    client, server = bench.connected()
    emptied = bench.plane.when_empty(Scope.registration(1))
    emptied.addCallback(lambda _: bench.plane.cut(EVERYTHING))
    client.transport.write(b"x")
    bench.settle()
    client.transport.loseWriteConnection()
    server.transport.loseWriteConnection()
    bench.settle()
    assert bench.tally().live == 0
    assert bench.timers == 0


def test_a_client_that_resets_while_it_is_dispatched_frees_everything() -> None:
    bench = relaying()
    bench.rotate(member(1, max_connections=1))
    bench.serve(1, after=3.0)
    client = bench.client()
    bench.settle()
    client.transport.abortConnection()
    bench.settle()
    tally = bench.tally()
    assert (tally.live, tally.total, tally.failed, tally.cut) == (0, 1, 0, 0)
    bench.serve(1)
    bench.connected()
    assert bench.tally(1).live == 1


def test_a_connection_is_looked_at() -> None:
    bench = relaying()
    client, server = bench.connected()
    bench.clock.advance(2)
    client.transport.write(b"12345")
    server.transport.write(b"123")
    bench.settle()
    bench.clock.advance(3)
    view = bench.view()
    assert view.client == "192.0.2.1:50000"
    assert (view.listener, view.server, view.protocol) == ("l1", "app/s1#1", "tcp")
    assert (view.age, view.idle, view.received, view.sent) == (5.0, 3.0, 5, 3)
    assert view.activity == "relaying"
    server.transport.loseWriteConnection()
    bench.settle()
    assert bench.view().activity == "half-closed"
    assert len(list(bench.plane.connections(Scope.registration(1)))) == 1
    assert list(bench.plane.connections(Scope.registration(2))) == []


def test_without_connections_no_timer_runs() -> None:
    bench = relaying()
    for _ in range(3):
        client, server = bench.connected()
        bench.accepted[1], bench.accepted[2] = bench.accepted[2], bench.accepted[1]
        client.transport.abortConnection()
        bench.settle()
        assert closed(server) == "reset"
    assert bench.timers == 0
    assert bench.plane.tally(Scope.listener(WEB)).total == 3
