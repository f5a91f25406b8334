"""One prompt: a verb, or for an admin Python."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from lbtwist.console.prompt import Prompt, is_command
from lbtwist.service.verbs.verb import Caller, Exit, Result
from tests.console.fakes import FakeBalancer, fake_verbs
from tests.console.recorder import ADMIN, OPERATOR, Recorder, logged, make_desk


class Session:
    def __init__(self, caller: Caller = ADMIN, **namespace: object) -> None:
        self.balancer = FakeBalancer()
        self.output = Recorder()
        self.prompt = Prompt(make_desk(self.balancer, **namespace), caller, self.output)

    def run(self, line: str) -> int:
        statuses: list[int] = []
        self.prompt.submit(line).addCallback(statuses.append)
        return statuses[0]


@pytest.mark.parametrize(
    "line", ["status", " status ", "remove app/a", "remove listener web", "weight x == 3", "wait a=b"]
)
def test_a_line_that_begins_with_a_verb_is_a_command(line: str) -> None:
    assert is_command(line, fake_verbs())


@pytest.mark.parametrize(
    "line",
    [
        "status = 1",
        "status=1",
        "status += 1",
        "status: int = 1",
        "status : int = 1",
        "status()",
        "remove ('x')",
        "status.x",
        "status, x = 1, 2",
        "status[0]",
        "print(1)",
        "nothing",
        "1 + 1",
        "",
    ],
)
def test_an_assignment_or_a_call_is_not(line: str) -> None:
    assert not is_command(line, fake_verbs())


def test_a_command_is_run() -> None:
    session = Session(OPERATOR)
    assert session.run("remove app/ecs01") == Exit.DONE
    assert session.balancer.asked[0][1] == "remove"
    assert session.run("remove app/cut") == Exit.CUT


def test_an_admin_has_python_with_lb_and_the_namespace() -> None:
    session = Session(answer=42)
    session.run("status = lb.remove('app/ecs01'); answer")
    session.run("status")
    assert session.output.text.startswith("42\nversion")
    assert [asked[1] for asked in session.balancer.asked] == ["remove", "status"]


@pytest.mark.parametrize("line", ["1 + 1", "lb", "status = 1", "import os"])
def test_others_have_none(line: str) -> None:
    session = Session(OPERATOR)
    assert session.run(line) == Exit.USAGE
    assert session.output.text == ""
    assert session.output.errors != ""


def test_a_block_is_python_to_its_end() -> None:
    session = Session()
    session.run("for status in range(2):")
    assert session.prompt.continued
    session.run("    status")
    session.run("")
    assert not session.prompt.continued
    assert session.balancer.asked == []


def test_the_status_of_python() -> None:
    session = Session()
    assert session.run("1") == Exit.DONE
    assert session.run("1 / 0") == Exit.REFUSED


def test_an_empty_line_does_nothing() -> None:
    session = Session()
    assert session.run("  ") == Exit.DONE
    assert session.output.text == ""


def test_a_line_that_is_too_long_is_refused() -> None:
    session = Session()
    assert session.run("x = '" + "a" * 8192 + "'") == Exit.USAGE


def test_an_interrupt_ends_the_waiting_of_a_command() -> None:
    session = Session()
    statuses: list[int] = []
    session.prompt.submit("wait app/ecs01").addCallback(statuses.append)
    session.prompt.interrupt()
    assert statuses == [130]
    assert session.balancer.given_up == 1


@pytest.mark.parametrize(
    "line", ["lb.wait('app/ecs01')", "await lb.wait('app/ecs01')", "x = await lb.wait('a/b')"]
)
def test_an_interrupt_ends_the_waiting_of_python(line: str) -> None:
    session = Session()
    statuses: list[int] = []
    session.prompt.submit(line).addCallback(statuses.append)
    assert statuses == []
    session.prompt.interrupt()
    assert statuses == [1]
    assert session.balancer.given_up == 1


def test_an_interrupt_leaves_any_other_deferred() -> None:
    cancelled: list[object] = []
    waited: Deferred[None] = Deferred(cancelled.append)
    session = Session(waited=waited)
    session.prompt.submit("await waited")
    session.prompt.interrupt()
    assert cancelled == []


def test_an_interrupt_forgets_an_unfinished_statement() -> None:
    session = Session()
    session.run("if True:")
    session.prompt.interrupt()
    assert not session.prompt.continued


def test_what_a_wait_gives_is_shown() -> None:
    session = Session()
    session.prompt.submit("lb.wait('app/ecs01')")
    session.balancer.waits[0].callback(Result({"left": 0}))
    assert session.output.text == "{'left': 0}\n"


def test_every_line_of_python_is_recorded() -> None:
    session = Session()
    with logged() as lines:
        session.run("x = '\x1b[2J'")
        session.run("1 / 0")
        session.run("if x:")
        session.run("    y = 1")
        session.run("")
    who = f"console: {ADMIN.name} from {ADMIN.source}: python: "
    assert lines == [
        who + r"x = '\x1b[2J': done",
        who + "1 / 0: failed",
        who + "if x:: continued",
        who + "    y = 1: continued",
        who + "(end): done",
    ]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("stat", "status"),
        ("remove app/ecs01", "app/ecs01"),
        ("lb.rem", "remove"),
        ("x = lb.gro", "groups"),
        ("x = ans", "answer"),
    ],
)
def test_completion_knows_commands_and_python(line: str, word: str) -> None:
    assert word in Session(answer=1).prompt.complete(line).words


def test_completion_has_no_python_for_others() -> None:
    assert Session(OPERATOR).prompt.complete("lb.rem").words == ()


@pytest.mark.parametrize("line", ["exit", " quit ", "exit()"])
def test_leaving(line: str) -> None:
    session = Session()
    assert session.prompt.leaves(line)
    session.run("if True:")
    assert not session.prompt.leaves(line)
