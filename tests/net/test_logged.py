"""What an access log is told of tcp connections: one line for each, with how it has ended."""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.access import NOT_REACHED, End
from lbtwist.model.plane import EVERYTHING, CutBy, Scope
from tests.net.accesses import Accesses
from tests.net.bench import Bench, member


class Logged(Bench):
    """A Bench with an access log, and two servers that take turns."""

    def __init__(self) -> None:
        super().__init__()
        self.plane._means = self.plane._means._replace(wall=lambda: 5000.0 + self.clock.seconds())
        self.log = Accesses()
        assert verifyObject(IAccessObserver, self.log)
        self.plane.log_access(self.log)
        self.servers(1, 2, scheduler="rr")


@pytest.fixture
def bench() -> Logged:
    bench = Logged()
    bench.listen(idle_timeout=10.0, connect_timeout=2.0)
    return bench


def test_a_connection_that_both_sides_close_is_done(bench: Logged) -> None:
    bench.clock.advance(100)
    bench.serve(1, after=0.5)
    client = bench.client("2001:db8::1")
    bench.clock.advance(0.5)
    server = bench.accepted[1][0]
    client.transport.write(b"abc")
    server.transport.write(b"defgh")
    bench.pass_time(1)
    client.transport.loseConnection()
    bench.settle()
    assert bench.log.lines == []
    server.transport.loseConnection()
    bench.settle()
    line = bench.log.only
    assert line.end is End.DONE
    assert line.time == pytest.approx(5100)
    assert (line.protocol, line.listener, line.group, line.server) == ("tcp", "l1", "app", "app/s1#1")
    assert (line.client, line.real_client) == ("[2001:db8::1]:50000", "2001:db8::1")
    assert (line.received, line.sent, line.status) == (3, 5, 0)
    assert (line.head, line.queue, line.response) == (NOT_REACHED, 0, NOT_REACHED)
    assert line.connect == pytest.approx(0.5)
    assert line.total == pytest.approx(1.5)
    assert (line.retries, line.connections, line.at_server) == (0, 1, 1)


def test_a_side_that_resets_has_aborted(bench: Logged) -> None:
    for who, end in (("client", End.CLIENT_ABORT), ("server", End.SERVER_ABORT)):
        ends = dict(zip(("client", "server"), bench.connected(len(bench.log.lines) + 1), strict=True))
        ends["client"].transport.write(b"?")
        bench.settle()
        ends[who].transport.abortConnection()
        bench.settle()
        assert bench.log.ends[-1] is end
    assert len(bench.log.lines) == 2


def test_a_client_that_goes_before_it_has_a_server_has_aborted(bench: Logged) -> None:
    bench.serve(1, after=1.0)
    client = bench.client()
    bench.settle()
    client.transport.abortConnection()
    bench.settle()
    assert bench.log.only.end is End.CLIENT_ABORT
    assert (bench.log.only.server, bench.log.only.connect) == ("", NOT_REACHED)


def test_a_connection_on_which_nothing_moves_is_its_clients_timeout(bench: Logged) -> None:
    bench.connected()
    bench.pass_time(10.5)
    assert bench.log.only.end is End.CLIENT_TIMEOUT


@pytest.mark.parametrize(
    ("failure", "after", "end"),
    [("refused", 0.0, End.CONNECT_FAILED), ("refused", 9.0, End.CONNECT_TIMEOUT)],
)
def test_servers_that_can_not_be_connected(bench: Logged, failure: str, after: float, end: End) -> None:
    for number in (1, 2):
        bench.refuse(number, failure, after)
    bench.client()
    bench.pass_time(5)
    assert bench.log.only.end is end
    assert (bench.log.only.server, bench.log.only.retries) == ("app/s2#2", 1)
    assert bench.observer.lacked == [("app", 2, "")]


def test_a_server_that_was_of_no_use_is_failed_over_from(bench: Logged) -> None:
    _, server = bench.connected()
    server.transport.loseConnection()
    bench.settle()
    (second,) = bench.accepted[2]
    assert bench.log.lines == []
    second.transport.loseConnection()
    bench.settle()
    assert bench.log.only.end is End.CONNECT_FAILED
    assert (bench.log.only.connect, bench.log.only.retries) == (NOT_REACHED, 1)
    assert bench.log.only.server == "app/s2#2"


def test_without_a_server(bench: Logged) -> None:
    bench.rotate()
    bench.client()
    bench.settle()
    assert bench.log.only.end is End.NO_SERVER
    assert (bench.log.only.server, bench.log.only.at_server) == ("", 0)
    assert bench.observer.lacked == [("app", 0, "")]


def test_what_this_process_is_short_of_is_told(bench: Logged) -> None:
    bench.refuse(1, "no descriptor left in this process", own=True)
    bench.client()
    bench.settle()
    assert bench.log.only.end is End.NO_SERVER
    assert bench.observer.lacked == [("app", 1, "no descriptor left in this process")]


def test_the_wait_for_room_is_told() -> None:
    bench = Logged()
    bench.listen()
    bench.rotate(member(1, max_connections=1), max_queue=5, queue_timeout=20.0)
    first, _ = bench.connected()
    second = bench.client()
    bench.pass_time(3)
    first.transport.abortConnection()
    bench.settle()
    assert bench.log.lines[0].queued == 1
    second.transport.abortConnection()
    bench.settle()
    assert bench.log.lines[1].queue == pytest.approx(3)


def test_a_client_over_the_limit_is_told_at_once() -> None:
    bench = Logged()
    bench.listen(max_connections=1)
    bench.connected()
    bench.client("192.0.2.7")
    bench.settle()
    line = bench.log.only
    assert (line.end, line.client, line.status, line.total) == (End.OVER_LIMIT, "192.0.2.7:50001", 0, 0)


@pytest.mark.parametrize(
    ("why", "end"),
    [
        (CutBy.DEADLINE, End.DRAIN_DEADLINE),
        (CutBy.OPERATOR, End.OPERATOR_CUT),
        (CutBy.SHUTDOWN, End.SHUTDOWN_CUT),
    ],
)
def test_a_cut_says_why(bench: Logged, why: CutBy, end: End) -> None:
    bench.connected()
    bench.plane.cut(Scope.registration(1), why=why)
    bench.settle()
    assert bench.log.only.end is end


def test_one_connection_is_cut_by_an_operator_and_the_rest_at_the_end(bench: Logged) -> None:
    bench.connected()
    bench.connected(2)
    bench.plane.cut_connection(bench.plane._frontends[1].ledger.live.copy().popitem()[0])
    bench.settle()
    bench.plane.close()
    bench.settle()
    assert bench.log.ends == [End.OPERATOR_CUT, End.SHUTDOWN_CUT]


def test_the_line_is_there_before_who_waits_for_the_end_hears_of_it(bench: Logged) -> None:
    client, _ = bench.connected()
    heard: list[int] = []
    bench.plane.when_empty(EVERYTHING).addCallback(lambda _: heard.append(len(bench.log.lines)))
    client.transport.abortConnection()
    bench.settle()
    assert heard == [1]


def test_without_an_access_log_nothing_is_noted() -> None:
    bench = Logged()
    bench.listen()
    bench.plane.log_access(None)
    client, _ = bench.connected()
    bench.plane.log_access(bench.log)
    client.transport.abortConnection()
    bench.settle()
    assert bench.log.lines == []
