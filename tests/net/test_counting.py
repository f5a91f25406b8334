"""The counters of the data plane: what is counted, once, and at what time."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.figures import BOUNDS, Distribution, GroupFigures
from lbtwist.net.counting import Histogram, Responses
from lbtwist.net.relay import UNUSED
from tests.net.bench import GROUP, WEB, Bench, member
from tests.net.test_dispatch import House, full_house

REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


def answer(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def bucket(distribution: Distribution) -> float:
    """The upper end of the one bucket that anything is in; infinite for the last."""
    (index,) = [index for index, count in enumerate(distribution.counts) if count]
    return BOUNDS[index] if index < len(BOUNDS) else float("inf")


def group(bench: Bench) -> GroupFigures:
    return bench.plane.figures().groups[GROUP]


def listener(bench: Bench) -> Any:
    return bench.plane.figures().listeners[WEB]


def web() -> Bench:
    """An http listener over server 1."""
    bench = Bench()
    bench.clock.advance(1000)
    bench.servers(1)
    bench.listen(protocol="http")
    return bench


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [
        (0.0, BOUNDS[0]),
        (BOUNDS[0], BOUNDS[0]),
        (0.0007, 0.001),
        (1.0, 1.0),
        (1.001, 2.5),
        (31.0, float("inf")),
    ],
)
def test_a_time_is_counted_where_it_is_at_most_the_bound(seconds: float, bound: float) -> None:
    histogram = Histogram()
    histogram.observe(seconds)
    assert bucket(histogram.value()) == bound
    assert histogram.value().seconds == seconds


def test_a_value_is_no_view() -> None:
    histogram = Histogram()
    before = histogram.value()
    histogram.observe(1.0)
    assert before.total == 0


@pytest.mark.parametrize(
    ("status", "counts"),
    [(101, (1, 0, 0, 0, 0)), (200, (0, 1, 0, 0, 0)), (599, (0, 0, 0, 0, 1))],
)
def test_responses_are_counted_by_their_class(status: int, counts: tuple[int, ...]) -> None:
    responses = Responses()
    responses.count(status)
    assert responses.value() == counts


def test_the_time_of_a_connect_is_that_of_the_one_that_was_made() -> None:
    house = House(member(1), member(2))
    house.fail(1, after=4.0)
    house.serve(2, after=0.2)
    house.client()
    house.clock.advance(4.0)
    house.clock.advance(0.2)
    counts = house.group.counts
    assert (counts.connect.value().total, bucket(counts.connect.value())) == (1, 0.25)
    assert (counts.retries, counts.no_server) == (1, 0)


def test_rule_9_who_is_sent_on_has_not_tried_again() -> None:
    house = House(member(1), member(2))
    house.serve(1, 2, after=1.0)
    house.client()
    house.rotate(member(2))
    house.clock.advance(1.0)
    assert house.group.counts.retries == 0
    assert house.group.counts.connect.value().total == 1


@pytest.mark.parametrize("own", [False, True])
def test_who_gets_no_server_is_counted_once(own: bool) -> None:
    house = House(member(1), retries=0)
    house.fail(1, own=own)
    client = house.client()
    house.settle()
    assert client.events[-1] == "none"
    assert house.group.counts.no_server == 1


def test_who_has_waited_too_long_got_no_server() -> None:
    house, _ = full_house(queue_timeout=3.0)
    house.client()
    assert (len(house.group.waiting), house.group.counts.no_server) == (1, 0)
    house.clock.advance(3.1)
    assert (len(house.group.waiting), house.group.counts.no_server) == (0, 1)


def test_who_waits_is_in_the_queue() -> None:
    bench = Bench()
    bench.serve(1)
    bench.rotate(member(1, max_connections=1), max_queue=1)
    bench.listen()
    bench.connected()
    bench.client()
    bench.settle()
    assert group(bench).queue == 1
    assert listener(bench).clients == 2


def test_failures_are_counted_by_their_reason() -> None:
    bench = Bench()
    bench.refuse(1)
    bench.serve(2)
    bench.rotate(member(1), member(2), scheduler="rr", retries=5)
    bench.listen()
    bench.connected(2)
    _, end = bench.connected(2)
    end.transport.loseConnection()
    bench.settle()
    assert bench.plane.figures().failures == {1: {"refused": 2}, 2: {UNUSED: 1}}
    assert (bench.tally(1).failed, bench.tally(2).failed) == (2, 1)


def test_a_response_is_counted_with_its_times_once() -> None:
    bench = web()
    client = bench.client()
    bench.settle()
    client.transport.write(REQUEST)
    bench.settle()
    (end,) = bench.accepted[1]
    bench.clock.advance(0.2)
    end.transport.write(answer(200, b"1234")[:-2])
    bench.settle()
    assert (group(bench).header.total, bucket(group(bench).header)) == (1, 0.25)
    assert group(bench).response.total == 0
    bench.clock.advance(2.0)
    end.transport.write(b"34")
    bench.settle()
    assert (group(bench).response.total, bucket(group(bench).response)) == (1, 2.5)
    assert group(bench).response.seconds == pytest.approx(2.2)
    assert group(bench).responses == listener(bench).responses == (0, 1, 0, 0, 0)
    client.transport.write(REQUEST)
    bench.settle()
    end.transport.write(answer(404))
    bench.settle()
    assert group(bench).responses == listener(bench).responses == (0, 1, 0, 1, 0)
    assert group(bench).header.total == group(bench).response.total == 2
    assert group(bench).connect.total == 1, "the second request went over the same connection"


def test_an_answer_of_our_own_is_the_listener_s_alone() -> None:
    bench = web()
    bench.rotate()
    client = bench.client()
    client.transport.write(REQUEST)
    bench.settle()
    assert listener(bench).responses == (0, 0, 0, 0, 1)
    assert group(bench).responses == (0, 0, 0, 0, 0)
    assert group(bench).no_server == 1


def test_a_response_that_begins_before_the_request_was_sent_has_no_times() -> None:
    bench = web()
    client = bench.client()
    client.transport.write(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n12")
    bench.settle()
    bench.accepted[1][0].transport.write(answer(413))
    bench.settle()
    assert group(bench).responses == (0, 0, 0, 1, 0)
    assert group(bench).header.total == group(bench).response.total == 0


def test_an_interim_response_is_not_counted() -> None:
    bench = web()
    client = bench.client()
    client.transport.write(REQUEST)
    bench.settle()
    end = bench.accepted[1][0]
    end.transport.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    bench.settle()
    assert group(bench).responses == (0, 0, 0, 0, 0)
    end.transport.write(answer(200))
    bench.settle()
    assert group(bench).responses == (0, 1, 0, 0, 0)


def test_clients_without_a_request_are_counted() -> None:
    bench = web()
    bench.client()
    bench.settle()
    assert listener(bench).clients == 1
    assert bench.tally().live == 0
