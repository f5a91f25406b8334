"""`twistd -n lb --demo`: what it prints works as printed."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from tests.functional.process import Twistd
from tests.functional.scale import FULL

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CUT, DONE = 3, 0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Twistd]:
    with Twistd(tmp_path, "--demo") as demo:
        demo.wait_for_log("Ctrl-C ends it")
        yield demo


def printed(demo: Twistd, beginning: str) -> str:
    """The first command that begins so, as a user would copy it."""
    found = re.search(rf"^     ({beginning}.*)$", demo.log, re.MULTILINE)
    assert found, demo.log
    return found[1]


class Terminal:
    """A shell in the demo's folder that runs one command, until it is left."""

    def __init__(self, demo: Twistd, command: str) -> None:
        self.text = ""
        self._shell = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=demo.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shell.kill()
        self._shell.communicate()

    def read_until(self, text: str) -> None:
        """Take its output until `text` stands in it."""
        assert self._shell.stdout
        while text not in self.text:
            line = self._shell.stdout.readline()
            assert line, f"no {text!r} in {self.text!r}"
            self.text += line

    def end(self) -> int:
        """Its exit status, and the rest of its output."""
        rest, _ = self._shell.communicate(timeout=30)
        self.text += rest
        return self._shell.returncode

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._shell.send_signal(signal.SIGINT)


def removal(demo: Twistd) -> str:
    command = printed(demo, "ssh .* remove ")
    assert "--timeout 15 --wait" in command
    return command if FULL else command.replace("--timeout 15", "--timeout 1")


def test_the_first_step_cuts_the_client_that_stays(demo: Twistd) -> None:
    talk = printed(demo, ".*demo.client")
    with Terminal(demo, talk) as client:
        client.read_until("hello, this is ecs01")
        with Terminal(demo, removal(demo)) as operator:
            operator.read_until("1 connection left")
            with Terminal(demo, talk) as newcomer:
                newcomer.read_until("hello, this is ecs02")
            assert operator.end() == CUT
        assert client.end() == 0
    assert "the connection was closed" in client.text
    assert "deregistered  cut" in operator.text


def test_the_first_step_ends_with_the_client_that_leaves(demo: Twistd) -> None:
    with Terminal(demo, printed(demo, ".*demo.client")) as client:
        client.read_until("hello, this is ecs01")
        with Terminal(demo, printed(demo, "ssh .* remove ")) as operator:
            operator.read_until("1 connection left")
            client.interrupt()
            assert operator.end() == DONE
        assert client.end() == 0
    assert "deregistered  completed" in operator.text


def test_the_other_steps(demo: Twistd) -> None:
    for verb, heading in (("status", "listeners"), ("receipts", "OUTCOME")):
        with Terminal(demo, printed(demo, f"ssh .* {verb}")) as terminal:
            assert terminal.end() == DONE
        assert heading in terminal.text


def test_nothing_is_left_behind(demo: Twistd) -> None:
    found = re.search(r" -i (\S+)", demo.log)
    assert found
    key = Path(found[1])
    assert key.exists()
    demo.signal(signal.SIGINT)
    assert demo.wait() == 0
    assert not key.parent.exists()


def test_it_is_edited_live_and_says_that_there_is_no_file(demo: Twistd) -> None:
    """In a console as the demo prints it."""
    ssh = printed(demo, "ssh .* remove").partition(" remove ")[0]

    def ask(words: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", f"{ssh} {words}"], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    key = "server_groups.app.retries"
    code, shown = ask(f"set {key} 7 --dry-run")
    assert (code, "+retries = 7" in shown) == (0, True)
    assert ask(f"set {key} 7") == (0, "server group app changed\n")
    assert " 7 " in ask(f"get {key}")[1]
    for verb in ("diff", "save", "reload", "check"):
        code, why = ask(verb)
        assert (code, why.startswith("it runs without a file: ")) == (1, True)
    assert ask("revert") == (0, "server group app changed\n")
