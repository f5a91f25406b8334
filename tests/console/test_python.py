"""An operator's Python: shown when it is done, and never in the way of what it waited for."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lbtwist.console import watchdog
from lbtwist.console.python import MAX_SHOWN, Interpreter
from lbtwist.errors import Refused


class Session:
    """An interpreter and what it did."""

    def __init__(self, **namespace: Any) -> None:
        self.namespace = namespace
        self.text = ""
        self.given_up: list[Deferred[Any]] = []
        self.held: list[str] = []
        self.interpreter = Interpreter(namespace, self._write, self.given_up.append, self.held.append)

    def _write(self, text: str) -> None:
        self.text += text

    def push(self, *lines: str) -> Deferred[bool] | None:
        result = None
        for line in lines:
            result = self.interpreter.push(line)
        return result

    def shown(self, *lines: str) -> str:
        """What `lines` show at once."""
        self.text = ""
        running = self.push(*lines)
        assert running is not None
        assert running.called
        return self.text


def well(running: Deferred[bool] | None) -> list[bool]:
    results: list[bool] = []
    assert running is not None
    running.addCallback(results.append)
    return results


def test_the_value_of_an_expression_is_shown_and_kept() -> None:
    session = Session()
    assert session.shown("6 * 7") == "42\n"
    assert session.shown("_ + 1") == "43\n"
    assert session.shown("None") == ""
    assert session.shown("x = 5") == ""
    assert session.shown("y = 1; x + y") == "6\n"


def test_a_statement_on_several_lines() -> None:
    session = Session()
    assert session.push("def double(x):") is None
    assert session.interpreter.continued
    assert session.push("    return 2 * x") is None
    assert session.shown("") == ""
    assert not session.interpreter.continued
    assert session.shown("double(4)") == "8\n"


def test_what_is_printed_is_shown_with_its_controls_escaped() -> None:
    session = Session()
    assert session.shown("print('a\\x1b[2J', 1)") == "a\\x1b[2J 1\n"
    assert session.shown("for n in range(2): print(n)", "") == "0\n1\n"


def test_an_unfinished_statement_can_be_forgotten() -> None:
    session = Session()
    session.push("if True:")
    session.interpreter.reset()
    assert session.shown("1") == "1\n"


@pytest.mark.parametrize("line", ["1 +", "x = = 1", "return 1", "'\\ud800' +", "\0"])
def test_what_is_no_python_says_so(line: str) -> None:
    session = Session()
    running = session.push(line)
    assert well(running) == [False]
    assert "Error" in session.text
    assert session.shown("1") == "1\n"


def test_an_error_shows_a_short_traceback_of_the_operator_s_code() -> None:
    session = Session()
    session.push("def f(n):", "    return 1 / n if n < 1 else f(n - 1)", "")
    assert well(session.push("f(20)")) == [False]
    lines = session.text.splitlines()
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert 2 <= len(lines) <= 6
    assert "python.py" not in session.text


def test_an_error_of_our_own_is_one_line() -> None:
    def refuse() -> None:
        raise Refused("not now")

    assert Session(refuse=refuse).shown("refuse()") == "Refused: not now\n"


def test_an_error_of_repr_is_shown_too() -> None:
    session = Session()
    session.push("class Bad:", "    def __repr__(self): raise KeyError('repr')", "")
    assert session.shown("Bad()").endswith("KeyError: 'repr'\n")


def test_leaving_by_exception_ends_the_line_alone() -> None:
    session = Session()
    assert "SystemExit" in session.shown("raise SystemExit(1)")
    assert session.shown("1") == "1\n"


def test_a_value_that_is_too_long_is_cut() -> None:
    assert len(Session().shown(f"'x' * {MAX_SHOWN * 3}")) < MAX_SHOWN + 50


def test_top_level_await() -> None:
    waited: Deferred[int] = Deferred()
    session = Session(waited=waited)
    running = well(session.push("x = await waited; x + 1"))
    assert (running, session.text) == ([], "")
    waited.callback(4)
    assert (running, session.text) == ([True], "5\n")
    assert session.shown("x") == "4\n"


def test_a_coroutine_is_shown_when_it_is_done() -> None:
    waited: Deferred[str] = Deferred()
    session = Session(waited=waited)
    session.push("async def f():", "    print('begun')", "    return await waited", "")
    running = well(session.push("f()"))
    assert session.text == "begun\n"
    waited.callback("done")
    assert (running, session.text) == ([True], "begun\n'done'\n")


def test_what_is_printed_after_a_wait_is_shown() -> None:
    waited: Deferred[None] = Deferred()
    session = Session(waited=waited)
    session.push("await waited; print('after')")
    waited.callback(None)
    assert session.text == "after\n"


def test_a_deferred_is_shown_when_it_is_done_and_its_failure_too() -> None:
    for line in ("waited", "await waited"):
        waited: Deferred[int] = Deferred()
        session = Session(waited=waited)
        running = well(session.push(line))
        waited.errback(Failure(Refused("no")))
        assert (running, session.text) == ([False], "Refused: no\n")


def test_a_deferred_that_is_done_is_shown_at_once() -> None:
    waited: Deferred[int] = Deferred()
    waited.callback(3)
    assert Session(waited=waited).shown("waited") == "3\n"


def test_cancelling_stops_the_waiting_and_not_what_was_waited_for() -> None:
    cancelled: list[object] = []
    waited: Deferred[int] = Deferred(cancelled.append)
    session = Session(waited=waited)
    running = session.push("await waited")
    results = well(running)
    assert running is not None
    running.cancel()
    assert results == [False]
    assert session.text == "no longer waiting; what was begun goes on\n"
    assert (session.given_up, cancelled) == ([waited], [])

    later: list[int] = []
    waited.addCallback(later.append)
    waited.callback(9)
    assert later == [9]


def test_a_failure_after_the_waiting_goes_to_its_owner() -> None:
    waited: Deferred[int] = Deferred()
    session = Session(waited=waited)
    running = session.push("await waited")
    assert running is not None
    running.cancel()
    failures: list[Failure] = []
    waited.addErrback(failures.append)
    waited.errback(Failure(Refused("later")))
    assert failures[0].check(Refused)


def test_a_loop_of_waits_ends_when_it_is_cancelled() -> None:
    waits: list[Deferred[None]] = []

    def wait() -> Deferred[None]:
        waits.append(Deferred())
        return waits[-1]

    session = Session(wait=wait)
    session.push("while True:", "    await wait()")
    running = session.push("")
    assert running is not None
    waits[0].callback(None)
    assert len(waits) == 2
    running.cancel()
    waits[1].callback(None)
    assert len(waits) == 2


def test_an_operator_s_code_may_clean_up_when_it_is_cancelled() -> None:
    waited: Deferred[None] = Deferred()
    session = Session(waited=waited, Cancelled=CancelledError)
    session.push("try:", "    await waited", "except Cancelled:", "    print('cleaned up')")
    running = session.push("")
    assert running is not None
    running.cancel()
    assert session.text == "cleaned up\n"


@pytest.mark.parametrize("lines", [["while True: pass", ""], ["await waited; time.sleep(9)"]])
def test_a_line_that_holds_the_reactor_is_interrupted(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr(watchdog.Watchdog.__init__, "__defaults__", (0.05,))
    waited: Deferred[None] = Deferred()
    session = Session(waited=waited, time=time)
    running = session.push(*lines)
    if len(lines) == 1:
        waited.callback(None)
    assert well(running) == [False]
    assert "held the reactor for 0.05 s" in session.text
    assert "_bite" not in session.text
    assert session.held == ["\n".join(lines)]
