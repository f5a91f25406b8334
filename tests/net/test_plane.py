"""What the data plane does as it is told: listeners, rotations, cuts, counters, and who is live."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Scope, Tally
from tests.net.bench import ENDPOINT, WEB, Bench, closed, member

OTHER = 2
FIRST, SECOND, THIRD = (Scope.registration(number) for number in (1, 2, 3))


def started(*numbers: int, **policy: Any) -> Bench:
    """Servers that answer in turn, and a listener."""
    bench = Bench()
    bench.servers(*(numbers or (1, 2)), scheduler="rr")
    bench.listen(**policy)
    return bench


def hold(bench: Bench, number: int, times: int = 1, listener: int = WEB) -> list[tuple[Any, Any]]:
    """Connections to server `number`, which is alone in rotation for that moment."""
    bench.servers(number)
    return [bench.connected(number, listener=listener) for _ in range(times)]


def outcome(waiting: Deferred[None]) -> list[object]:
    results: list[object] = []
    waiting.addBoth(results.append)
    return results


def end(bench: Bench, *conversations: tuple[Any, Any]) -> None:
    for client, _ in conversations:
        client.transport.abortConnection()
    bench.settle()


def test_what_is_unknown_is_empty() -> None:
    bench = Bench()
    for scope in (EVERYTHING, Scope.listener(7), Scope.registration(7), Scope.registration()):
        assert bench.plane.tally(scope) == Tally()
        assert list(bench.plane.connections(scope)) == []
        assert bench.plane.cut(scope) == 0
        assert outcome(bench.plane.when_empty(scope)) == [None]
    assert bench.plane.address(7) == ""
    assert bench.plane.totals() == {}
    assert outcome(bench.plane.stop_accepting(7)) == [None]


def test_a_bound_listener_accepts_when_it_is_served() -> None:
    bench = Bench()
    bench.listen()
    assert [port.factory is None for port in bench.ports] == [False]
    bench.listen(max_connections=3)
    assert len(bench.ports) == 1
    assert bench.plane.address(WEB) == "127.0.0.1:0"
    assert outcome(bench.plane.stop_accepting(WEB)) == [None]
    assert bench.ports[0].closed
    assert bench.plane.address(WEB) == ""


def test_one_that_is_closed_before_it_was_served_never_accepts() -> None:
    bench = Bench()
    bench.plane.bind(WEB, ENDPOINT)
    assert outcome(bench.plane.stop_accepting(WEB)) == [None]
    assert outcome(bench.plane.serve(ListenerPolicy(WEB, "web", "app"))) == [None]
    (port,) = bench.ports
    assert (port.closed, port.factory) == (True, None)


def test_connections_and_bytes_are_counted_by_listener_and_registration() -> None:
    bench = started()
    bench.listen(OTHER)
    for number, listener, asked, answered in ((1, WEB, 1, 10), (2, WEB, 2, 20), (2, OTHER, 4, 40)):
        ((client, server),) = hold(bench, number, listener=listener)
        client.transport.write(bytes(asked))
        server.transport.write(bytes(answered))
        bench.settle()
    tally = bench.plane.tally
    assert tally(FIRST) == Tally(live=1, total=1, received=1, sent=10)
    assert tally(SECOND) == Tally(live=2, total=2, received=6, sent=60)
    assert tally(Scope.listener(WEB)) == Tally(live=2, total=2, received=3, sent=30)
    assert tally(Scope.listener(OTHER)) == Tally(live=1, total=1, received=4, sent=40)
    assert tally(Scope.registration(1, 2)) == tally(EVERYTHING) == Tally(3, 3, received=7, sent=70)
    assert bench.plane.totals() == {1: 1, 2: 2}
    bench.plane.cut(FIRST)
    bench.settle()
    assert tally(FIRST) == Tally(total=1, cut=1, received=1, sent=10)
    assert tally(EVERYTHING) == Tally(2, 3, cut=1, received=7, sent=70)
    assert bench.plane.totals() == {1: 1, 2: 2}


def test_counters_of_what_is_forgotten_stay_in_those_of_all() -> None:
    bench = started()
    client, _ = bench.connected()
    client.transport.write(b"12345")
    bench.settle()
    end(bench, (client, None))
    for scope in (FIRST, Scope.listener(WEB)):
        assert bench.plane.tally(scope) != Tally()
        bench.plane.forget(scope)
        bench.plane.forget(scope)
        assert bench.plane.tally(scope) == Tally()
    assert bench.plane.totals() == {}
    assert bench.plane.tally(EVERYTHING) == Tally(total=1, received=5)


def test_a_cut_closes_those_of_its_scope_and_no_others() -> None:
    bench = started()
    bench.listen(OTHER)
    mine = hold(bench, 1, 3)
    others = hold(bench, 2) + hold(bench, 1, listener=OTHER)
    assert bench.plane.cut(Scope.listener(WEB)) == 4
    bench.settle()
    assert [closed(client) for client, _ in mine] == ["fin"] * 3
    assert [closed(client) for client, _ in others] == ["fin", ""]
    assert bench.plane.cut(SECOND) == 0
    assert bench.plane.cut(EVERYTHING) == 1
    bench.settle()
    assert closed(others[1][0]) == "fin"


def test_a_cut_with_a_count_takes_the_longest_idle_first() -> None:
    bench = started()
    conversations = hold(bench, 1, 4)
    for place in (2, 0, 3, 1):
        bench.clock.advance(1)
        conversations[place][place % 2].transport.write(b".")
        bench.settle()
    for place in (2, 0, 3, 1):
        bench.clock.advance(0.01)
        assert bench.plane.cut(FIRST, 1) == 1
        bench.settle()
        assert closed(conversations[place][0]) == "fin"
        assert bench.tally(1).live == 4 - [2, 0, 3, 1].index(place) - 1
    assert bench.plane.cut(FIRST, 1) == 0


def test_a_cut_takes_none_that_is_closed_already() -> None:
    """Else those that are slow to close would be cut again, in place of others."""
    bench = started()
    conversations = hold(bench, 1, 3)
    for client, _ in conversations:
        client.transport.far.loseConnection = lambda: None
    bench.clock.advance(1)
    assert bench.plane.cut(FIRST, 2) == 2
    conversations[2][0].transport.write(b".")
    bench.clock.advance(0.01)
    assert bench.tally(1).live == 3
    assert bench.plane.cut(FIRST, 2) == 1
    assert bench.plane.cut(FIRST) == 0
    bench.pass_time(0.3)
    assert bench.tally(1) == Tally(total=3, cut=3, received=1)


def test_no_count_and_more_than_there_are() -> None:
    bench = started()
    hold(bench, 1, 3)
    assert bench.plane.cut(FIRST, 0) == 0
    assert bench.plane.cut(FIRST, 7) == 3


def test_one_connection_is_cut_by_its_id() -> None:
    bench = started()
    (first, _), (second, _) = hold(bench, 1, 2)
    ids = [view.id for view in bench.plane.connections(EVERYTHING)]
    assert len(set(ids)) == 2
    assert not bench.plane.cut_connection(max(ids) + 1)
    assert bench.plane.cut_connection(ids[1])
    bench.settle()
    assert (closed(first), closed(second)) == ("", "fin")
    assert not bench.plane.cut_connection(ids[1])
    assert bench.tally().cut == 1


def test_ids_are_unique_over_all_listeners() -> None:
    bench = started()
    bench.listen(OTHER)
    hold(bench, 1, 2)
    hold(bench, 1, 2, listener=OTHER)
    assert len({view.id for view in bench.plane.connections(EVERYTHING)}) == 4


@pytest.mark.parametrize("scope", [FIRST, Scope.listener(WEB), EVERYTHING])
def test_rule_4_when_empty_fires_with_the_last_one(scope: Scope) -> None:
    bench = started()
    conversations = hold(bench, 1, 2)
    waits = [outcome(bench.plane.when_empty(scope)) for _ in range(2)]
    end(bench, conversations[0])
    assert waits == [[], []]
    end(bench, conversations[1])
    assert waits == [[None], [None]]


@pytest.mark.parametrize("how", ["end", "cut", "fail"])
def test_who_is_told_finds_all_in_order(how: str) -> None:
    """The connection has ended in all scopes, its place is free, and its server has no more of it."""
    bench = started()
    bench.rotate(member(1, max_connections=1), member(2), scheduler="rr")
    client, server = bench.connected()
    seen: list[Any] = []

    def look(_: None) -> None:
        seen.append((bench.tally(1).live, bench.tally().live, 1 in bench.plane._groups["app"]._busy))
        bench.plane.cut(EVERYTHING)

    bench.plane.when_empty(FIRST).addCallback(look)
    if how == "end":
        client.transport.abortConnection()
    elif how == "cut":
        bench.plane.cut(FIRST)
    else:
        server.transport.abortConnection()
    bench.settle()
    assert seen == [(0, 1 if how == "fail" else 0, False)]
    assert bench.tally().live == 0
    assert len(bench.accepted[2]) == 0
    assert bench.timers == 0


def test_rule_12_one_that_ends_elsewhere_empties_nothing() -> None:
    bench = started()
    hold(bench, 1)
    other = hold(bench, 2)
    first, second = outcome(bench.plane.when_empty(FIRST)), outcome(bench.plane.when_empty(SECOND))
    end(bench, *other)
    assert (first, second) == ([], [None])


def test_a_scope_of_several_is_empty_when_all_are() -> None:
    """Also when one of them gets another connection after it was empty."""
    bench = started(1, 2, 3)
    first, second = hold(bench, 1), hold(bench, 2)
    waiting = outcome(bench.plane.when_empty(Scope.registration(1, 2)))
    end(bench, *first)
    again = hold(bench, 1)
    end(bench, *second)
    assert waiting == []
    end(bench, *again)
    assert waiting == [None]


def test_cancelling_ends_the_waiting_and_nothing_else() -> None:
    bench = started()
    conversations = hold(bench, 1)
    given_up, waiting = bench.plane.when_empty(FIRST), bench.plane.when_empty(FIRST)
    results, other = outcome(given_up), outcome(waiting)
    given_up.cancel()
    (failure,) = results
    assert failure.check(CancelledError)  # type: ignore[attr-defined]
    assert bench.tally(1).live == 1
    end(bench, *conversations)
    assert (len(results), other) == (1, [None])


@pytest.mark.parametrize("scope", [FIRST, Scope.listener(WEB), EVERYTHING])
def test_who_is_dispatched_belongs_to_the_listener_and_to_no_registration(scope: Scope) -> None:
    bench = started()
    bench.serve(1, after=1.0)
    bench.client()
    bench.settle()
    live = 0 if scope is FIRST else 1
    assert bench.plane.tally(scope).live == live
    assert [(view.server, view.activity) for view in bench.plane.connections(scope)] == [
        ("", "connecting")
    ] * live


def test_a_shorter_idle_timeout_holds_for_those_that_there_are() -> None:
    bench = started(idle_timeout=100.0)
    client, _ = bench.connected()
    bench.pass_time(3)
    bench.listen(idle_timeout=5.0)
    bench.pass_time(1.9)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert closed(client) == "fin"


def test_and_a_longer_one_too() -> None:
    bench = started(idle_timeout=5.0)
    client, _ = bench.connected()
    bench.pass_time(3)
    bench.listen(idle_timeout=10.0)
    bench.pass_time(6.9)
    assert bench.tally().live == 1
    bench.pass_time(0.3)
    assert closed(client) == "fin"


def test_and_for_one_that_waits_for_a_slow_peer() -> None:
    bench = started(idle_timeout=100.0)
    client, server = bench.connected()
    client.transport.pauseProducing()
    server.transport.write(bytes(10**6))
    bench.settle()
    server.transport.abortConnection()
    bench.settle()
    assert bench.view().activity == "closing"
    bench.listen(idle_timeout=5.0)
    bench.pass_time(5.3)
    assert bench.tally().live == 0


def test_rule_73_another_policy_touches_nothing_else() -> None:
    bench = started(max_connections=5)
    bench.plane.rotate("next", bench.plane._groups["app"].rotation)
    conversations = hold(bench, 1, 3)
    bench.listen(group="next", max_connections=1, connect_timeout=0.5)
    for client, server in conversations:
        client.transport.write(b"still")
        server.transport.write(b"here")
    bench.settle()
    for client, server in conversations:
        assert (bytes(server.received), bytes(client.received)) == (b"still", b"here")


def test_another_group_gets_those_that_come_from_now_on() -> None:
    bench = started()
    bench.serve(3)
    bench.rotate(member(3), group="next")
    bench.serve(1, after=1.0)
    bench.client()
    bench.listen(group="next")
    bench.connected(3)
    bench.clock.advance(1)
    assert [bench.tally(number).live for number in (1, 2, 3)] == [1, 0, 1]


def test_a_client_whose_server_failed_goes_to_the_new_group() -> None:
    bench = started()
    _, server = bench.connected()
    bench.serve(3)
    bench.rotate(member(3), group="next")
    bench.listen(group="next")
    server.transport.abortConnection()
    bench.settle()
    assert bench.tally(3).live == 1
    bench.servers(1, 2, scheduler="lc")
    assert bench.plane._groups["app"]._busy == {}


def test_rule_1_and_2_a_rotation_holds_from_its_return_and_for_the_new_ones() -> None:
    bench = started()
    client, server = bench.connected()
    bench.rotate(member(2))
    for _ in range(5):
        bench.connected(2)
    assert len(bench.accepted[1]) == 1
    client.transport.write(b"still here")
    bench.settle()
    assert bytes(server.received) == b"still here"


def test_failures_are_counted_and_reported() -> None:
    bench = started()
    bench.refuse(1)
    bench.client()
    bench.settle()
    assert bench.observer.heard == [(1, "refused")]
    assert bench.plane.tally(FIRST) == Tally(failed=1)
    assert bench.plane.tally(SECOND) == Tally(live=1, total=1)
    assert bench.plane.totals() == {1: 0, 2: 1}


def test_without_an_observer_failures_are_counted() -> None:
    bench = Bench()
    bench.plane._observer = None
    bench.listen()
    bench.rotate(member(1))
    bench.client()
    bench.settle()
    assert bench.tally(1).failed == bench.tally().failed == 1


def test_an_observer_may_take_who_failed_out_from_inside_of_the_report() -> None:
    """With a cut, as a drain of no length makes: none but its own are touched."""
    bench = started(1, 2, 3)

    def take_out(number: int) -> None:
        bench.rotate(member(3))
        bench.plane.cut(Scope.registration(number))

    bench.observer.then = take_out
    _, server = bench.connected()
    server.transport.abortConnection()
    bench.settle()
    assert [bench.tally(number).live for number in (1, 2, 3)] == [0, 0, 1]
    assert bench.tally().cut == 0


def test_what_is_closed_is_closed_altogether() -> None:
    bench = started()
    bench.listen(OTHER)
    client, server = bench.connected()
    bench.client()
    bench.plane.close()
    bench.settle()
    assert [port.closed for port in bench.ports] == [True, True]
    assert (closed(client), closed(server)) == ("fin", "fin")
    assert bench.plane.tally(EVERYTHING).live == 0
    assert bench.timers == 0
