"""A command from its line to its exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.console.audit import hide_secrets
from lbtwist.console.execution import INTERRUPTED, execute
from lbtwist.errors import ConfigurationError, Problem, Refused
from lbtwist.service.verbs.verb import Call, Caller, Exit, Kind, Parameter, Result, Role, Verb
from tests.console.fakes import FakeBalancer
from tests.console.recorder import ADMIN, OPERATOR, READER, Recorder, logged, make_desk


def run(
    line: str, caller: Caller = OPERATOR, balancer: FakeBalancer | None = None, given: str | None = None
) -> tuple[int, Recorder]:
    output = Recorder()
    statuses: list[int] = []
    execute(make_desk(balancer), caller, line, output, given).addCallback(statuses.append)
    return statuses[0], output


def waiting(line: str, caller: Caller = OPERATOR) -> tuple[Deferred[int], list[int], FakeBalancer, Recorder]:
    output, balancer, statuses = Recorder(), FakeBalancer(), list[int]()
    running = execute(make_desk(balancer), caller, line, output)
    running.addCallback(statuses.append)
    assert statuses == []
    return running, statuses, balancer, output


def test_the_verb_is_called_with_the_arguments_and_the_caller() -> None:
    balancer = FakeBalancer()
    status, output = run("remove app/ecs01 app/ecs02 --timeout 5m", balancer=balancer)
    assert (status, output.errors) == (Exit.DONE, "")
    assert balancer.asked == [
        (
            OPERATOR.name,
            "remove",
            {"server": ["app/ecs01", "app/ecs02"], "timeout": 300, "wait": False, "reason": ""},
        )
    ]


def test_the_answer_is_a_table_or_json() -> None:
    assert run("servers app")[1].text.splitlines()[1] == "app/ecs01  healthy    100"
    assert json.loads(run("servers --json")[1].text)[1]["server"] == "app/ecs02"


def test_the_exit_status_is_the_result_s() -> None:
    status, output = run("remove app/cut --json")
    assert status == Exit.CUT
    assert json.loads(output.text) == {"server": ["app/cut"], "cut": 3}


def test_a_refusal_is_1_and_its_reason_an_error() -> None:
    status, output = run("remove app/none")
    assert (status, output.text) == (Exit.REFUSED, "")
    assert output.errors == "app/none: there is no such server\n"


def test_wrong_usage_is_2() -> None:
    status, output = run("remove")
    assert (status, output.text) == (Exit.USAGE, "")
    assert output.errors.startswith("remove: SERVER is missing")


def test_a_mistake_of_a_verb_is_1_and_logged(flush_logged_errors: Any) -> None:
    status, output = run("remove app/bug")
    assert status == Exit.REFUSED
    assert "ZeroDivisionError" in output.errors
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


@pytest.mark.parametrize("line", ["remove app/ecs01", "apply", "weight app/ecs01 5"])
def test_a_role_that_does_not_reach_is_refused(line: str) -> None:
    balancer = FakeBalancer()
    status, output = run(line, READER, balancer, given="")
    assert (status, balancer.asked) == (Exit.REFUSED, [])
    assert "needs the role operate; this key has read" in output.errors


def test_reading_is_for_every_role() -> None:
    for caller in (READER, OPERATOR, ADMIN):
        assert run("servers", caller)[0] == Exit.DONE


def test_standard_input_is_an_argument() -> None:
    balancer = FakeBalancer()
    assert run("apply --prune", balancer=balancer, given="x = 1\n")[0] == Exit.DONE
    assert balancer.asked[0][2] == {"fragment": "x = 1\n", "prune": True}


def test_a_verb_that_needs_standard_input_says_so() -> None:
    status, output = run("apply")
    assert status == Exit.USAGE
    assert "ssh HOST apply < FILE" in output.errors


def test_help_calls_nothing() -> None:
    balancer = FakeBalancer()
    status, output = run("remove --help", READER, balancer)
    assert (status, balancer.asked) == (Exit.DONE, [])
    assert output.text.startswith("usage: remove SERVER...")


def test_a_wait_shows_its_progress_and_then_its_result() -> None:
    _, statuses, balancer, output = waiting("remove app/ecs01 --wait")
    assert output.steps == ["app/ecs01: 12 connections left, 30 s left, 0.4/s"]
    balancer.waits[0].callback(Result({"server": "app/ecs01"}, Exit.LIMIT))
    assert statuses == [Exit.LIMIT]
    assert output.text == "server  app/ecs01\n"


def test_a_wait_that_fails_is_refused() -> None:
    _, statuses, balancer, output = waiting("remove app/ecs01 --wait")
    balancer.waits[0].errback(Failure(Refused("it is gone")))
    assert (statuses, output.errors) == ([Exit.REFUSED], "it is gone\n")


def test_every_problem_of_a_configuration_is_shown() -> None:
    _, _, balancer, output = waiting("remove app/ecs01 --wait")
    balancer.waits[0].errback(Failure(ConfigurationError([Problem("a", "x\x1b"), Problem("b", "y")])))
    assert output.errors == "a: x\\x1b\nb: y\n"


def test_cancelling_ends_the_waiting_alone() -> None:
    running, statuses, balancer, output = waiting("remove app/ecs01 --wait")
    running.cancel()
    assert (statuses, balancer.given_up) == ([INTERRUPTED], 1)
    assert "what was begun goes on" in output.errors


def test_a_change_is_recorded_with_who_where_what_and_the_result() -> None:
    with logged() as lines:
        run("remove app/ecs01")
        run("remove app/none")
        run("weight app/ecs01 5", READER)
    source = "SHA256:o operator from 192.0.2.1:6"
    assert lines == [
        f"console: {source}: remove app/ecs01: done",
        f"console: {source}: remove app/none: app/none: there is no such server",
        "console: SHA256:r reader from 192.0.2.1:7: weight app/ecs01 5: "
        "weight needs the role operate; this key has read",
    ]


def test_a_change_that_takes_time_is_recorded_when_it_begins_and_when_it_ends() -> None:
    with logged() as lines:
        running, _, _, _ = waiting("remove app/ecs01 --wait")
        assert [line.rpartition(": ")[2] for line in lines] == ["begun"]
        running.cancel()
    assert lines[1].endswith("no longer waiting; what was begun goes on")


def test_looking_is_not_recorded() -> None:
    with logged() as lines:
        run("status")
    assert lines == []


def test_a_record_has_no_controls_and_no_secrets() -> None:
    with logged() as lines:
        run("remove 'app/\x1b[2J\n' --reason 'x.cookie_secret = hunter2'")
        run("remove my.secret hunter2")
    assert all(line.isprintable() and "hunter2" not in line for line in lines)
    assert r"\x1b[2J\n" in lines[0]


@pytest.mark.parametrize(
    "line",
    [
        "set my.secret 'one hunter2'",
        'set my.secret "one \\" hunter2"',
        "lb.set('server_groups.app.session_persistence.secret', 'hunter2')",
        "set x.token=hunter2",
        "set 'x.\"cookie secret\"' hunter2",
        'python: settings["password"] = "one hunter2"',
        "python: login(password='hunter2')",
        "python: password = 'hunter2",
    ],
)
def test_a_secret_is_left_out_however_it_is_written(line: str) -> None:
    assert "hunter2" not in hide_secrets(line)
    assert "***" in hide_secrets(line)


def test_what_is_no_secret_stands_in_the_record() -> None:
    for line in ("drain app/ecs01 --reason 'secretary asks'", "set server_groups.app.scheduler wlc"):
        assert hide_secrets(line) == line


def test_a_change_is_an_event_and_looking_is_none() -> None:
    desk, output = make_desk(), Recorder()
    for line in ("remove app/ecs01", "status", "remove app/none --reason 'a\x1b secret=hunter2'"):
        execute(desk, OPERATOR, line, output)
    execute(desk, OPERATOR, "remove app/ecs01 --wait", output).cancel()
    assert [(event.kind, event.text, event.who) for event in desk.events] == [
        ("operator", "remove app/ecs01: done", OPERATOR.name),
        (
            "operator",
            r"remove app/none --reason 'a\x1b secret=***: app/none: there is no such server",
            OPERATOR.name,
        ),
        ("operator", "remove app/ecs01 --wait: begun", OPERATOR.name),
        (
            "operator",
            "remove app/ecs01 --wait: no longer waiting; what was begun goes on",
            OPERATOR.name,
        ),
    ]


def following(output: Recorder, line: str = "follow") -> tuple[Deferred[int], Any, list[int]]:
    """A verb that tells rows until it is cancelled, how to have it tell one, and its exit status."""
    tell: list[Any] = []
    rows: Deferred[Result] = Deferred(lambda waiting: waiting.callback(Result(None)))

    def follow(call: Call) -> Deferred[Result]:
        tell.append(call.progress)
        return rows

    desk = replace(make_desk(), verbs={"follow": Verb("follow", follow, "Tells.", Role.READ)})
    statuses: list[int] = []
    running = execute(desk, READER, line, output)
    running.addCallback(statuses.append)
    return running, tell[0], statuses


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("follow", "now  -  a\\x1bb\n"),
        ("follow --json", '{"time": "now", "who": "", "event": "a\\u001bb"}\n'),
    ],
)
def test_rows_that_come_are_a_line_each_and_the_end_says_nothing(line: str, told: str) -> None:
    output = Recorder()
    running, tell, statuses = following(output, line)
    tell({"time": "now", "who": "", "event": "a\x1bb"})
    assert (output.text, statuses) == (told, [])
    running.cancel()
    assert (output.text, output.errors, statuses) == (told, "", [Exit.DONE])


def test_rows_that_nobody_reads_are_refused_and_not_kept() -> None:
    output = Recorder()
    output.clogged = True
    _, tell, _ = following(output)
    with pytest.raises(Refused, match="is not read"):
        tell({"event": "one"})
    tell({"left": 3})
    assert (output.text, output.steps) == ("", ["3 connections left"])


def test_a_dry_run_is_recorded_and_no_event() -> None:
    def move(call: Call, dry_run: bool = False) -> Result:
        return Result("moved")

    flag = Parameter("dry_run", Kind.FLAG, "say what it would do", option=True)
    desk = replace(make_desk(), verbs={"move": Verb("move", move, "Moves.", Role.OPERATE, (flag,))})
    with logged() as lines:
        execute(desk, OPERATOR, "move --dry-run", Recorder())
        execute(desk, OPERATOR, "move", Recorder())
    assert (len(lines), [event.text for event in desk.events]) == (2, ["move: done"])
