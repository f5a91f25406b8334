"""One client's way to a server: the order, failures, the queue, servers that leave on the way."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.model.plane import Member, Rotation
from lbtwist.net.dialing import DialFailure
from lbtwist.net.dispatch import Dispatch
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sweep import Sweep
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header
from tests.net.bench import address_of, make_scheduler, member
from tests.net.fakes import FakeDialer
from tests.net.recorder import HalfCloseable

TIMEOUT = 5.0


class Client:
    """Writes down how its dispatch went."""

    def __init__(self, house: House, host: str, tried: tuple[int, ...] = ()) -> None:
        self.client_host = host
        self.cookie = b""
        self.ends = Ends(Address(host, 50_000), Address("192.0.2.2", 80))
        self.events: list[object] = []
        """`("server", 1)`, `("failed", 2, "refused")`, `"none"`."""
        self.house = house
        self.dispatch = Dispatch(self, house.group, house.dialer, house.sweep, TIMEOUT, tried)
        self.dispatch.next()

    def reuse(self, member: Member) -> bool:
        return False

    def server_protocol(self, member: Member) -> HalfCloseable:
        self.events.append(("server", member.number))
        return HalfCloseable()

    def server_failed(self, member: Member, reason: str) -> None:
        self.events.append(("failed", member.number, reason))

    def no_server(self) -> None:
        self.events.append("none")

    def broke(self) -> None:
        raise

    def done(self, number: int) -> None:
        """Its connection to server `number` has ended."""
        self.house.group.give_back(number)


class House:
    """A group, its servers, and clients that are dispatched to them."""

    def __init__(self, *members: Member, **keys: Any) -> None:
        self.clock = Clock()
        self.dialer = FakeDialer(self.clock)
        self.sweep = Sweep(self.clock)
        self.group = GroupRotation(make_scheduler, self.clock)
        self.rotate(*members, **keys)

    def rotate(self, *members: Member, **keys: Any) -> None:
        self.group.update(Rotation(members, **{"scheduler": "rr", **keys}))

    def serve(self, *numbers: int, after: float = 0.0) -> None:
        for number in numbers:
            self.dialer.answer(address_of(number), HalfCloseable, after)

    def fail(self, number: int, after: float = 0.0, own: bool = False) -> None:
        self.dialer.answer(address_of(number), DialFailure("failed", own), after)

    def client(self, host: str = "192.0.2.1", tried: tuple[int, ...] = ()) -> Client:
        return Client(self, host, tried)

    def settle(self) -> None:
        self.clock.advance(0)

    @property
    def dialled(self) -> list[int]:
        return [int(address.host.split(".")[-1]) for address in self.dialer.dialled]

    def assert_quiet(self) -> None:
        """Nobody is on the way, nobody waits, no timer runs."""
        assert not self.group.under_way
        assert not self.group.waiting
        assert self.clock.getDelayedCalls() == []


def full_house(*others: Member, clients: int = 1, **keys: Any) -> tuple[House, list[Client]]:
    """Server 1 has as many connections as it may, and ten may wait."""
    house = House(member(1, max_connections=clients), *others, **{"max_queue": 10, **keys})
    house.serve(1, *[each.number for each in others])
    connected = [house.client() for _ in range(clients)]
    house.settle()
    assert [client.events for client in connected] == [[("server", 1)]] * clients
    return house, connected


def test_the_first_choice_is_connected() -> None:
    house = House(member(1), member(2))
    house.serve(1, 2)
    client = house.client()
    assert client.dispatch.number == 1
    assert client.events == []
    house.settle()
    assert client.events == [("server", 1)]
    assert client.dispatch.number == 0
    assert client.dispatch.tried == (1,)
    house.assert_quiet()


def test_who_fails_is_told_and_the_next_is_tried() -> None:
    house = House(member(1), member(2), member(3))
    house.fail(1)
    house.serve(3)
    client = house.client()
    house.settle()
    assert client.events == [("failed", 1, "failed"), ("failed", 2, "refused"), ("server", 3)]
    house.assert_quiet()


@pytest.mark.parametrize("version", [1, 2])
def test_each_server_that_is_tried_is_told_of_the_client_first(version: int) -> None:
    house = House(member(1), member(2), send_proxy=version)
    house.fail(1)
    house.serve(2)
    client = house.client("198.51.100.7")
    house.settle()
    assert client.events == [("failed", 1, "failed"), ("server", 2)]
    assert house.dialer.firsts == [proxy_header(version, client.ends)] * 2
    assert client.dispatch.introduces


def test_without_send_proxy_servers_are_told_nothing() -> None:
    house = House(member(1))
    house.serve(1)
    client = house.client()
    house.settle()
    assert house.dialer.firsts == [b""]
    assert not client.dispatch.introduces


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_bounded(retries: int) -> None:
    house = House(*map(member, range(1, 6)), retries=retries)
    client = house.client()
    house.settle()
    assert len(house.dialled) == len(set(house.dialled)) == retries + 1
    assert client.events[-1] == "none"
    assert client.events.count("none") == 1
    house.assert_quiet()


def test_what_was_tried_before_counts_and_is_not_tried_again() -> None:
    house = House(member(1), member(2), member(3), member(4), retries=2)
    client = house.client(tried=(1, 2))
    house.settle()
    assert house.dialled == [3]
    assert client.events == [("failed", 3, "refused"), "none"]


def test_each_server_has_the_whole_connect_timeout() -> None:
    house = House(member(1), member(2), member(3))
    house.serve(1, 2, after=60.0)
    house.serve(3, after=4.9)
    client = house.client()
    house.clock.advance(4.9)
    assert client.events == []
    house.clock.advance(0.1)
    assert client.events == [("failed", 1, "timed out")]
    house.clock.advance(5)
    house.clock.advance(4.8)
    assert client.events == [("failed", 1, "timed out"), ("failed", 2, "timed out")]
    house.clock.advance(0.1)
    assert client.events[-1] == ("server", 3)


def test_what_this_process_is_short_of_is_no_failure_of_the_server() -> None:
    house = House(member(1), member(2))
    house.fail(1, own=True)
    house.serve(2)
    client = house.client()
    house.settle()
    assert client.events == ["none"]
    assert house.dialled == [1]
    house.assert_quiet()


def test_without_members_there_is_no_server_and_nobody_waits() -> None:
    """Rule 13."""
    house = House(max_queue=10)
    assert house.client().events == ["none"]
    house.assert_quiet()


def test_rule_9_who_is_on_the_way_to_one_that_leaves_goes_to_another_and_no_retry_is_used() -> None:
    house = House(member(1), member(2), retries=0)
    house.serve(1, after=1.0)
    house.serve(2, after=1.0)
    client = house.client()
    house.clock.advance(0.5)
    house.rotate(member(2), retries=0)
    assert house.dialled == [1, 2]
    house.clock.advance(0.9)
    assert client.events == []
    house.clock.advance(0.1)
    assert client.events == [("server", 2)]
    house.assert_quiet()


def test_rule_9_as_often_as_it_takes() -> None:
    house = House(*map(member, range(1, 7)), retries=0)
    house.serve(*range(1, 7), after=1.0)
    client = house.client()
    for number in range(1, 6):
        assert client.dispatch.number == number
        house.rotate(*map(member, range(number + 1, 7)), retries=0)
    house.clock.advance(1)
    assert client.events == [("server", 6)]
    house.assert_quiet()


def test_rule_9_with_nobody_left_there_is_no_server() -> None:
    house = House(member(1))
    house.serve(1, after=1.0)
    client = house.client()
    house.rotate()
    assert client.events == ["none"]
    house.clock.advance(2)
    assert client.events == ["none"]
    house.assert_quiet()


def test_rule_9_the_others_go_on() -> None:
    house = House(member(1), member(2))
    house.serve(1, 2, after=1.0)
    clients = [house.client() for _ in range(4)]
    assert [client.dispatch.number for client in clients] == [1, 2, 1, 2]
    house.rotate(member(2))
    assert house.dialled == [1, 2, 1, 2, 2, 2]
    house.clock.advance(1)
    assert [client.events for client in clients] == [[("server", 2)]] * 4


def test_rule_1_who_left_meanwhile_is_not_the_next_though_the_scheduler_changed() -> None:
    house = House(member(1), member(2), member(3))
    house.fail(1, after=1.0)
    house.serve(2, 3)
    client = house.client()
    house.rotate(member(1), member(3), scheduler="wrr")
    house.clock.advance(1)
    assert client.events == [("failed", 1, "failed"), ("server", 3)]


def test_who_joined_meanwhile_may_be_the_next() -> None:
    house = House(member(1))
    house.fail(1, after=1.0)
    house.serve(2)
    client = house.client()
    house.rotate(member(1), member(2), scheduler="source_hash")
    house.clock.advance(1)
    assert client.events == [("failed", 1, "failed"), ("server", 2)]


def test_who_was_full_when_it_was_passed_over_may_be_the_next() -> None:
    house, (first,) = full_house(member(2), max_queue=0)
    house.fail(2, after=1.0)
    client = house.client()
    first.done(1)
    house.clock.advance(1)
    assert client.events == [("failed", 2, "failed"), ("server", 1)]


def test_a_cancelled_one_is_told_nothing_and_holds_nothing() -> None:
    house = House(member(1, max_connections=1))
    house.serve(1, after=1.0)
    client = house.client()
    client.dispatch.cancel()
    client.dispatch.cancel()
    house.assert_quiet()
    house.clock.advance(2)
    assert client.events == []
    assert [each.number for each in house.group.order("")] == [1]


def test_a_connection_ties_its_client() -> None:
    house = House(member(1), member(2), persistence=60.0)
    house.serve(1, 2)
    for _ in range(3):
        client = house.client("192.0.2.7")
        house.settle()
        assert client.events == [("server", 1)]


def test_a_failed_one_ties_to_who_stood_in() -> None:
    house = House(member(1), member(2), persistence=60.0, scheduler="source_hash")
    first, second = (each.number for each in house.group.order("192.0.2.7"))
    house.fail(first)
    house.serve(second)
    house.client("192.0.2.7")
    house.settle()
    house.serve(first)
    client = house.client("192.0.2.7")
    house.settle()
    assert client.events == [("server", second)]


def test_who_finds_all_full_waits_for_a_place() -> None:
    house, (first,) = full_house()
    client = house.client()
    assert client.dispatch.waiting
    house.clock.advance(4)
    assert client.events == []
    first.done(1)
    assert not client.dispatch.waiting
    house.settle()
    assert client.events == [("server", 1)]
    house.assert_quiet()


def test_places_are_given_in_the_order_of_arrival() -> None:
    house, (first,) = full_house()
    waiting = [house.client() for _ in range(3)]
    for client in waiting:
        first.done(1)
        house.settle()
        assert client.events == [("server", 1)]
    house.assert_quiet()


def test_a_place_that_a_failure_has_freed_is_given_on() -> None:
    house = House(member(1, max_connections=1), max_queue=1)
    house.fail(1, after=1.0)
    first, second = house.client(), house.client()
    house.clock.advance(0.5)
    house.serve(1)
    house.clock.advance(0.5)
    assert first.events == [("failed", 1, "failed"), "none"]
    assert second.events == [("server", 1)]


def test_the_wait_ends_after_the_queue_timeout() -> None:
    house, _ = full_house(queue_timeout=3.0)
    client = house.client()
    house.clock.advance(2.9)
    assert client.events == []
    house.clock.advance(0.2)
    assert client.events == ["none"]
    house.assert_quiet()


def test_the_wait_is_no_longer_for_being_told_of_places_in_vain() -> None:
    house, _ = full_house(queue_timeout=3.0)
    client = house.client()
    for weight in range(1, 30):
        house.clock.advance(0.1)
        house.rotate(member(1, max_connections=1, weight=weight), max_queue=10, queue_timeout=3.0)
        assert client.dispatch.waiting
    house.clock.advance(0.2)
    assert client.events == ["none"]


def test_the_order_of_those_who_wait_stays_when_they_are_told_in_vain() -> None:
    house, (first,) = full_house(max_queue=3)
    waiting = [house.client() for _ in range(3)]
    house.rotate(member(1, max_connections=1, weight=2), max_queue=3)
    first.done(1)
    house.settle()
    assert [client.events for client in waiting] == [[("server", 1)], [], []]


def test_no_more_wait_than_may() -> None:
    house, (first,) = full_house(max_queue=2)
    waiting = [house.client() for _ in range(2)]
    late = house.client()
    assert late.events == ["none"]
    first.done(1)
    assert house.client().dispatch.waiting
    assert all(client.events == [] for client in waiting)


def test_nobody_waits_where_there_is_no_queue() -> None:
    house, _ = full_house(max_queue=0)
    assert house.client().events == ["none"]
    house.assert_quiet()


def test_a_client_that_is_gone_waits_no_more() -> None:
    house, (first,) = full_house()
    gone, next_one = house.client(), house.client()
    gone.dispatch.cancel()
    first.done(1)
    house.settle()
    assert (gone.events, next_one.events) == ([], [("server", 1)])
    house.assert_quiet()


def test_who_waits_goes_to_a_server_that_joins() -> None:
    house, _ = full_house()
    house.serve(2)
    first, second = house.client(), house.client()
    house.rotate(member(1, max_connections=1), member(2, max_connections=1), max_queue=10)
    house.settle()
    assert first.events == [("server", 2)]
    assert second.dispatch.waiting


def test_who_waits_is_not_given_to_a_server_that_left() -> None:
    """Rules 1 and 13: its place is free, and not for anybody."""
    house, (first,) = full_house()
    client = house.client()
    house.rotate(max_queue=10)
    assert client.events == ["none"]
    first.done(1)
    assert house.dialled == [1]
    house.assert_quiet()


def test_who_has_tried_the_one_with_room_waits_for_the_one_without() -> None:
    house, (first,) = full_house(member(2))
    house.fail(2)
    client = house.client()
    house.settle()
    assert client.events == [("failed", 2, "failed")]
    assert client.dispatch.waiting
    first.done(1)
    house.settle()
    assert client.events[-1] == ("server", 1)


def test_a_place_that_the_first_has_tried_is_not_lost() -> None:
    """It would stay free until the next one comes, with others waiting for it."""
    house = House(member(1, max_connections=1), member(2, max_connections=1), max_queue=10)
    house.serve(1)
    house.serve(2)
    first, second = house.client(), house.client()
    house.settle()
    picky, other = house.client(tried=(1,)), house.client()
    first.done(1)
    house.settle()
    assert other.events == [("server", 1)]
    assert picky.dispatch.waiting
    second.done(2)
    house.settle()
    assert picky.events == [("server", 2)]


def test_without_retries_left_nobody_waits() -> None:
    house, _ = full_house(member(2), retries=0)
    house.fail(2)
    client = house.client()
    house.settle()
    assert client.events == [("failed", 2, "failed"), "none"]
    house.assert_quiet()
