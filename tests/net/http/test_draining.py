"""Draining at the level of requests: what is cut, what goes on, and what is counted (draining.md)."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.plane import EVERYTHING, Scope, Tally
from tests.net.bench import WEB, member
from tests.net.http.stage import CHUNKED, TIMEOUTS, Stage, answers, chunks, http, read, request, response
from tests.net.test_plane_contract import outcome

FIRST = Scope.registration(1)
LISTENER = Scope.listener(WEB)
SCOPES = [FIRST, LISTENER, EVERYTHING]


def cut(stage: Stage, scope: Scope = FIRST, count: int | None = None) -> int:
    done = stage.plane.cut(scope, count)
    stage.settle()
    return done


def remove(stage: Stage, *left: int) -> None:
    """These stay in rotation and no others."""
    stage.rotate(*map(member, left), scheduler="rr")
    stage.settle()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_rule_6_what_has_no_response_yet_gets_the_error_status(scope: Scope, status: int) -> None:
    """Rule 6."""
    stage = http()
    stage.rotate(member(1), error_status=status)
    client, server = stage.asks(request())
    assert cut(stage, scope) == 1
    said = client.said()
    assert said.status == status
    assert said.field("connection") == b"close"
    assert said.field("content-type") == b"text/html; charset=utf-8"
    assert said.field("date")
    assert said.field("via") == b"1.1 lbtwist"
    assert said.body.startswith(b"<!DOCTYPE html>")
    assert (client.end, server.end) == ("fin", "fin")
    assert stage.tally() == stage.tally(1)
    assert (stage.tally().cut, stage.tally().answered, stage.tally().live) == (1, 1, 0)


def test_rule_6_a_server_that_was_not_given_all_of_the_request_sees_a_reset() -> None:
    """Rules 5 and 6: a body that is still being sent is in flight."""
    stage = http()
    client, server = stage.asks(request("POST", "/", "Content-Length: 9"))
    client.say(b"abc")
    assert cut(stage) == 1
    assert (client.said().status, server.end) == (500, "reset")
    assert client.end == "fin"


def test_rule_6_an_interim_response_is_no_beginning() -> None:
    """Rule 6."""
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"", status=103, length=False))
    cut(stage)
    assert [each.status for each in answers(client.hear())] == [103, 500]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (response(b"ab", "Content-Length: 9", length=False), False),
        (response(chunks(b"ab", last=False), CHUNKED, length=False), None),
        (response(b"ab", length=False), None),
    ],
)
def test_rule_7_a_response_that_has_begun_is_seen_to_be_truncated(
    scope: Scope, old: bool, start: bytes, endless: bool | None
) -> None:
    """Rule 7: FIN where the framing shows it, a reset where the end of the connection would be the end."""
    stage = http()
    client, server = stage.asks(request(version="1.0" if old else "1.1"))
    server.say(start)
    assert cut(stage, scope) == 1
    reset = old and endless is None
    assert client.end == ("reset" if reset else "fin")
    if not reset:
        said = client.said()
        assert (said.body, said.framed) == (b"ab", False)
    assert server.end == "fin"
    assert (stage.tally().truncated, stage.tally(1).truncated, stage.tally().cut) == (1, 1, 1)


def test_rule_7_what_is_held_for_a_slow_client_is_dropped_and_it_sees_a_reset() -> None:
    """Rules 5 and 7."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    client, server = stage.asks(request())
    client.deaf()
    server.say(response(bytes(940)))
    assert stage.tally(1).live == 0, "its server is through with it"
    assert cut(stage, LISTENER) == 1
    client.listen()
    assert client.end == "reset"
    assert len(client.hear()) < 940
    assert stage.tally().truncated == 1


def test_rule_8_all_of_it_is_at_once() -> None:
    """Rules 8 and 80: no time has to pass."""
    stage = http()
    begun, first = stage.asks(request())
    first.say(response(b"a", "Content-Length: 2", length=False))
    stage.rotate(member(1))
    waiting, second = stage.asks(request())
    before = stage.clock.seconds()
    assert cut(stage) == 2
    assert [end.end for end in (begun, first, waiting, second)] == ["fin"] * 4
    assert stage.clock.seconds() == before
    assert stage.tally(1) == stage.tally()
    assert (stage.tally(1).answered, stage.tally(1).truncated, stage.tally(1).cut) == (1, 1, 2)


def test_rule_9_a_request_on_its_way_to_a_server_that_leaves_goes_to_another() -> None:
    """Rule 9."""
    stage = http()
    stage.serve(1, after=1.0)
    client = stage.client()
    client.say(request("POST", body=b"abc"))
    remove(stage, 2)
    assert read(stage.accepted[2][0].hear()).body == b"abc"
    stage.pass_time(2)
    assert stage.accepted[1] == []
    stage.accepted[2][0].say(response(b"ok"))
    assert client.said().body == b"ok"
    assert stage.tally(1) == Tally()


