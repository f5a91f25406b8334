"""Lines of standard input, one after the other."""

from __future__ import annotations

from lbtwist.console.script import Script
from lbtwist.service.verbs.verb import Caller, Result
from tests.console.fakes import FakeBalancer
from tests.console.line import FakeLine
from tests.console.recorder import ADMIN, OPERATOR, make_desk


class Session:
    def __init__(self, caller: Caller = OPERATOR) -> None:
        self.balancer = FakeBalancer()
        self.line = FakeLine()
        self.script = Script(self.line, make_desk(self.balancer), caller)

    @property
    def asked(self) -> list[str]:
        return [asked[1] for asked in self.balancer.asked]


def test_each_line_is_run_and_the_status_is_the_last_one_s() -> None:
    session = Session()
    session.script.received(b"servers\r\nremove app/cu")
    session.script.received(b"t")
    assert (session.asked, session.line.statuses) == (["servers"], [])
    session.script.ended()
    assert (session.asked, session.line.statuses) == (["servers", "remove"], [3])
    assert b"\r" not in session.line.out


def test_errors_go_to_standard_error() -> None:
    session = Session()
    session.script.received(b"nonsense\n")
    session.script.ended()
    assert (session.line.out, session.line.statuses) == (b"", [2])
    assert session.line.err == b"no verb 'nonsense'; help lists them\n"


def test_a_line_waits_for_the_one_before_it() -> None:
    session = Session()
    session.script.received(b"wait app/ecs01\nservers\n")
    session.script.ended()
    assert (session.asked, session.line.holding, session.line.statuses) == (["wait"], True, [])
    session.balancer.waits[0].callback(Result("empty"))
    assert (session.asked, session.line.holding, session.line.statuses) == (["wait", "servers"], False, [0])


def test_a_wait_shows_its_progress_on_standard_error_unless_it_is_not_read() -> None:
    session = Session()
    session.script.received(b"remove app/ecs01 --wait\n")
    assert session.line.err == b"app/ecs01: 12 connections left, 30 s left, 0.4/s\n"
    clogged = Session()
    clogged.line.clogged = True
    clogged.script.received(b"remove app/ecs01 --wait\n")
    assert clogged.line.err == b""
    for each in (session, clogged):
        each.script.closed()


def test_a_client_that_is_gone_ends_the_waiting_and_what_came_after_it() -> None:
    session = Session()
    session.script.received(b"wait app/ecs01\nremove app/ecs01\n")
    assert session.script.busy
    session.script.closed()
    assert (session.balancer.given_up, session.asked) == (1, ["wait"])


def test_a_block_of_python_ends_with_the_input() -> None:
    session = Session(ADMIN)
    session.script.received(b"for n in range(2):\n    n_was = n\n    print(n)")
    session.script.ended()
    assert (session.line.out, session.line.statuses) == (b"0\n1\n", [0])


def test_exit_ends_it() -> None:
    session = Session()
    session.script.received(b"exit\nservers\n")
    session.script.received(b"servers\n")
    session.script.ended()
    assert (session.asked, session.line.statuses) == ([], [0])


def test_no_input_at_all_is_done() -> None:
    session = Session()
    session.script.ended()
    assert session.line.statuses == [0]


def test_a_line_without_end_is_bounded() -> None:
    session = Session()
    session.script.received(b"a" * 9000)
    assert session.line.statuses == [2]
    assert b"longer than 8192 bytes" in session.line.err
