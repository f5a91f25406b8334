"""What becomes of lines when the file is moved, full, gone or slow."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from lbtwist.service.access_log.logfile import LogFile, Outcome


class Disk:
    """Has room for so many bytes, and takes at most `at_once` of them in one write."""

    def __init__(self, room: int, at_once: int = 1 << 20) -> None:
        self.room = room
        self.at_once = at_once
        self.busy = 0
        """So many writes come to nothing, for now."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.busy:
            self.busy -= 1
            raise BlockingIOError(errno.EAGAIN, "later")
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = os.write(fd, bytes(data)[: min(self.room, self.at_once)])
        self.room -= count
        return count


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_lines_are_appended_to_what_is_there(path: Path) -> None:
    path.write_text("before\n")
    file = LogFile(path)
    assert file.append(b"a\nb\n") == Outcome()
    assert file.append(b"") == Outcome()
    assert path.read_text() == "before\na\nb\n"
    file.close()


def test_a_new_file_is_not_for_everybody(path: Path) -> None:
    file = LogFile(path)
    before = os.umask(0)
    try:
        file.append(b"a\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    file.close()


def test_the_file_at_the_path_is_followed(path: Path) -> None:
    file = LogFile(path)
    file.append(b"a\n")
    path.rename(path.with_suffix(".1"))
    file.append(b"b\n")
    path.unlink()
    file.append(b"")
    assert path.read_text() == ""
    file.append(b"c\n")
    assert path.with_suffix(".1").read_text() == "a\n"
    assert path.read_text() == "c\n"
    file.close()


def test_short_writes_go_on(path: Path) -> None:
    disk = Disk(1000, at_once=3)
    disk.busy = 2
    file = LogFile(path, disk.write)
    assert file.append(b"hello\nworld\n") == Outcome()
    assert path.read_text() == "hello\nworld\n"
    file.close()


@pytest.mark.parametrize(
    ("room", "there", "dropped", "later"),
    [
        (0, "", 3, "four\n"),
        (2, "on", 2, "one\nfour\n"),
        (4, "one\n", 2, "one\nfour\n"),
        (9, "one\ntwo\nt", 0, "one\ntwo\nthree\nfour\n"),
        (13, "one\ntwo\nthree", 0, "one\ntwo\nthree\nfour\n"),
    ],
)
def test_a_full_disk_drops_lines_and_leaves_none_in_parts(
    path: Path, room: int, there: str, dropped: int, later: str
) -> None:
    disk = Disk(room)
    file = LogFile(path, disk.write)
    outcome = file.append(b"one\ntwo\nthree\n")
    assert outcome == Outcome(dropped, "no space left on device")
    assert path.read_text() == there
    disk.room = 1000
    assert file.append(b"four\n") == Outcome()
    assert path.read_text() == later
    file.close()


def test_the_rest_of_a_torn_line_does_not_go_to_another_file(path: Path) -> None:
    disk = Disk(2)
    file = LogFile(path, disk.write)
    file.append(b"one\n")
    path.rename(path.with_suffix(".1"))
    disk.room = 1000
    assert file.append(b"two\n") == Outcome(1)
    assert path.read_text() == "two\n"
    file.close()


def test_a_device_that_is_always_full() -> None:
    file = LogFile(Path("/dev/full"))
    assert file.append(b"one\ntwo\n") == Outcome(2, "no space left on device")
    assert file.append(b"three\n") == Outcome(1, "no space left on device")
    file.close()


def test_a_directory_that_is_gone_and_comes_back(path: Path) -> None:
    path = path.parent / "logs" / "access.log"
    file = LogFile(path)
    assert file.append(b"one\n") == Outcome(1, "no such file or directory")
    path.parent.mkdir()
    assert file.append(b"two\n") == Outcome()
    assert path.read_text() == "two\n"
    file.close()


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_what_can_not_be_written_to(path: Path, kind: str) -> None:
    """A FIFO that nobody reads must not be waited for."""
    if kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(OSError, match=r"Is a directory|No such device"):
        LogFile(path).open()


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    file = LogFile(Path("-"))
    file.open()
    assert file.append(b"one\n") == Outcome()
    file.close()
    os.write(1, b"two\n")
    assert capfd.readouterr().out == "one\ntwo\n"