def test_rule_9_a_request_in_the_queue_of_a_server_that_leaves_goes_to_another() -> None:
    """Rule 9; and who is in the queue is no business of the drain's cut."""
    stage = http()
    stage.rotate(stage.limited(1), max_queue=5)
    first, _ = stage.asks(request("GET", "/1"))
    second = stage.client()
    second.say(request("GET", "/2"))
    remove(stage, 2)
    assert cut(stage, FIRST) == 1
    assert first.said().status == 500
    assert read(stage.accepted[2][0].hear()).first == b"GET /2 HTTP/1.1"


def test_what_is_cut_is_never_tried_elsewhere() -> None:
    """Rule 6, for a request that may be sent twice."""
    stage = http()
    client, _ = stage.asks(request("GET"))
    cut(stage)
    assert client.said().status == 500
    assert stage.accepted[2] == []


@pytest.mark.parametrize("state", ["connecting", "queued", "half a head"])
def test_a_request_without_a_server_is_cut_with_its_listener(state: str) -> None:
    """Rules 6 and 72: a request is in flight from its first byte."""
    stage = http()
    stage.rotate(stage.limited(1), max_queue=5)
    if state == "connecting":
        stage.serve(1, after=1.0)
    elif state == "queued":
        stage.asks(request())
    client = stage.client()
    client.say(request()[:5] if state == "half a head" else request())
    assert cut(stage, LISTENER) == (2 if state == "queued" else 1)
    assert client.said().status == 500
    stage.pass_time(2)
    assert stage.tally().answered == stage.tally().cut == stage.tally().total
    assert stage.busy == 0
    assert stage.dialer.dialled == [] or state != "half a head"


@pytest.mark.parametrize(
    ("drain", "timeout", "needed", "status"),
    [(3, 20, 9, 500), (30, 20, 25, 504), (30, 20, 9, 200)],
)
def test_rules_40_41_and_42_time_against_time(drain: int, timeout: int, needed: int, status: int) -> None:
    """Rule 40: the drain's error_status at D. Rule 41: 504 at R. Rule 42: the whole normal response."""
    stage = http(request_timeout=float(timeout))
    client, server = stage.asks(request())
    remove(stage, 2)
    start = stage.clock.seconds()
    stage.clock.callLater(drain, stage.plane.cut, FIRST)
    stage.clock.callLater(needed, server.transport.write, response(b"whole"))
    while not client.received:
        stage.clock.advance(0.05)
    said = client.said()
    assert said.status == status
    due = min(drain, timeout, needed)
    assert due <= stage.clock.seconds() - start < due + 0.2
    if status == 200:
        assert (said.body, said.field("connection")) == (b"whole", None)
    stage.pass_time(30)


def test_rule_1_after_a_removal_no_request_goes_there() -> None:
    """Rule 1, for a client that had it, and for connections that were kept."""
    stage = http()
    clients = [stage.asks(request())[0] for _ in range(6)]
    for number in (1, 2):
        for end in stage.accepted[number]:
            end.say(response(b""))
    remove(stage, 2)
    for client in [*clients, *(stage.client() for _ in range(3))]:
        client.say(request())
    assert stage.tally(1).total == 3
    assert stage.tally(2).total == 3 + 9
    assert len(stage.accepted[1]) == 3


def test_rule_13_without_a_server_a_new_request_gets_503() -> None:
    """Rule 13; what is in flight goes on (rule 2)."""
    stage = http()
    client, server = stage.asks(request())
    remove(stage)
    late = stage.client()
    late.say(request())
    assert late.said().status == 503
    server.say(response(b"whole"))
    assert client.said().body == b"whole"
    client.say(request())
    assert client.said().status == 503


def test_rule_14_an_idle_timeout_still_counts_during_a_drain() -> None:
    """Rule 14, for a response that stands still."""
    stage = http()
    client, server = stage.asks(request())
    server.say(response(b"ab", "Content-Length: 9", length=False))
    remove(stage, 2)
    stage.pass_time(7.2)
    assert client.end == "fin"
    assert stage.tally(1) == stage.tally()
    assert (stage.tally(1).live, stage.tally(1).cut) == (0, 0), "it has ended by itself"


