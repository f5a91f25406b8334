"""What was entered, over sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lbtwist.console.history import KEPT, MAX_ENTRY, MAX_FILE, Histories, History
from tests.console.recorder import logged

KEY = "SHA256:a/b+c"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "history"


def of(directory: Path, *lines: str) -> list[str]:
    """The history of KEY, once these lines were added to it."""
    history = Histories(directory).of(KEY)
    for line in lines:
        history.add(line)
    return [history.back(count) for count in range(len(history), 0, -1)]


def file_in(directory: Path) -> Path:
    (file,) = directory.iterdir()
    return file


def test_a_later_session_of_the_key_has_the_lines_and_another_key_has_not(directory: Path) -> None:
    of(directory, "status", "servers ü", "def f():\n    return 1")
    assert of(directory) == ["status", "servers ü", "def f():\n    return 1"]
    assert len(Histories(directory).of("SHA256:other")) == 0


def test_the_owner_alone_may_read_it(directory: Path) -> None:
    of(directory, "status")
    assert [directory.stat().st_mode & 0o777, file_in(directory).stat().st_mode & 0o777] == [0o700, 0o600]


def test_blank_lines_and_the_last_one_again_are_not_kept(directory: Path) -> None:
    assert of(directory, "a", "a", " ", "", "b", "a") == ["a", "b", "a"]
    assert of(directory) == ["a", "b", "a"]


def test_a_secret_is_remembered_and_not_written(directory: Path) -> None:
    assert of(directory, "set x.secret hunter2", "status")[0] == "set x.secret hunter2"
    assert of(directory) == ["status"]


def test_without_a_directory_nothing_is_written(tmp_path: Path) -> None:
    history = Histories().of(KEY)
    history.add("status")
    assert (history.back(1), len(Histories().of(KEY)), list(tmp_path.iterdir())) == ("status", 0, [])


def test_it_is_bounded_in_memory_and_on_disk(directory: Path) -> None:
    history = Histories(directory).of(KEY)
    for number in range(5 * KEPT):
        history.add(str(number))
        if number > 2 * KEPT:
            assert KEPT <= len(file_in(directory).read_text().splitlines()) <= 2 * KEPT + 1
    assert (len(history), history.back(1), history.back(KEPT)) == (KEPT, str(5 * KEPT - 1), str(4 * KEPT))
    assert of(directory)[-1] == str(5 * KEPT - 1)
    assert file_in(directory).stat().st_mode & 0o777 == 0o600


def test_two_sessions_of_one_key_lose_nothing(directory: Path) -> None:
    first, second = Histories(directory).of(KEY), Histories(directory).of(KEY)
    first.add("one")
    second.add("two")
    first.add("three")
    assert of(directory) == ["one", "two", "three"]


def test_a_line_that_is_too_long_is_kept_for_the_session_alone(directory: Path) -> None:
    of(directory, "x" * MAX_ENTRY, "status")
    assert of(directory) == ["status"]


def test_what_is_damaged_is_left_out(directory: Path) -> None:
    of(directory, "status")
    with file_in(directory).open("ab") as file:
        file.write(b'\xff\xfe\n{"a": 1}\n"servers"\n"half')
    assert of(directory) == ["status", "servers"]


def test_a_file_that_is_no_history_of_ours_is_not_read_into_memory(directory: Path) -> None:
    of(directory, "status")
    with file_in(directory).open("ab") as file:
        file.truncate(MAX_FILE + 1)
    assert of(directory) == []


@pytest.mark.parametrize("wrong", ["directory", "link", "no parent"])
def test_where_it_can_not_be_kept_that_is_logged_once_and_the_session_goes_on(
    directory: Path, tmp_path: Path, wrong: str
) -> None:
    if wrong == "no parent":
        directory = directory / "deeper"
    else:
        of(directory, "status")
        file = file_in(directory)
        file.unlink()
        if wrong == "directory":
            file.mkdir()
        else:
            (tmp_path / "other").write_text(json.dumps("stolen") + "\n")
            file.symlink_to(tmp_path / "other")
    with logged("lbtwist.console.history") as lines:
        assert of(directory, "a", "b") == ["a", "b"]
    assert [line.startswith("console: no history in ") for line in lines] == [True]


def test_a_history_without_a_file_is_one_session_s() -> None:
    history = History()
    history.add("a")
    assert (len(history), history.back(1)) == (1, "a")
