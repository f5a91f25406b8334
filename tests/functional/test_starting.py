"""A start that fails says why in one line, in the foreground and on the way into the background."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lbtwist.demo.key import make_key
from tests.functional.process import run
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

FILE = """
[console]
endpoint = "127.0.0.1:0"
admin_keys = "key.pub"
host_key = "host_key"
[listeners.web]
endpoint = "127.0.0.1:{port}"
protocol = "tcp"
[server_groups.app]
servers = ["127.0.0.1:9"]
"""
MODES = {"foreground": ("-n", "--pidfile="), "background": ("--pidfile=twistd.pid",)}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_key(tmp_path)
    (tmp_path / "lb.toml").write_text(FILE.format(port=0))
    return tmp_path


def start(directory: Path, mode: str, *options: str) -> subprocess.CompletedProcess[str]:
    return run(*MODES[mode], "lb", *(options or ("--config", "lb.toml")), directory=directory)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    # Twisted's own lines of what was started before have no level.
    lines = [line for line in done.stdout.splitlines() if "#info]" not in line and "[-]" not in line]
    (line,) = [*lines, *done.stderr.splitlines()]
    assert "twistd lb: " in line
    assert [word for word in words if word not in line] == []


each_mode = pytest.mark.parametrize("mode", MODES)


@each_mode
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--confg", "lb.toml"), ("--confg", "--help")),
        (("--config", "lb.toml", "more"), ("arguments", "--help")),
        (("--config", "none.toml"), ("none.toml", "No such file or directory")),
        ((), ("key.pub", "No such file or directory", "console.admin_keys")),
    ],
)
def test_wrong_options_and_missing_files(
    directory: Path, mode: str, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    if not options:
        (directory / "key.pub").unlink()
    assert_one_line(start(directory, mode, *options), *words)


@each_mode
def test_a_host_key_that_others_may_read(directory: Path, mode: str) -> None:
    (directory / "host_key").write_text("x")
    (directory / "host_key").chmod(0o644)
    assert_one_line(start(directory, mode), "console.host_key", "mode 0644")


@each_mode
def test_a_port_in_use(directory: Path, mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (directory / "lb.toml").write_text(FILE.format(port=port))
        assert_one_line(start(directory, mode), f"127.0.0.1:{port}", "in use")


@each_mode
@pytest.mark.parametrize("face", ["console", "status"])
def test_a_port_in_use_that_people_and_machines_look_in_by(directory: Path, mode: str, face: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        text = FILE.format(port=0) + '[status]\nendpoint = "127.0.0.2:0"\n'
        before = {"console": '"127.0.0.1:0"\nadmin', "status": '"127.0.0.2:0"'}[face]
        assert before in text
        (directory / "lb.toml").write_text(
            text.replace(before, before.replace(before.split('"')[1], endpoint))
        )
        assert_one_line(start(directory, mode), endpoint, "in use")


@pytest.mark.parametrize("check", [True, False], ids=["check", "start"])
def test_options_in_a_line_of_keys_are_refused_by_the_check_alone(directory: Path, check: bool) -> None:
    key = (directory / "key.pub").read_text()
    (directory / "key.pub").write_text(f"{key}no-pty {key}")
    if check:
        done = start(directory, "foreground", "--config", "lb.toml", "--check")
        assert_one_line(done, "console.admin_keys", "line 2", "options before the key")
    else:
        with Background(directory) as log:
            assert "line 2 is ignored: options before the key" in log()


def test_a_good_start_into_the_background_says_nothing(directory: Path) -> None:
    with Background(directory) as log:
        assert "Traceback" not in log()


class Background:
    """A process in the background, until it is left; entering gives what reads its log."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Callable[[], str]:
        done = start(self._directory, "background")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        eventually(lambda: "console: on " in self._log(), 10, self._log)
        return self._log

    def __exit__(self, *error: object) -> None:
        os.kill(int((self._directory / "twistd.pid").read_text()), signal.SIGTERM)
        eventually(lambda: "Server Shut Down" in self._log(), 10, self._log)

    def _log(self) -> str:
        return (self._directory / "twistd.log").read_text()
