"""What starts each timeout of an http listener, what ends it, and what it takes no notice of."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from lbtwist.model.routing import Rule
from lbtwist.net.http.deadline import Deadline
from lbtwist.net.sweep import Sweep
from tests.net.bench import member
from tests.net.http.stage import CHUNKED, TIMEOUTS, Stage, http, read, request, response

HEADER, IDLE, REQUEST = (TIMEOUTS[f"{name}_timeout"] for name in ("header", "idle", "request"))


def small() -> Stage:
    """One server, and little room on the way."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    return stage


def wait(stage: Stage, client: Any, seconds: float) -> None:
    """Let `seconds` pass, and a little more; before that `client` hears nothing."""
    stage.pass_time(seconds - 0.1)
    assert (client.hear(), client.end) == (b"", "")
    stage.pass_time(0.25)


def status_after(stage: Stage, client: Any, seconds: float) -> int:
    """The status that is heard `seconds` from now, and not before."""
    wait(stage, client, seconds)
    return int(client.said().status)


def closed_after(stage: Stage, client: Any, seconds: float) -> bool:
    """It is closed `seconds` from now without a word, and not before."""
    wait(stage, client, seconds)
    return (client.hear(), client.end) == (b"", "fin")


def test_header_timeout_runs_from_the_accept_and_ends_without_a_word_where_no_byte_came() -> None:
    stage = http()
    assert closed_after(stage, stage.client(), HEADER)
    assert stage.empty()


@pytest.mark.parametrize("after", [0.0, HEADER - 0.2])
def test_header_timeout_of_the_first_request_runs_from_the_accept(after: float) -> None:
    stage = http()
    client = stage.client()
    stage.pass_time(after)
    client.say(b"G")
    assert status_after(stage, client, HEADER - after) == 408


def test_header_timeout_is_not_moved_by_what_trickles_in() -> None:
    stage = http()
    client = stage.client()
    for byte in b"GET / HTTP/1.1\r\nHost: a":
        client.say(bytes([byte]))
        stage.pass_time(0.1)
    assert status_after(stage, client, HEADER - 2.3) == 408
    assert client.end == "fin"


def test_header_timeout_of_a_later_request_runs_from_its_first_byte() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b""))
    client.hear()
    stage.pass_time(5)
    client.say(b"GET / HT")
    assert status_after(stage, client, HEADER) == 408


def test_header_timeout_of_a_pipelined_request_runs_from_when_it_is_its_turn() -> None:
    stage = http()
    client, server = stage.asks(request() + b"GET / HT")
    stage.pass_time(10)
    server.say(response(b""))
    client.hear()
    assert status_after(stage, client, HEADER) == 408


def test_header_timeout_after_an_answer_of_our_own_runs_from_the_first_byte() -> None:
    stage = http(rules=(Rule(respond=404),))
    client = stage.client()
    stage.pass_time(HEADER - 0.5)
    client.say(request() + b"GET / HT")
    client.hear()
    assert status_after(stage, client, HEADER) == 408


def test_idle_timeout_closes_a_kept_connection_without_a_word() -> None:
    stage = http()
    client, server = stage.asks(request())
    stage.pass_time(5)
    server.say(response(b""))
    client.hear()
    assert closed_after(stage, client, IDLE)


def test_idle_timeout_runs_from_the_end_of_a_response_that_its_server_ends_by_closing() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
    stage.pass_time(IDLE - 1)
    server.shut()
    assert client.said().body == b"abc"
    assert closed_after(stage, client, IDLE)


def test_idle_timeout_does_not_run_while_an_answer_is_awaited() -> None:
    stage = http()
    client, server = stage.asks(request("POST", body=b"abc"))
    stage.pass_time(REQUEST - 1)
    server.say(response(b"late"))
    assert client.said().status == 200


def test_a_body_that_stands_still_is_408() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 9"))
    stage.pass_time(IDLE - 1)
    client.say(b"abc")
    assert status_after(stage, client, IDLE) == 408
    assert server.end == "reset"


def test_a_body_that_moves_now_and_then_takes_its_time() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 9"))
    for _ in range(9):
        stage.pass_time(IDLE - 1)
        client.say(b"x")
    server.say(response(b"ok"))
    assert client.said().status == 200


@pytest.mark.parametrize("length", [1500, 9000])
def test_a_server_that_takes_nothing_of_a_body_is_504(length: int) -> None:
    stage = small()
    client, server = stage.asks(request("POST", "/", f"Content-Length: {length}"))
    server.deaf()
    client.say(bytes(length))
    assert status_after(stage, client, IDLE) == 504
    assert server.transport.far.closed


