"""docs/tutorial-http.md, step by step: what it prints is what happens."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.functional.balancer import HOST
from tests.functional.http_harness import program

pytestmark = [pytest.mark.functional, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs" / "tutorial-http.md"
FOLDER = "/home/admin/tutorial"
"""Where the page was tried."""
PORTS = ("2222", "8080", "8081", "8082")
WORK = 4.0
"""Seconds that the slow server takes."""
LIMIT = 90
MARK = "=== "
AWAIT = "for p in {ports}; do for n in {{1..200}}; do (: < /dev/tcp/{host}/$p) && break; sleep .1; done; done"
"""A reader waits until what he started listens; in bash, and for 20 s each at most."""

_FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLOCK = re.compile(r"\d\d:(\d\d):(\d\d)")
_DURATION = re.compile(r"^after (\d+\.\d+) s$", re.MULTILINE)
_VARYING = [
    (re.compile(r"SHA256:\S+"), "KEY"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "INSTANT"),
    (_CLOCK, "TIME"),
    (re.compile(r"Python/\S+"), "PYTHON"),
    (re.compile(r"\d+\.\d+|\d{3,}|\d+$", re.MULTILINE), "N"),
    (re.compile(r" +"), " "),
]
"""What is not the same twice."""


class Step(NamedTuple):
    """A command of the page, and what the page shows that it prints."""

    command: str
    shown: str

    @property
    def needs_all(self) -> bool:
        """What was started in the background must listen before."""
        return self.command.startswith(("lb add", "curl", "python websocket_client.py"))


def steps(page: str) -> Iterator[Step]:
    for block in _CONSOLE.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield Step(command, shown)


def free_ports(count: int) -> list[str]:
    """Some that nobody has, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [str(each.getsockname()[1]) for each in sockets]


def comparable(text: str) -> list[str]:
    """`text` without what varies; of lines that are then alike, one."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    lines = (line.strip() for line in text.splitlines())
    return [line for line, _ in groupby(lines) if "connection left" not in line]


def perform(page: str, folder: Path) -> list[str]:
    """What each step prints, at ports that are free."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))

    def here(text: str) -> str:
        return re.sub(r"\b(?:" + "|".join(PORTS) + r")\b", lambda found: ports[found[0]], text)

    for name, content in _FILE.findall(page):
        (folder / name).write_text(here(content))
    script = []
    for step in steps(page):
        script += [f"echo '{MARK}'", here(step.command)]
        if step.needs_all:
            script.insert(-1, AWAIT.format(ports=" ".join(ports.values()), host=HOST))
    (folder / "steps.sh").write_text("\n".join(script))
    text = printed(folder).replace(str(folder), FOLDER)
    for port, own in ports.items():
        text = text.replace(own, port)
    return [part.partition("\n")[2] for part in text.split(MARK)[1:]]


def printed(folder: Path) -> str:
    """What bash prints on its standard output when it has run `steps.sh`."""
    process = subprocess.Popen(
        ["bash", "steps.sh"],
        cwd=folder,
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=LIMIT)[0]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def seconds_of(line: str) -> int:
    """The time of day that `line` tells, within its hour."""
    found = _CLOCK.search(line)
    assert found, line
    return int(found[1]) * 60 + int(found[2])


def test_rules_40_41_42_50_and_51_as_the_tutorial_shows_them(tmp_path: Path) -> None:
    for name in ("bash", "curl", "ssh", "ssh-keygen"):
        program(name)
    page = PAGE.read_text(encoding="utf-8")
    told = list(steps(page))
    prints = perform(page, tmp_path)
    assert len(prints) == len(told)
    for step, text in zip(told, prints, strict=True):
        assert comparable(text) == comparable(step.shown), step.command
    by_command = {step.command: text for step, text in zip(told, prints, strict=True)}
    client, server = (by_command[f"cat {name}.txt"].splitlines()[-1] for name in ("client", "ecs01"))
    assert abs(seconds_of(client) - seconds_of(server)) % 3599 <= 1
    cut, late, whole = (float(after) for text in prints for after in _DURATION.findall(text))
    assert cut < WORK
    assert late < WORK
    assert WORK <= whole < WORK + 1
