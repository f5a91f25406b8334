"""What would keep a configuration from starting is found before there is anything to stop."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lbtwist.demo.key import make_key
from lbtwist.errors import BindError, ConfigurationError
from lbtwist.model.config import Config, parse
from lbtwist.preflight import check_keys, check_start

FREE = "127.0.0.1:0"


def config(directory: Path, console: str = FREE, listener: str = FREE) -> Config:
    return parse(
        {
            "console": {
                "endpoint": console,
                "admin_keys": str(directory / "admin"),
                "read_keys": str(directory / "read"),
                "host_key": str(directory / "host_key"),
            },
            "listeners": {"web": {"endpoint": listener, "protocol": "tcp"}},
            "server_groups": {"app": {"servers": ["10.0.0.1:80"]}},
        }
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With two good role files."""
    _, public = make_key(tmp_path)
    for name in ("admin", "read"):
        (tmp_path / name).write_text(f"# {name}\n\n{public.read_text()}")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def wrong(directory: Path, *, lines: bool = True) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        check_keys(config(directory).console, lines=lines)
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


def test_good_files_and_no_console_are_no_problem(directory: Path) -> None:
    check_keys(config(directory).console, lines=True)
    check_keys(None, lines=True)
    check_start(config(directory))
    assert not (directory / "host_key").exists()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("-", '"-" is standard output, which there is in the foreground alone (twistd -n)'),
        ("/nowhere/access.log", "/nowhere/access.log can't be written: /nowhere is no directory"),
    ],
)
def test_an_access_log_that_can_not_be_written_is_told_before_the_background(path: str, why: str) -> None:
    settings = {"access_log": {"path": path}, "server_groups": {"app": {"servers": ["10.0.0.1:80"]}}}
    with pytest.raises(ConfigurationError) as caught:
        check_start(parse(settings))
    assert str(caught.value) == f"access_log.path: {why}"


def test_every_file_that_can_not_be_read_is_told(directory: Path) -> None:
    (directory / "admin").unlink()
    (directory / "read").chmod(0o602)
    for lines in (False, True):
        assert wrong(directory, lines=lines) == [
            "console.admin_keys: admin: No such file or directory",
            "console.read_keys: read: anyone may write to it",
        ]


def test_a_fifo_in_the_place_of_a_file_holds_nothing_up(directory: Path) -> None:
    (directory / "admin").unlink()
    os.mkfifo(directory / "admin")
    assert wrong(directory) == ["console.admin_keys: admin: it is not a file"]


def test_options_in_a_line_are_told_with_its_number(directory: Path) -> None:
    key = (directory / "read").read_text().splitlines()[2]
    (directory / "read").write_text(f'{key}\n\ncommand="x" {key}\nnonsense\n')
    first, second = wrong(directory)
    assert first == "console.read_keys: read: line 3: options before the key are not supported"
    assert second.startswith("console.read_keys: read: line 4: it is not a public key of a type in ")
    check_keys(config(directory).console, lines=False)


def test_a_host_key_that_would_not_do_is_told_and_one_that_is_not_there_is_not_made(directory: Path) -> None:
    (directory / "host_key").write_text("x")
    (directory / "host_key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read it"):
        check_start(config(directory))
    (directory / "host_key").chmod(0o600)
    with pytest.raises(ConfigurationError, match="not a private key"):
        check_start(config(directory))


def test_a_host_key_that_can_not_be_made_is_told(directory: Path) -> None:
    settings = config(directory)
    assert settings.console is not None
    console = settings.console.model_copy(update={"host_key": directory / "nowhere" / "host_key"})
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        check_start(settings.model_copy(update={"console": console}))


@pytest.mark.parametrize("which", ["console", "listener"])
def test_a_port_in_use_is_told_and_a_free_one_not_kept(directory: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BindError, match=f"{where}: the address is in use"):
            check_start(config(directory, **{which: where}))
    for _ in range(2):
        check_start(config(directory, **{which: where}))