def test_idle_timeout_of_a_body_runs_from_when_its_server_has_taken_what_was_held() -> None:
    stage = small()
    client, server = stage.asks(request("POST", "/", "Content-Length: 9000"))
    server.deaf()
    client.say(bytes(1500))
    stage.pass_time(IDLE - 1)
    server.listen()
    assert status_after(stage, client, IDLE) == 408


def test_request_timeout_runs_from_when_its_server_has_taken_the_last_of_the_request() -> None:
    stage = small()
    client, server = stage.asks(request("POST", "/", "Content-Length: 1500"))
    server.deaf()
    client.say(bytes(1500))
    stage.pass_time(IDLE - 1)
    server.listen()
    assert status_after(stage, client, REQUEST) == 504


def test_idle_timeout_of_a_response_runs_from_when_its_client_has_taken_what_was_held() -> None:
    stage = small()
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(940), "Content-Length: 2000", length=False))
    stage.pass_time(IDLE - 1)
    client.listen()
    client.hear()
    assert closed_after(stage, client, IDLE)


def test_request_timeout_does_not_begin_with_the_end_of_a_body_that_is_answered_already() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 3"))
    server.say(response(b"", "Content-Length: 10", length=False))
    client.say(b"abc")
    for _ in range(10):
        stage.pass_time(IDLE - 1)
        server.say(b"x")
    assert client.said().body == b"x" * 10


def test_idle_timeout_of_a_response_goes_on_when_the_body_that_it_answers_has_ended() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 3"))
    server.say(response(b"", "Content-Length: 10", length=False))
    client.say(b"abc")
    client.hear()
    assert closed_after(stage, client, IDLE)


def test_a_response_that_stands_still_is_aborted() -> None:
    """As in rule 7."""
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"abc", "Content-Length: 9", length=False))
    client.hear()
    stage.pass_time(IDLE - 1)
    server.say(b"def")
    client.hear()
    assert closed_after(stage, client, IDLE)
    assert server.end == "fin"


def test_request_timeout_does_not_limit_a_response_that_has_begun() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"", "Content-Length: 10", length=False))
    for _ in range(10):
        stage.pass_time(IDLE - 1)
        server.say(b"x")
    assert client.said().body == b"x" * 10


def test_request_timeout_runs_from_the_whole_request_sent() -> None:
    stage = http()
    client, _ = stage.asks(request("POST", "/", "Content-Length: 6"))
    stage.pass_time(5)
    client.say(b"abc")
    stage.pass_time(5)
    client.say(b"def")
    assert status_after(stage, client, REQUEST) == 504
    assert client.end == "fin"


def test_request_timeout_is_not_moved_by_interim_responses() -> None:
    stage = http()
    client, server = stage.asks(request())
    stage.pass_time(REQUEST - 5)
    server.say(b"HTTP/1.1 10", b"3 Early Hints\r\nLink: </a>\r\n\r\n")
    stage.pass_time(1)
    server.say(response(b"", status=102, length=False))
    client.hear()
    assert status_after(stage, client, 4.0) == 504
    assert server.end == "fin"


def test_request_timeout_ends_with_the_first_byte_of_the_response_head() -> None:
    stage = http()
    client, server = stage.asks(request())
    stage.pass_time(REQUEST - 0.3)
    server.say(b"H")
    stage.pass_time(IDLE - 1)
    server.say(b"TTP/1.1 200 OK\r\n")
    stage.pass_time(IDLE - 1)
    server.say(b"Content-Length: 1\r\n\r\nx")
    assert client.said().body == b"x"


def test_a_response_head_that_stands_still_is_504() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(b"HTTP/1.1 2")
    assert status_after(stage, client, IDLE) == 504


def test_request_timeout_runs_anew_for_a_request_that_is_sent_again() -> None:
    stage = http()
    client, first = stage.asks(request())
    stage.pass_time(REQUEST - 1)
    first.close()
    assert stage.accepted[2][0].hear()
    assert status_after(stage, client, REQUEST) == 504


def test_no_timeout_of_a_client_runs_while_its_request_waits_for_a_place() -> None:
    stage = http()
    stage.rotate(stage.limited(1), max_queue=1, queue_timeout=60.0)
    _, server = stage.asks(request())
    second = stage.client()
    second.say(request("POST", body=b"abc"))
    stage.pass_time(REQUEST - 1)
    server.say(response(b"1"))
    stage.pass_time(1)
    stage.accepted[1][-1].say(response(b"2"))
    assert second.said().body == b"2"


def test_a_client_that_takes_nothing_of_its_response_is_aborted_after_the_idle_timeout() -> None:
    stage = small()
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(5000)))
    stage.pass_time(IDLE - 0.1)
    assert stage.tally().live == 1
    stage.pass_time(0.3)
    assert stage.tally().live == 0
    assert client.transport.reset
    assert server.end


