"""A page of the documents that is run as it stands: its files, its commands and what they print."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tests.functional.balancer import HOST

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = "/home/admin/tutorial"
"""Where the pages were tried."""
LIMIT = 120
MARK = "=== "
AWAIT = "until (: < /dev/tcp/{host}/{port}) 2> /dev/null; do sleep 0.05; done"
"""A reader waits until what he started listens: in bash."""

_FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CLOCK = re.compile(r"\d\d:(\d\d):(\d\d)")
_VARYING = [
    (re.compile(r"\d+(?= +SHA256:)"), "BYTES"),
    (re.compile(r"SHA256:\S+"), "KEY"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "INSTANT"),
    (CLOCK, "TIME"),
    (re.compile(r"Python/\S+"), "PYTHON"),
    (re.compile(r"\d+\.\d+|\d{3,}|\d+$", re.MULTILINE), "N"),
    (re.compile(r" +"), " "),
]
"""What is not the same twice."""


class Step(NamedTuple):
    """A command of the page, and what the page shows that it prints."""

    command: str
    shown: str


class Page(NamedTuple):
    """One page."""

    text: str
    ports: Sequence[str]
    """Those that stand in it; each is another one when it is run."""
    awaits: Callable[[str], Sequence[str]]
    """What must listen before a command: addresses with ports."""
    prologue: str = ""
    """Said to the shell before all else."""

    @property
    def files(self) -> Mapping[str, str]:
        """What it has its reader write, by name."""
        return dict(_FILE.findall(self.text))

    @property
    def steps(self) -> list[Step]:
        return list(_steps(self.text))

    def perform(self, folder: Path) -> list[str]:
        """What each step prints, at ports that are free."""
        ports = dict(zip(self.ports, free_ports(len(self.ports)), strict=True))

        def here(text: str) -> str:
            return re.sub(r"\b(?:" + "|".join(ports) + r")\b", lambda found: ports[found[0]], text)

        for name, content in self.files.items():
            (folder / name).write_text(here(content))
        script = [self.prologue]
        for step in self.steps:
            script += [here(_awaiting(place)) for place in self.awaits(step.command)]
            script += [f"echo '{MARK}'", here(step.command)]
        (folder / "steps.sh").write_text("\n".join(script))
        text = _printed(folder).replace(str(folder), FOLDER)
        for port, own in ports.items():
            text = text.replace(own, port)
        return [part.partition("\n")[2] for part in text.split(MARK)[1:]]


def comparable(text: str) -> list[str]:
    """`text` without what varies; of lines that are then alike, one."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    lines = (line.strip() for line in text.splitlines())
    return [line for line, _ in groupby(lines) if "connection left" not in line]


def free_ports(count: int) -> list[str]:
    """Some that nobody has, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [str(each.getsockname()[1]) for each in sockets]


def environment() -> dict[str, str]:
    """With the programs of this virtual environment."""
    return {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}


def _steps(text: str) -> Iterator[Step]:
    for block in _CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield Step(command, shown)


def _awaiting(place: str) -> str:
    host, _, port = place.rpartition(":")
    return AWAIT.format(host=host, port=port)


def _printed(folder: Path) -> str:
    """What bash prints on its standard output when it has run `steps.sh`."""
    process = subprocess.Popen(
        ["bash", "steps.sh"],
        cwd=folder,
        env=environment(),
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
