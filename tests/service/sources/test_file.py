from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.model.listing import MAX_BYTES
from lbtwist.model.source import SourceAnswer
from lbtwist.service.sources.file import LOOK, FileMaker

ONE, TWO = Address("10.0.0.1", 80), Address("10.0.0.2", 80)


class World:
    """A file that is watched, and what was heard."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.heard: list[SourceAnswer] = []
        self.source = FileMaker().make({"path": path}, 80, self.clock)

    def watch(self) -> None:
        self.source.watch(self.heard.append)

    def look(self, times: int = 1) -> list[SourceAnswer]:
        """What was heard since the last time, after so many looks more."""
        self.clock.pump([LOOK] * times)
        heard, self.heard[:] = self.heard.copy(), []
        return heard

    def problem(self, times: int = 2) -> str:
        (answer,) = self.look(times)
        assert answer.servers is None
        return answer.problem.removeprefix(f"{self.path}: ")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "servers")
    world.path.write_text("10.0.0.1:80\n")
    world.watch()
    yield world
    assert world.source.stop().called
    assert world.clock.getDelayedCalls() == []


def answered(*servers: Address) -> list[SourceAnswer]:
    return [SourceAnswer(dict.fromkeys(servers, 100))]


def test_is_read_at_once_and_told_once(world: World) -> None:
    assert world.look(0) == answered(ONE)
    assert world.look(5) == []


def test_a_change_is_read_when_nobody_has_written_for_a_second(world: World) -> None:
    world.look(0)
    world.path.write_text("10.0.0.1:80\n10.0.0.2\n")
    assert world.look() == []
    assert world.look() == answered(ONE, TWO)
    assert world.look(5) == []


def test_a_file_that_is_being_written_waits(world: World) -> None:
    world.look(0)
    for number in range(2, 6):
        with world.path.open("a") as growing:
            growing.write(f"10.0.0.{number}:80\n")
        assert world.look() == []
    (answer,) = world.look()
    assert len(answer.servers or {}) == 5


def test_another_file_put_in_its_place_is_seen(world: World) -> None:
    world.look(0)
    before = world.path.stat()
    other = world.path.with_name("new")
    other.write_text("10.0.0.2:80\n")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(world.path)
    assert world.look(2) == answered(TWO)


def test_a_link_that_leads_elsewhere_is_seen(tmp_path: Path) -> None:
    """As Kubernetes changes the files of a ConfigMap."""
    for name, content in ("a", "10.0.0.1:80\n"), ("b", "10.0.0.2:80\n"):
        (tmp_path / name).write_text(content)
    world = World(tmp_path / "servers")
    world.path.symlink_to("a")
    world.watch()
    world.look(0)
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(world.path)
    assert world.look(2) == answered(TWO)
    world.source.stop()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"10.0.0.1:80\n10.0.0.2:8", "the last line has no end: the file is not written to the end"),
        (b"\x00\xff\n", "is not UTF-8"),
        (b"hello\n", "line 1: 'hello' is not an address"),
        (b"10.0.0.1:80\n10.0.0.1\n", "line 2: 10.0.0.1:80 stands twice"),
        (b"#" * MAX_BYTES + b"\n", f"is larger than {MAX_BYTES} bytes"),
    ],
    ids=["half", "bytes", "rubbish", "twice", "large"],
)
def test_rubbish_is_a_problem_and_is_told_once(world: World, content: bytes, words: str) -> None:
    world.look(0)
    world.path.write_bytes(content)
    assert world.problem().startswith(words)
    assert world.look(5) == []
    world.path.write_text("10.0.0.2:80\n")
    assert world.look(2) == answered(TWO)


def test_a_problem_that_comes_back_is_told_again(world: World) -> None:
    world.look(0)
    for _ in range(2):
        world.path.write_text("rubbish\n")
        assert world.problem().startswith("line 1: 'rubbish'")
        world.path.write_text("10.0.0.1:80\n")
        assert world.look(2) == answered(ONE)


def test_a_file_that_is_not_there_is_a_problem_until_it_is(world: World) -> None:
    world.look(0)
    world.path.unlink()
    assert world.problem() == "can't be read: No such file or directory"
    assert world.look(5) == []
    world.path.write_text("10.0.0.1:80\n")
    assert world.look(2) == answered(ONE)


def test_the_same_file_is_read_again_after_it_could_not_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> os.stat_result:
        raise OSError(24, "Too many open files")

    world.look(0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", fail)
        assert world.problem() == "can't be read: Too many open files"
    assert world.look() == answered(ONE)


def test_a_file_that_changes_while_it_is_read_is_read_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def write_first(path: Path, flags: int) -> int:
        world.path.write_text("10.0.0.1:80\n10.0.0.2:80\n")
        return opened(path, flags)

    world.look(0)
    world.path.write_text("10.0.0.2:80\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", write_first)
        assert world.look(2) == []
    assert world.look(2) == answered(ONE, TWO)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_what_is_no_file_is_a_problem(world: World, make: object) -> None:
    assert callable(make)
    world.look(0)
    world.path.unlink()
    make(world.path)
    assert world.problem() in ("is not a file", "can't be read: Is a directory")


def test_json_by_its_name(tmp_path: Path) -> None:
    world = World(tmp_path / "servers.json")
    world.path.write_text('["10.0.0.1", {"address": "10.0.0.2:80", "weight": 5}]')
    world.watch()
    assert world.look(0) == [SourceAnswer({ONE: 100, TWO: 5})]
    world.path.write_text('["10.0.0.1"')
    assert world.problem().startswith("is not JSON")
    world.source.stop()


@pytest.mark.parametrize(
    "settings",
    [{}, {"path": ""}, {"path": 5}, {"path": "a\0b"}, {"path": "a\n"}, {"path": "a", "interval": 5}],
    ids=str,
)
def test_settings_are_strict(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="path"):
        FileMaker().make(settings, None, Clock())