def test_a_client_that_takes_its_response_slowly_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte has moved, though what waits for the client was never all taken."""
    monkeypatch.setattr("lbtwist.net.http.client.queued", lambda transport: len(transport.queue))
    stage = Stage(capacity=1000, chunk=100)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(1000)))
    held = len(client.transport.far.queue)
    for _ in range(held - 1):
        stage.pass_time(IDLE - 0.5, 0.5)
        client.transport.capacity += 1  # it has read a byte
        client.transport.far._soon()
        stage.settle()
    assert (stage.tally().live, len(client.transport.far.queue)) == (1, 1)
    stage.pass_time(2 * IDLE)
    assert stage.tally().live == 0


def test_a_new_idle_timeout_counts_for_old_connections() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b""))
    client.hear()
    stage.pass_time(2)
    stage.listen(**{**TIMEOUTS, "idle_timeout": 4.0})
    assert closed_after(stage, client, 2.0)


@pytest.mark.parametrize("body", ["request", "response"])
def test_a_new_idle_timeout_counts_for_bodies_under_way(body: str) -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 9"))
    if body == "response":
        server.say(response(b"abc", "Content-Length: 9", length=False))
        client.hear()
    stage.pass_time(2)
    stage.listen(**{**TIMEOUTS, "idle_timeout": 4.0})
    if body == "request":
        assert status_after(stage, client, 2.0) == 408
    else:
        assert closed_after(stage, client, 2.0)


def test_a_longer_idle_timeout_counts_too() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b""))
    client.hear()
    stage.listen(**{**TIMEOUTS, "idle_timeout": 12.0})
    assert closed_after(stage, client, 12.0)


def test_a_listener_that_is_leaving_gives_a_body_its_whole_idle_timeout() -> None:
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"abc", "Content-Length: 4", length=False))
    stage.plane.stop_accepting(1)
    stage.listen(**{**TIMEOUTS, "idle_timeout": 6.0})
    stage.pass_time(5)
    server.say(b"d")
    assert client.said().framed


def test_connect_timeout_is_the_listeners() -> None:
    stage = http()
    stage.rotate(member(1))
    stage.serve(1, after=2.5)
    client = stage.client()
    client.say(request())
    assert status_after(stage, client, 2.0) == 504


def test_a_chunked_body_that_stands_still_in_a_chunk_is_408() -> None:
    stage = http()
    client, server = stage.asks(request("POST", "/", CHUNKED))
    client.say(b"3\r\nab")
    assert status_after(stage, client, IDLE) == 408
    assert read(bytes(server.received)).framed is False


class TestDeadline:
    """The noun by itself."""

    clock: Clock

    @pytest.fixture
    def deadline(self) -> Deadline:
        self.clock = Clock()
        return Deadline(Sweep(self.clock))

    def fired(self, deadline: Deadline, limit: float) -> list[float]:
        """Watch; the list has when it came."""
        times: list[float] = []
        deadline.watch(limit, lambda: times.append(self.clock.seconds()))
        return times

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)

    def test_it_comes_once_and_not_before(self, deadline: Deadline) -> None:
        times = self.fired(deadline, 2.0)
        self.pass_time(5)
        (time,) = times
        assert 2.0 <= time < 2.16
        assert self.clock.getDelayedCalls() == []

    def test_a_byte_moves_it_by_an_assignment(self, deadline: Deadline) -> None:
        times = self.fired(deadline, 2.0)
        self.pass_time(1.5)
        deadline.since = self.clock.seconds()
        self.pass_time(1.9)
        assert times == []
        self.pass_time(0.3)
        assert len(times) == 1

    def test_what_is_watched_instead_comes_earlier_or_later(self, deadline: Deadline) -> None:
        first = self.fired(deadline, 2.0)
        second = self.fired(deadline, 1.0)
        self.pass_time(3)
        third = self.fired(deadline, 1.0)
        fourth = self.fired(deadline, 2.0)
        self.pass_time(3)
        assert [len(times) for times in (first, second, third, fourth)] == [0, 1, 0, 1]
        assert second[0] < 1.2
        assert fourth[0] >= 5.0

    def test_a_shift_keeps_its_start(self, deadline: Deadline) -> None:
        times = self.fired(deadline, 5.0)
        self.pass_time(1)
        deadline.shift(2.0)
        self.pass_time(0.9)
        assert times == []
        self.pass_time(0.2)
        assert len(times) == 1

    def test_at_rest_it_calls_nothing(self, deadline: Deadline) -> None:
        times = self.fired(deadline, 1.0)
        deadline.rest()
        self.pass_time(2)
        assert (times, deadline.expires) == ([], None)

    def test_stopped_it_leaves_no_timer(self, deadline: Deadline) -> None:
        times = self.fired(deadline, 1.0)
        deadline.stop()
        assert self.clock.getDelayedCalls() == []
        self.pass_time(2)
        assert times == []
