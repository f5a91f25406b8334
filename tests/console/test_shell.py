"""The prompt on a terminal."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.console.command import MAX_LINE
from lbtwist.console.history import History
from lbtwist.console.shell import MAX_AHEAD, Shell
from lbtwist.service.verbs.verb import Caller, Result
from tests.console.fakes import FakeBalancer
from tests.console.line import FakeLine
from tests.console.recorder import ADMIN, OPERATOR, make_desk
from tests.console.test_editor import Terminal


class Screened(FakeLine):
    def __init__(self) -> None:
        super().__init__()
        self.terminal = Terminal()

    def send(self, data: bytes) -> None:
        super().send(data)
        self.terminal.write(data)


class Session:
    def __init__(self, caller: Caller = OPERATOR, colors: bool = False, **namespace: object) -> None:
        self.balancer = FakeBalancer()
        self.line = Screened()
        self.shell = Shell(self.line, make_desk(self.balancer, **namespace), caller, 60, colors)
        self.shell.open()

    def type(self, text: str) -> Session:
        self.shell.received(text.encode())
        return self

    @property
    def above(self) -> list[str]:
        return self.line.terminal.above

    @property
    def shown(self) -> str:
        return self.line.terminal.text

    @property
    def asked(self) -> list[str]:
        return [asked[1] for asked in self.balancer.asked]


def test_a_line_is_run_and_the_prompt_comes_again() -> None:
    session = Session().type("servers api\r")
    assert session.above == ["lb> servers api", "SERVER  STATE  WEIGHT"]
    assert session.shown == "lb> "


def test_several_lines_at_once() -> None:
    session = Session().type("remove app/none\rservers api\rsta")
    assert session.above[:2] == ["lb> remove app/none", "app/none: there is no such server"]
    assert session.shown == "lb> sta"


def test_an_unfinished_statement_has_another_prompt() -> None:
    session = Session(ADMIN).type("if 1:\r")
    assert session.shown == "... "
    session.type("  2\r\r")
    assert session.shown == "lb> "
    session.type("if 1:\r\x03")
    assert session.shown == "lb> "


def test_control_c_forgets_the_line() -> None:
    session = Session().type("remove app\x03")
    assert (session.above, session.shown, session.asked) == (["lb> remove app"], "lb> ", [])


def test_control_c_stops_the_waiting() -> None:
    session = Session().type("wait app/ecs01\r")
    assert (session.shell.busy, session.shown) == (True, "")
    session.type("\x03")
    assert session.balancer.given_up == 1
    assert session.above[-1] == "no longer waiting; what was begun goes on"
    assert session.shown == "lb> "


def test_control_c_in_one_piece_with_the_line_that_it_stops() -> None:
    session = Session().type("wait app/ecs01\r\x03servers api\r")
    assert session.balancer.given_up == 1
    assert session.asked == ["wait", "servers"]


def test_what_is_typed_ahead_comes_after() -> None:
    session = Session().type("wait app/ecs01\rservers api\rsta")
    assert session.asked == ["wait"]
    session.balancer.waits[0].callback(Result("empty"))
    assert session.asked == ["wait", "servers"]
    assert session.shown == "lb> sta"


def test_control_c_forgets_what_was_typed_ahead_before_it() -> None:
    session = Session().type("wait app/ecs01\r").type("servers\r").type("x\x03stat")
    assert session.asked == ["wait"]
    assert session.shown == "lb> stat"


def test_a_client_that_types_far_ahead_is_held() -> None:
    session = Session().type("wait app/ecs01\r").type("x" * (MAX_AHEAD + 1))
    assert session.line.holding
    session.balancer.waits[0].callback(Result("empty"))
    assert not session.line.holding


def test_the_progress_line_goes_when_the_wait_is_over() -> None:
    session = Session().type("remove app/ecs01 --wait\r")
    assert session.shown.startswith("app/ecs01: 12 connections left")
    session.balancer.waits[0].callback(Result("gone"))
    assert (session.above[-1], session.shown) == ("gone", "lb> ")


def test_what_an_earlier_line_still_prints_comes_above_the_line() -> None:
    waited: Deferred[None] = Deferred()
    session = Session(ADMIN, waited=waited)
    session.type("waited.addCallback(lambda _: print('later'))\r\x03")
    session.type("stat")
    waited.callback(None)
    assert (session.above[-1], session.shown) == ("later", "lb> stat")


def test_control_d_and_exit_leave() -> None:
    for keys in ("\x04", "exit\r"):
        session = Session().type(keys)
        assert session.line.statuses == [0]
        session.type("servers\r")
        assert session.asked == []


def test_the_end_of_input_leaves_once_all_is_done() -> None:
    session = Session().type("wait app/ecs01\rservers\r")
    session.shell.ended()
    assert session.line.statuses == []
    session.balancer.waits[0].callback(Result("empty"))
    assert (session.asked, session.line.statuses) == (["wait", "servers"], [0])


def test_a_client_that_is_gone_ends_the_waiting_and_nothing_else() -> None:
    session = Session().type("remove app/ecs01 --wait\r").type("servers\r")
    session.shell.closed()
    assert (session.balancer.given_up, session.asked, session.line.statuses) == (1, ["remove"], [])


def test_another_size_is_used_for_the_next_table() -> None:
    session = Session().type("servers\r")
    assert "app/ecs02  unhealthy  50" in session.above
    session.shell.resized(24, 10)
    session.type("servers\r")
    assert max(map(len, session.above[-3:])) <= 24


def test_colours_of_verbs_and_of_python() -> None:
    session = Session(ADMIN, colors=True)
    session.type("status")
    assert b"\x1b[1mstatus\x1b[0m" in session.line.out
    session.type("\x15x = 'a'")
    assert b"\x1b[33ma\x1b" in session.line.out
    assert b"\x1b[3" not in Session(OPERATOR).type("x = 'a'").line.out


def test_nothing_of_data_moves_the_cursor() -> None:
    session = Session(ADMIN)
    session.balancer.rows[0]["server"] = "\x1b[2J\r\x9b"
    session.type("servers\rprint('\\x1b[2J')\rlb.servers()\r")
    assert b"\x1b[2J" not in session.line.out
    assert b"\x9b" not in session.line.out


FUNCTION = "    def double(x):\r\n\r\n        return 2 * x\r\n\r\n    double(21)\r\n"


def test_a_function_that_is_pasted_runs_as_a_whole_when_it_is_entered() -> None:
    session = Session(ADMIN).type(f"\x1b[200~{FUNCTION}\x1b[201~")
    assert session.above == []
    session.type("\r")
    assert session.above == [
        "lb>     def double(x):",
        "...",
        "...         return 2 * x",
        "...",
        "...     double(21)",
        "42",
    ]
    assert session.shown == "lb> "


def test_what_goes_on_a_statement_may_be_pasted() -> None:
    session = Session(ADMIN).type("if 1:\r\x1b[200~  x = 6\r  print(x * 7)\r\x1b[201~\r")
    assert session.above[-1] == "42"
    assert session.shown == "lb> "


def test_commands_that_are_pasted_run_one_after_the_other_in_every_role() -> None:
    for caller in (OPERATOR, ADMIN):
        session = Session(caller).type("\x1b[200~remove app/ecs01 --wait\rservers api\r\tstatus\x1b[201~\r")
        assert session.asked == ["remove"]
        session.balancer.waits[0].callback(Result("done"))
        assert session.asked == ["remove", "servers", "status"]


def test_a_terminal_is_asked_to_mark_what_is_pasted_until_the_session_ends() -> None:
    session = Session(colors=True)
    assert session.line.out.startswith(b"\x1b[?2004h")
    session.type("exit\r")
    assert session.line.out.count(b"\x1b[?2004l") == 1
    assert b"2004" not in Session(colors=False).type("exit\r").line.out


def test_what_was_entered_in_another_session_comes_back() -> None:
    history = History()
    for text in ("servers api\r", "\x1b[A\r"):
        line = Screened()
        balancer = FakeBalancer()
        shell = Shell(line, make_desk(balancer), OPERATOR, 60, False, history)
        shell.open()
        shell.received(text.encode())
        assert [asked[1] for asked in balancer.asked] == ["servers"]


def test_only_python_that_was_pasted_may_be_longer_than_a_line() -> None:
    long = "x = '" + "y" * MAX_LINE + "'"
    session = Session(ADMIN).type(f"\x1b[200~{long}\rprint(len(x))\x1b[201~\r")
    assert session.above[-1] == str(MAX_LINE)
    session = Session(OPERATOR).type(f"\x1b[200~status\rservers {long}\x1b[201~\r\x03")
    assert session.asked == ["status"]


def test_a_tab_in_a_command_that_was_pasted_completes_nothing() -> None:
    session = Session(OPERATOR).type("\x1b[200~status\rweight\tapp/ecs01\t5\t\x1b[201~\r")
    assert session.asked == ["status", "weight"]
    assert session.line.terminal.bells == 0
