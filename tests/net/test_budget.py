"""How many clients there may be, who is held back when there are so many, and what is given up for them."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lbtwist.net.budget import SAID_FOR, Budget
from lbtwist.net.idle import IdleConnections
from tests.net.bench import Bench, member


class Door:
    """What accepts clients."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def pause(self) -> None:
        self.heard.append("pause")

    def resume(self) -> None:
        self.heard.append("resume")


class Kept:
    """A server's connection without a request."""

    owner = None

    def __init__(self, used: float = 1.0) -> None:
        self.used = used
        self.dismissed = False

    def dismiss(self) -> None:
        self.dismissed = True


def allowed(limit: int, room: int = 1000) -> tuple[Budget, Door]:
    budget, door = Budget(Clock().seconds), Door()
    budget.watch(door)
    budget.allow(limit, room, "there is no more")
    return budget, door


def test_nothing_is_accepted_when_so_many_are_connected() -> None:
    budget, door = allowed(2)
    budget.enter()
    assert (door.heard, budget.full, budget.problem, budget.left) == ([], False, "", 1)
    budget.enter()
    assert (door.heard, budget.full, budget.left) == (["pause"], True, 0)
    assert budget.problem == "2 clients are connected, and there is no more: others wait until some leave"
    budget.leave()
    assert (door.heard, budget.full, budget.problem) == (["pause", "resume"], False, "")


def test_some_have_to_leave_before_it_goes_on() -> None:
    """Else it would be told with each client that comes and goes."""
    budget, door = allowed(96)
    for _ in range(96):
        budget.enter()
    budget.leave()
    budget.leave()
    assert door.heard == ["pause"]
    budget.leave()
    assert door.heard == ["pause", "resume"]


def test_one_more_than_may_be_and_a_limit_that_is_moved() -> None:
    budget, door = allowed(1)
    budget.enter()
    budget.enter()  # it was in the backlog of a listener that is closed
    budget.leave()
    assert (door.heard, budget.left) == (["pause"], 0)
    budget.allow(3, 1000, "")
    assert door.heard == ["pause", "resume"]
    budget.allow(1, 1000, "")
    assert door.heard == ["pause", "resume", "pause"]


def test_who_comes_while_it_is_full_is_held_back_and_who_has_gone_is_not_told() -> None:
    budget, door = allowed(1)
    budget.enter()
    late = Door()
    budget.watch(late)
    budget.forget(door)
    budget.forget(door)
    budget.leave()
    assert (door.heard, late.heard) == (["pause"], ["pause", "resume"])


def test_why_is_said_once_in_a_while() -> None:
    clock = Clock()
    said: list[str] = []
    budget = Budget(clock.seconds)
    budget.log = Says(said)  # type: ignore[assignment]
    budget.allow(1, 1000, "")
    for seconds in (0.0, 1.0, SAID_FOR - 1.1, 0.1):
        clock.advance(seconds)
        budget.enter()
        budget.leave()
    assert len(said) == 2


class Says:
    """A log."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def warn(self, text: str, **fields: object) -> None:
        self._said.append(text.format(**fields))


def test_idle_connections_are_given_up_first_the_one_that_waits_longest_before_the_others() -> None:
    budget, _ = allowed(10, room=4)
    pools = IdleConnections(budget), IdleConnections(budget)
    first, second, third = Kept(1.0), Kept(2.0), Kept(3.0)
    pools[0].put(1, first, 10)
    pools[1].put(1, second, 10)
    pools[0].put(2, third, 10)
    budget.enter()
    assert not first.dismissed
    budget.busy += 1
    budget.make_room()
    assert (first.dismissed, second.dismissed) == (True, False)
    assert pools[0].take(1, 0.0) is None
    budget.enter()
    assert (second.dismissed, third.dismissed) == (True, False)
    assert pools[0].take(2, 0.0) is third
    assert budget.spare == 0


def test_less_room_is_made_by_giving_up_idle_connections() -> None:
    budget, _ = allowed(10, room=3)
    pool, kept = IdleConnections(budget), [Kept(1.0), Kept(2.0), Kept(3.0)]
    for connection in kept:
        pool.put(1, connection, 10)
    budget.allow(10, 2, "")
    assert [each.dismissed for each in kept] == [True, False, False]


def test_of_many_idle_connections_some_more_are_given_up_than_must_be() -> None:
    budget, _ = allowed(1000, room=99)
    pool, kept = IdleConnections(budget), [Kept(float(used)) for used in range(99)]
    for number, connection in enumerate(kept):
        pool.put(number, connection, 10)
    budget.enter()
    assert [each.dismissed for each in kept] == [True] * 3 + [False] * 96
    assert budget.spare == 96


def test_a_group_that_is_gone_keeps_nothing() -> None:
    budget, _ = allowed(10)
    pool = IdleConnections(budget)
    assert list(budget.pools) == [pool]
    del pool
    assert list(budget.pools) == []


@pytest.mark.parametrize("ends", ["removed", "retained", "over the limit"])
def test_what_is_kept_no_more_is_not_counted(ends: str) -> None:
    budget, _ = allowed(10)
    pool, kept = IdleConnections(budget), Kept()
    pool.put(1, kept, 0 if ends == "over the limit" else 1)
    if ends == "removed":
        pool.remove(1, kept)
    elif ends == "retained":
        pool.retain({2})
    assert budget.spare == 0


def test_tcp_clients_count_until_both_sides_are_closed() -> None:
    bench = Bench()
    budget = bench.plane._means.budget
    bench.listen()
    bench.servers(1)
    client, server = bench.connected()
    assert (budget.clients, budget.busy) == (1, 1)
    client.transport.loseConnection()
    bench.settle()
    server.transport.loseConnection()
    bench.settle()
    assert (budget.clients, budget.busy) == (0, 0)


def test_http_clients_count_with_a_request_and_without() -> None:
    bench = Bench()
    budget = bench.plane._means.budget
    bench.listen(protocol="http", max_connections=1, request_timeout=60, header_timeout=10)
    bench.servers(1)
    bench.rotate(member(1), keepalive=1)
    client = bench.client()
    bench.settle()
    assert (budget.clients, budget.busy) == (1, 0)
    client.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    bench.settle()
    assert (budget.clients, budget.busy) == (1, 1)
    (server,) = bench.accepted[1]
    server.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    bench.settle()
    assert (budget.clients, budget.busy, budget.spare) == (1, 0, 1)
    refused = bench.client()
    bench.settle()
    assert budget.clients == 2  # it is told 503, and lingers
    for each in (client, refused):
        each.transport.loseConnection()
    bench.pass_time(5)
    assert (budget.clients, budget.spare) == (0, 0)
    assert bench.timers == 0


def test_an_idle_connection_to_one_server_gives_way_to_a_new_one_to_another() -> None:
    bench = Bench()
    budget = bench.plane._means.budget
    budget.allow(1, 2, "")
    bench.listen(protocol="http", request_timeout=60, header_timeout=10)
    bench.servers(1, 2)
    bench.rotate(member(1), member(2), scheduler="rr", keepalive=1)
    client = bench.client()
    for server in (1, 2):
        client.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        bench.settle()
        (end,) = bench.accepted[server]
        if server == 1:
            end.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            bench.settle()
            assert budget.spare == 1
    assert (budget.clients, budget.busy, budget.spare) == (1, 1, 0)
    assert "read lost" in bench.accepted[1][0].events
    client.transport.abortConnection()
    bench.settle()
    assert (budget.clients, budget.busy) == (0, 0)
