"""One command and its exit status."""

from __future__ import annotations

import pytest

from lbtwist.console.one_command import MAX_INPUT, OneCommand
from lbtwist.console.output import Screen, Streams
from lbtwist.service.verbs.verb import Result
from tests.console.fakes import FakeBalancer
from tests.console.line import FakeLine
from tests.console.recorder import OPERATOR, make_desk


class Session:
    def __init__(self, text: str, terminal: bool = False) -> None:
        self.balancer = FakeBalancer()
        self.line = FakeLine()
        output = Screen(self.line, lambda: 60, False) if terminal else Streams(self.line)
        self.command = OneCommand(self.line, make_desk(self.balancer), OPERATOR, text, output)
        self.command.open()


def test_it_runs_at_once_and_ends() -> None:
    session = Session("servers")
    assert session.line.statuses == [0]
    assert session.line.out.startswith(b"SERVER")


def test_the_end_of_input_does_not_end_the_waiting() -> None:
    session = Session("wait app/ecs01")
    session.command.ended()
    assert (session.line.statuses, session.command.busy) == ([], True)
    session.balancer.waits[0].callback(Result("empty"))
    assert (session.line.statuses, session.command.busy) == ([0], False)


def test_input_is_awaited_where_the_verb_takes_it() -> None:
    session = Session("apply")
    session.command.received(b"a = ")
    session.command.received("'ß'\n".encode())
    assert session.line.statuses == []
    session.command.ended()
    assert session.line.statuses == [0]
    assert session.balancer.asked[0][2]["fragment"] == "a = 'ß'\n"


def test_input_is_not_awaited_where_something_else_is_given_instead() -> None:
    session = Session("apply app")
    assert session.line.statuses == [0]
    assert session.balancer.asked[0][2] == {"group": "app"}


@pytest.mark.parametrize(
    ("data", "said"), [(b"\xff", b"not UTF-8 at byte 0"), (b"a" * (MAX_INPUT + 1), b"longer")]
)
def test_input_that_can_not_be_taken_is_refused(data: bytes, said: bytes) -> None:
    session = Session("apply")
    session.command.received(data)
    session.command.ended()
    assert (session.line.statuses, session.balancer.asked) == ([1], [])
    assert said in session.line.err


def test_control_c_on_a_terminal_ends_the_waiting() -> None:
    session = Session("wait app/ecs01", terminal=True)
    session.command.received(b"x\x03")
    assert (session.line.statuses, session.balancer.given_up) == ([130], 1)


def test_control_c_without_one_is_data() -> None:
    session = Session("wait app/ecs01")
    session.command.received(b"\x03")
    assert session.line.statuses == []
    session.command.closed()


def test_control_c_before_the_input_has_ended() -> None:
    session = Session("apply", terminal=True)
    session.command.received(b"\x03")
    session.command.ended()
    assert (session.line.statuses, session.balancer.asked) == ([1], [])


def test_a_client_that_is_gone_ends_the_waiting_and_nothing_else() -> None:
    session = Session("remove app/ecs01 --wait")
    session.command.closed()
    assert (session.balancer.given_up, session.line.statuses) == (1, [])
    assert [asked[1] for asked in session.balancer.asked] == ["remove"]


def test_the_progress_line_is_drawn_over() -> None:
    session = Session("remove app/ecs01 --wait", terminal=True)
    session.balancer.waits[0].callback(Result({"server": "app/ecs01"}))
    assert session.line.out == (
        b"app/ecs01: 12 connections left, 30 s left, 0.4/s\r\x1b[Kserver  app/ecs01\r\n"
    )


def test_the_progress_line_fits_the_terminal() -> None:
    session = Session("remove app/" + "a" * 80 + " --wait", terminal=True)
    assert len(session.line.out.decode()) < 60
    session.command.closed()
