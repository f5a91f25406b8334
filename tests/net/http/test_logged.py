"""What an access log is told of requests and WebSockets: one line for each, with how it has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import NOT_REACHED, Access, End, Told
from lbtwist.model.network import parse_networks
from lbtwist.model.plane import EVERYTHING, CutBy, Scope
from lbtwist.model.routing import Rule
from lbtwist.net.http.logged import SHORT
from tests.net.accesses import Accesses
from tests.net.http.stage import CHUNKED, NOW, TIMEOUTS, UPGRADE, Stage, chunks, request, response
from tests.wire.frames import CLOSE, TEXT, frame

FIRST = Scope.registration(1)
GOODBYE = frame(CLOSE, b"\x03\xe8")
ANSWER = frame(CLOSE, b"\x03\xe8", mask=bytes(4))


class Logged(Stage):
    """A Stage with an access log, and two servers that take turns."""

    def __init__(self, **policy: Any) -> None:
        super().__init__()
        self.log = Accesses(lambda: NOW - self.clock.seconds())
        self.plane.log_access(self.log)
        self.servers(1, 2, scheduler="rr")
        self.listen(**{**TIMEOUTS, **policy})

    @property
    def line(self) -> Access:
        self.settle()
        return self.log.only


@implementer(IAccessObserver)
class Kept:
    """Keeps what it hears, and asks for no more."""

    def __init__(self) -> None:
        self.records: list[Told] = []

    def over(self, record: Told) -> None:
        self.records.append(record)


@pytest.fixture
def stage() -> Logged:
    return Logged()


def test_a_request_that_is_answered_is_done(stage: Logged) -> None:
    stage.serve(1, after=0.25)
    client = stage.client("192.0.2.9")
    head = request("GET", "/a?b=c", "User-Agent: x")
    client.say(head[:10])
    stage.clock.advance(0.5)
    client.say(head[10:])
    stage.clock.advance(0.25)
    (end,) = stage.accepted[1]
    stage.clock.advance(1)
    end.say(response(b"12345")[:-1])
    stage.clock.advance(2)
    assert stage.log.lines == []
    end.say(b"5")
    line = stage.line
    assert line.end is End.DONE
    assert (line.protocol, line.listener, line.group, line.server) == ("http", "l1", "app", "app/s1#1")
    assert (line.client, line.real_client) == ("192.0.2.9:50000", "192.0.2.9")
    assert (line.method, line.host, line.target, line.version) == (b"GET", b"a.example", b"/a?b=c", b"1.1")
    assert line.status == 200
    assert (line.received, line.sent) == (len(head), stage.tally().sent)
    assert (line.head, line.queue, line.connect) == (0.5, 0, 0.25)
    assert (line.response, line.total) == (1, 3.75)
    assert line.time == NOW - 3.75
    assert (line.retries, line.reused, line.queued) == (0, False, 0)
    assert (line.connections, line.at_server) == (1, 1)


def test_a_kept_connection_is_told_as_reused(stage: Logged) -> None:
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    client.say(request())
    end.say(response())
    first, second = stage.log.lines
    assert (first.reused, second.reused) == (False, True)
    assert (second.connect, second.at_server) == (0, 1)


def test_a_usual_request_has_its_times_and_bytes(stage: Logged) -> None:
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    stage.clock.advance(1)
    before = stage.tally()
    client.say(request("GET", "/b"))
    stage.clock.advance(0.5)
    end.say(response(b"12345")[:-1])
    stage.clock.advance(0.25)
    end.say(b"5")
    line = stage.log.lines[1]
    assert (line.time, line.total) == (NOW - 0.75, 0.75)
    assert (line.head, line.queue, line.connect, line.response) == (0, 0, 0, 0.5)
    assert (line.method, line.target, line.status, line.end) == (b"GET", b"/b", 200, End.DONE)
    assert line.received == stage.tally().received - before.received
    assert line.sent == stage.tally().sent - before.sent
    assert (line.client, line.real_client, line.server) == ("192.0.2.1:50000", "192.0.2.1", "app/s1#1")


def test_a_usual_request_has_the_name_of_its_listener_then(stage: Logged) -> None:
    """It is told when lines are made of many: a policy may have come by then."""
    told = Kept()
    stage.plane.log_access(told)
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    client.say(request())
    end.say(response())
    frontend = stage.plane._frontends[1]
    frontend.adopt(replace(frontend.policy, name="another"), frontend.group)
    usual = told.records[1]
    assert not isinstance(usual, Access)
    assert usual[2] == "l1"


def test_a_long_request_is_not_kept_until_it_is_told(stage: Logged) -> None:
    told = Kept()
    stage.plane.log_access(told)
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    for field in ("X: " + "x" * SHORT, "X: x"):
        client.say(request("GET", "/", field))
        end.say(response())
    _, long, short = told.records
    assert not isinstance(short, Access)
    assert isinstance(long, Access)
    assert (long.reused, long.end, long.queue, long.head) == (True, End.DONE, 0, 0)


def test_a_body_over_a_kept_connection_is_in_the_time_of_the_answer(stage: Logged) -> None:
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    stage.clock.advance(1)
    client.say(request("POST", "/", "Content-Length: 6") + b"abc")
    stage.clock.advance(2)
    client.say(b"def")
    stage.clock.advance(0.5)
    end.say(response())
    line = stage.log.lines[1]
    assert (line.reused, line.queue, line.connect, line.response) == (True, 0, 0, 2.5)


def test_a_bad_body_over_a_kept_connection_has_had_its_server(stage: Logged) -> None:
    client, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1))
    client.say(request("POST", "/", CHUNKED) + b"what\r\n")
    line = stage.log.lines[1]
    assert (line.end, line.reused, line.queue, line.connect) == (End.REFUSED, True, 0, 0)


def test_a_request_that_goes_on_over_a_kept_connection_is_told_as_reused(stage: Logged) -> None:
    """Its first server, which was dialled, has closed before it was of use."""
    client, first = stage.asks(request())
    first.say(response())
    client.say(request())
    second = stage.accepted[2][0]
    second.say(response())
    stage.accepted[1][0].close()  # the next one to server 1 is dialled
    stage.clock.advance(0.5)
    other = stage.client()
    other.say(request())
    stage.accepted[1][1].close()
    second.say(response())
    line = stage.log.lines[-1]
    assert (line.server, line.retries, line.reused, line.connect) == ("app/s2#2", 1, True, 0)


def test_a_client_that_goes_while_a_second_server_is_dialled(stage: Logged) -> None:
    stage.refuse(1)
    stage.serve(2, after=1.0)
    client = stage.client()
    client.say(request())
    client.reset()
    stage.settle()
    assert (stage.line.end, stage.line.retries, stage.line.server) == (End.CLIENT_ABORT, 1, "")


def test_requests_at_once_are_counted(stage: Logged) -> None:
    stage.asks(request())
    _, end = stage.asks(request(), server=2)
    end.say(response())
    assert (stage.line.connections, stage.line.at_server) == (2, 1)


def test_the_client_behind_a_trusted_proxy_is_the_real_one() -> None:
    stage = Logged(trusted_proxies=parse_networks(["192.0.2.0/24"]), rules=RULES)
    _, end = stage.asks(request("GET", "/", "X-Forwarded-For: 203.0.113.5"))
    end.say(response())
    assert (stage.line.client, stage.line.real_client) == ("192.0.2.1:50000", "203.0.113.5")
    stage.client().say(request("GET", "/gone", "X-Forwarded-For: 203.0.113.6"))
    assert stage.log.lines[1].real_client == "203.0.113.6"


RULES = (Rule(path_prefix=b"/gone", respond=404), Rule(path_prefix=b"/other", group="other"))


def test_what_a_rule_answers_is_its_own(stage: Logged) -> None:
    stage.listen(**TIMEOUTS, rules=RULES)
    client = stage.client()
    client.say(request("GET", "/gone"))
    line = stage.line
    assert (line.end, line.status, line.group, line.server) == (End.RULE, 404, "", "")
    assert line.queue == line.connect == line.response == NOT_REACHED


def test_the_group_is_that_of_the_rule(stage: Logged) -> None:
    stage.listen(**TIMEOUTS, rules=RULES)
    stage.client().say(request("GET", "/other"))
    assert (stage.line.end, stage.line.group, stage.line.status) == (End.NO_SERVER, "other", 503)
    assert stage.observer.lacked == [("other", 0, "")]


@pytest.mark.parametrize(
    ("failure", "after", "end", "status"),
    [("refused", 0.0, End.CONNECT_FAILED, 502), ("refused", 9.0, End.CONNECT_TIMEOUT, 504)],
)
def test_servers_that_can_not_be_connected(
    stage: Logged, failure: str, after: float, end: End, status: int
) -> None:
    for number in (1, 2):
        stage.refuse(number, failure, after)
    stage.client().say(request())
    stage.pass_time(5)
    line = stage.line
    assert (line.end, line.status, line.server, line.retries) == (end, status, "app/s2#2", 1)
    assert line.connect == NOT_REACHED
    assert stage.observer.lacked == [("app", 2, "")]


def test_a_bad_request_is_refused(stage: Logged) -> None:
    stage.client().say(b"GET / HTTP/1.1\r\n\r\n")
    line = stage.line
    assert (line.end, line.status, line.method, line.group) == (End.REFUSED, 400, b"", "")
    assert line.head == NOT_REACHED


def test_what_we_answer_ourselves_is_counted(stage: Logged) -> None:
    client = stage.client()
    client.say(b"GET / HTTP/1.1\r\n\r\n")
    answered = len(client.hear())
    assert stage.line.sent == stage.tally().sent == answered > 100


def test_a_bad_body_is_refused(stage: Logged) -> None:
    stage.asks(request("POST", "/", CHUNKED) + b"what\r\n")
    assert (stage.line.end, stage.line.status, stage.line.method) == (End.REFUSED, 400, b"POST")


def test_a_client_over_the_limit() -> None:
    stage = Logged(max_connections=1)
    stage.client()
    refused = stage.client("192.0.2.7")
    assert (stage.line.end, stage.line.status) == (End.OVER_LIMIT, 503)
    assert stage.line.sent == len(refused.hear()) > 100
    assert stage.line.client == "192.0.2.7:50001"


def test_a_head_that_takes_too_long_is_the_clients_timeout(stage: Logged) -> None:
    stage.client().say(b"GET / ")
    stage.pass_time(3.5)
    assert (stage.line.end, stage.line.status) == (End.CLIENT_TIMEOUT, 408)


def test_a_body_that_stands_still_is_the_clients_timeout(stage: Logged) -> None:
    stage.asks(request("POST", "/", "Content-Length: 9") + b"abc")
    stage.pass_time(8)
    assert (stage.line.end, stage.line.status) == (End.CLIENT_TIMEOUT, 408)


def test_a_client_that_takes_nothing_is_the_clients_timeout(stage: Logged) -> None:
    client, end = stage.asks(request())
    client.deaf()
    end.say(response(bytes(500_000)))
    stage.pass_time(16)
    assert (stage.line.end, stage.line.status) == (End.CLIENT_TIMEOUT, 200)


def test_an_answer_that_stands_still_is_the_servers_timeout(stage: Logged) -> None:
    _, end = stage.asks(request())
    end.say(response(b"abc", "Content-Length: 9", length=False))
    stage.pass_time(8)
    assert (stage.line.end, stage.line.status) == (End.SERVER_TIMEOUT, 200)


def test_a_server_that_does_not_take_the_body_is_the_servers_timeout(stage: Logged) -> None:
    client = stage.client()
    client.say(request("POST", "/", "Content-Length: 1000000"))
    stage.accepted[1][0].deaf()
    client.say(bytes(900_000))
    stage.pass_time(16)
    assert (stage.line.end, stage.line.status) == (End.SERVER_TIMEOUT, 504)


def test_a_server_that_does_not_answer_is_the_servers_timeout(stage: Logged) -> None:
    stage.asks(request())
    stage.pass_time(20.5)
    line = stage.line
    assert (line.end, line.status, line.server) == (End.SERVER_TIMEOUT, 504, "app/s1#1")
    assert line.at_server == 1
    assert (line.connect, line.response) == (0, NOT_REACHED)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", request(), request("POST", "/", "Content-Length: 9")])
def test_a_client_that_goes_away_has_aborted(stage: Logged, sent: bytes) -> None:
    client = stage.client()
    client.say(sent)
    client.reset()
    stage.settle()
    assert stage.log.ends == ([End.CLIENT_ABORT] if sent else [])


def test_a_client_that_shuts_before_its_body_is_whole_has_aborted(stage: Logged) -> None:
    client, _ = stage.asks(request("POST", "/", "Content-Length: 9"))
    client.shut()
    assert (stage.line.end, stage.line.status) == (End.CLIENT_ABORT, 400)


def test_a_server_that_resets_has_aborted(stage: Logged) -> None:
    _, end = stage.asks(request("POST", "/", body=b"abc"))
    end.reset()
    assert (stage.line.end, stage.line.status) == (End.SERVER_ABORT, 502)


def test_a_server_that_ends_its_answer_too_early_has_aborted(stage: Logged) -> None:
    _, end = stage.asks(request())
    end.say(response(b"abc", "Content-Length: 9", length=False))
    end.close()
    assert (stage.line.end, stage.line.status) == (End.SERVER_ABORT, 200)


@pytest.mark.parametrize("said", [b"what?\r\n\r\n", chunks(b"1")])
def test_a_server_that_speaks_no_http_has_aborted(stage: Logged, said: bytes) -> None:
    _, end = stage.asks(request())
    end.say(said)
    assert (stage.line.end, stage.line.status) == (End.SERVER_ABORT, 502)


def test_a_request_that_is_tried_again_and_answered_is_done(stage: Logged) -> None:
    _, end = stage.asks(request())
    end.close()
    stage.settle()
    assert stage.log.lines == []
    stage.accepted[2][0].say(response())
    line = stage.line
    assert (line.end, line.server, line.retries, line.status) == (End.DONE, "app/s2#2", 1, 200)


def test_a_request_that_no_server_answers_after_a_retry(stage: Logged) -> None:
    _, end = stage.asks(request())
    stage.refuse(2)
    end.close()
    assert (stage.line.end, stage.line.connect) == (End.CONNECT_FAILED, NOT_REACHED)


@pytest.mark.parametrize(
    ("why", "end"),
    [
        (CutBy.DEADLINE, End.DRAIN_DEADLINE),
        (CutBy.OPERATOR, End.OPERATOR_CUT),
        (CutBy.SHUTDOWN, End.SHUTDOWN_CUT),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_a_cut_says_why(stage: Logged, why: CutBy, end: End, begun: bool) -> None:
    """Rules 6 and 7."""
    _, server = stage.asks(request())
    if begun:
        server.say(response(b"abc", "Content-Length: 9", length=False))
    stage.plane.cut(FIRST, why=why)
    assert (stage.line.end, stage.line.status) == (end, 200 if begun else 500)


def test_a_websocket_is_told_once_at_its_end(stage: Logged) -> None:
    client, end = stage.tunnel()
    answered = stage.tally().sent
    stage.clock.advance(2)
    client.say(frame(TEXT, b"hello", mask=b"abcd"))
    end.say(GOODBYE)
    assert stage.log.lines == []
    client.say(ANSWER)
    end.close()
    client.close()
    line = stage.line
    assert (line.end, line.protocol, line.status) == (End.DONE, "websocket", 101)
    assert (line.method, line.target, line.server) == (b"GET", b"/chat", "app/s1#1")
    assert (line.received, line.sent) == (len(UPGRADE) + 11 + len(ANSWER), answered + len(GOODBYE))
    assert line.received == stage.tally().received
    assert (line.total, line.response, line.connections, line.at_server) == (2, 0, 1, 1)


def test_a_websocket_on_which_nothing_moves(stage: Logged) -> None:
    stage.tunnel()
    stage.pass_time(50.5, step=0.5)
    assert stage.line.end is End.TUNNEL_TIMEOUT


@pytest.mark.parametrize(("who", "end"), [(0, End.CLIENT_ABORT), (1, End.SERVER_ABORT)])
def test_a_side_of_a_websocket_that_resets_has_aborted(stage: Logged, who: int, end: End) -> None:
    stage.tunnel()[who].reset()
    assert stage.line.end is end


@pytest.mark.parametrize(("who", "end"), [(0, End.CLIENT_ABORT), (1, End.SERVER_ABORT)])
def test_a_side_of_a_websocket_that_ends_without_a_close_frame_has_aborted(
    stage: Logged, who: int, end: End
) -> None:
    """The kernel of a process that is killed may send a FIN for it."""
    sides = stage.tunnel()
    sides[1].say(frame(TEXT, b"hello"))
    sides[who].close()
    sides[1 - who].close()
    assert stage.line.end is end


@pytest.mark.parametrize("who", [0, 1])
def test_a_close_frame_of_either_side_is_an_orderly_end(stage: Logged, who: int) -> None:
    """The other one may close without an answer."""
    sides = stage.tunnel()
    sides[who].say((ANSWER, GOODBYE)[who])
    sides[1 - who].close()
    sides[who].close()
    assert stage.line.end is End.DONE


@pytest.mark.parametrize("code", [1001, 0])
def test_a_websocket_that_is_cut_says_why(stage: Logged, code: int) -> None:
    """Rule 51."""
    stage.servers(1, 2, websocket_close=code)
    stage.tunnel()
    stage.plane.cut(EVERYTHING, why=CutBy.SHUTDOWN)
    stage.plane.cut(EVERYTHING, why=CutBy.DEADLINE)
    stage.pass_time(2)
    assert stage.line.end is End.SHUTDOWN_CUT


def test_the_lines_add_up_with_the_counters(stage: Logged) -> None:
    client, end = stage.asks(request("POST", "/", body=b"abcdef"))
    end.say(response(b"123"))
    client.say(request("POST", "/2", CHUNKED) + chunks(b"a", b"b"))
    stage.accepted[2][0].say(response(b"4567"))
    stage.asks(request())[0].reset()
    stage.tunnel(server=2)
    stage.plane.cut(EVERYTHING)
    stage.pass_time(2)
    tally, lines = stage.tally(), stage.log.lines
    assert len(lines) == tally.total == 4
    assert sum(line.received for line in lines) == tally.received
    assert sum(line.sent for line in lines) == tally.sent
    assert [line.end for line in lines].count(End.DRAIN_DEADLINE) == tally.cut == 1


def test_the_line_is_there_before_who_waits_for_the_end_hears_of_it(stage: Logged) -> None:
    _, end = stage.asks(request())
    heard: list[int] = []
    stage.plane.when_empty(EVERYTHING).addCallback(lambda _: heard.append(len(stage.log.lines)))
    end.say(response())
    assert heard == [1]


def test_without_an_access_log_nothing_is_noted(stage: Logged) -> None:
    stage.plane.log_access(None)
    stage.asks(request())[1].say(response())
    assert stage.log.lines == []


def test_a_usual_request_tells_how_many_wait(stage: Logged) -> None:
    _, end = stage.asks(request())
    end.say(response())
    stage.rotate(stage.limited(1), max_queue=5, queue_timeout=20.0)
    for _ in range(3):
        stage.client().say(request())  # the first goes on over the connection that was kept
    end.say(response())
    assert [(line.reused, line.queued) for line in stage.log.lines[1:]] == [(True, 1)]