def test_rule_81_a_hundred_requests_and_tunnels_cost_one_timer() -> None:
    """Rule 81, for what the data plane adds to it; and rule 80: they are cut in one moment."""
    stage = http()
    stage.servers(1)
    for _ in range(50):
        stage.asks(request())
        stage.tunnel()
    assert stage.timers == 1
    assert cut(stage) == 100
    assert all(end.hear() or end.end for end in stage.accepted[1])
    assert stage.tally(1).answered == 50
    assert stage.timers == 1
    stage.pass_time(1.1)
    assert stage.tally(1).closed == 50


def test_rule_4_a_registration_is_empty_when_its_last_request_is_answered() -> None:
    """Rule 4: idle connections, of clients or to servers, are none (rule 15)."""
    stage = http()
    client, server = stage.asks(request())
    waiting = outcome(stage.plane.when_empty(FIRST))
    server.say(response(b"a", "Content-Length: 2", length=False))
    assert waiting == []
    server.say(b"b")
    assert waiting == [None]
    assert client.end == ""


def test_one_request_is_cut() -> None:
    stage = http()
    (first, _), (second, _) = stage.asks(request()), stage.asks(request(), server=2)
    ids = [view.id for view in stage.plane.connections(EVERYTHING)]
    assert stage.plane.cut_connection(ids[1])
    stage.settle()
    assert second.said().status == 500
    assert (first.hear(), first.end) == (b"", "")
    assert not stage.plane.cut_connection(ids[1])


def test_a_cut_of_some_by_spread_takes_no_request() -> None:
    """`spread`: requests in flight are cut at the deadline only."""
    stage = http()
    client, _ = stage.asks(request())
    stage.servers(1)
    tunnels = [stage.tunnel() for _ in range(2)]
    assert cut(stage, FIRST, 1) == 1
    assert cut(stage, FIRST, 5) == 1, "the other tunnel; one that is being cut counts no more"
    assert all(end.hear() for pair in tunnels for end in pair)
    assert (client.hear(), client.end) == (b"", "")
    stage.pass_time(1.1)
    assert cut(stage, FIRST, 5) == 0
    assert cut(stage, FIRST) == 1
    assert client.said().status == 500


def test_counters_of_a_cut_add_up() -> None:
    """Rule 64: connections = finished + cut, and what was cut is told by kind."""
    stage = http()
    stage.servers(1)
    ends: list[Any] = [stage.asks(request()) for _ in range(3)]
    begun = ends.pop()[1]
    begun.say(response(b"a", "Content-Length: 2", length=False))
    finished = ends.pop()[1]
    answering, silent = stage.tunnel(), stage.tunnel()
    answering[0].on_data = lambda data: answering[0].transport.write(b"\x88\x80abcd")
    answering[1].on_data = lambda data: answering[1].transport.write(b"\x88\x00")
    silent[0].say(b"\x82")
    assert stage.tally(1).live == 5
    finished.say(response(b"x"))
    assert cut(stage) == 4
    stage.pass_time(1.1)
    tally = stage.tally(1)
    assert tally == stage.tally()
    assert (tally.total, tally.live, tally.cut) == (5, 0, 4)
    assert (tally.answered, tally.truncated, tally.closed, tally.aborted) == (1, 1, 1, 1)
    assert stage.busy == 0


class TestLeaving:
    """Rules 70 to 72: a listener that accepts nothing new any more."""

    def leave(self, stage: Stage) -> list[object]:
        """What is waited for: that nobody is left."""
        stage.plane.stop_accepting(WEB)
        stage.settle()
        return outcome(stage.plane.when_empty(LISTENER))

    def test_rule_71_responses_say_close_and_then_comes_fin(self) -> None:
        """Rule 71, for a request that was in flight."""
        stage = http()
        client, server = stage.asks(request())
        waiting = self.leave(stage)
        server.say(response(b"last"))
        said = client.said()
        assert (said.body, said.field("connection"), client.end) == (b"last", b"close", "fin")
        assert waiting == []
        client.close()
        assert waiting == [None]

    def test_rule_71_an_idle_client_is_kept_for_a_second_for_one_last_request(self) -> None:
        """Rule 71."""
        stage = http()
        client, first = stage.asks(request())
        first.say(response(b""))
        client.hear()
        stage.pass_time(3)
        waiting = self.leave(stage)
        stage.pass_time(0.9)
        assert client.end == ""
        client.say(request())
        stage.pass_time(3)
        stage.accepted[2][0].say(response(b"last"))
        assert client.said().field("connection") == b"close"
        assert client.end == "fin"
        client.close()
        assert waiting == [None]

    def test_rule_71_an_idle_client_that_says_nothing_is_shut_after_a_second_and_closed_after_another(
        self,
    ) -> None:
        """Rule 71: when_empty waits for it."""
        stage = http()
        client, server = stage.asks(request())
        server.say(response(b""))
        client.hear()
        waiting = self.leave(stage)
        stage.pass_time(0.95)
        assert client.end == ""
        stage.pass_time(0.2)
        assert (client.end, client.hear()) == ("fin", b"")
        stage.pass_time(0.7)
        assert waiting == []
        stage.pass_time(0.3)
        assert waiting == [None]
        stage.pass_time(5)
        assert stage.empty()

    def test_rule_71_a_request_that_crosses_the_fin_sees_a_clean_end(self) -> None:
        """Rule 71: never a reset."""
        stage = http()
        client, server = stage.asks(request())
        server.say(response(b""))
        client.hear()
        self.leave(stage)
        stage.pass_time(1.15)
        assert client.end == "fin"
        client.say(request("POST", body=b"abc"))
        stage.pass_time(2)
        assert (client.hear(), client.end, client.transport.reset) == (b"", "fin", False)
        assert stage.accepted[2] == []

    def test_rule_71_of_pipelined_requests_the_one_under_way_is_the_last(self) -> None:
        """Rule 71: the client is told, and may send the others again."""
        stage = http()
        client, server = stage.asks(request("GET", "/1") + request("GET", "/2"))
        self.leave(stage)
        server.say(response(b"1"))
        (said,) = answers(client.hear())
        assert said.field("connection") == b"close"
        assert stage.accepted[2] == []

    def test_a_response_that_had_begun_does_not_say_close_and_the_client_has_a_second_more(self) -> None:
        """Rule 71, for who could not be told."""
        stage = http()
        client, server = stage.asks(request())
        server.say(response(b"a", "Content-Length: 2", length=False))
        self.leave(stage)
        server.say(b"b")
        assert client.said().field("connection") is None
        stage.pass_time(0.95)
        assert client.end == ""
        stage.pass_time(0.2)
        assert client.end == "fin"

    def test_rule_72_tunnels_and_bodies_go_on(self) -> None:
        """Rule 72."""
        stage = http()
        client, server = stage.tunnel()
        waiting = self.leave(stage)
        stage.pass_time(10)
        client.say(b"\x82\x00")
        assert server.hear() == b"\x82\x00"
        assert waiting == []
        client.close()
        server.close()
        assert waiting == [None]

    def test_rule_70_nobody_who_does_not_read_holds_up_the_end(self) -> None:
        """Rules 5 and 70: what is held for a slow peer is dropped at the cut."""
        stage = Stage(capacity=1000)
        stage.servers(1)
        stage.listen(**TIMEOUTS)
        client, server = stage.asks(request())
        client.deaf()
        for _ in range(30):
            server.say(response(b"", status=103, length=False))
        waiting = self.leave(stage)
        stage.plane.cut(EVERYTHING)
        stage.pass_time(1.2)
        assert waiting == [None]

    def test_rule_70_a_cut_closes_idle_clients_and_those_that_linger(self) -> None:
        """Rule 70: a second SIGTERM cuts at once."""
        stage = http()
        idle, lingering, silent = stage.client(), stage.client(), stage.client()
        lingering.say(b"\0")
        assert lingering.end == "fin"
        waiting = self.leave(stage)
        assert cut(stage, LISTENER) == 0
        stage.settle()
        assert [each.end for each in (idle, silent)] == ["fin", "fin"]
        assert waiting == [None]
        assert stage.guests == 0

    def test_a_cut_of_a_registration_closes_no_idle_client(self) -> None:
        stage = http()
        client, server = stage.asks(request())
        server.say(response(b""))
        cut(stage, FIRST)
        assert client.end == ""

    def test_who_has_sent_half_a_head_has_the_header_timeout(self) -> None:
        """A request is in flight from its first byte."""
        stage = http()
        client = stage.client()
        client.say(request()[:9])
        self.leave(stage)
        stage.pass_time(1.5)
        client.say(request()[9:])
        stage.accepted[1][0].say(response(b"yes"))
        assert client.said().field("connection") == b"close"

    def test_a_listener_that_comes_back_makes_no_one_leave(self) -> None:
        stage = http()
        self.leave(stage)
        stage.listen(**TIMEOUTS)
        client, server = stage.asks(request())
        server.say(response(b"x"))
        assert client.said().field("connection") is None
        stage.pass_time(5)
        assert client.end == ""

    def test_when_the_plane_is_closed_nothing_is_left(self) -> None:
        """Rule 70."""
        stage = http()
        stage.client()
        asked = stage.asks(request())[0]
        begun = stage.asks(request(), server=2)[1]
        begun.say(response(b"a", "Content-Length: 2", length=False))
        stage.tunnel()
        stage.plane.close()
        stage.settle()
        assert asked.said().status == 500
        stage.pass_time(6)
        assert stage.empty()
