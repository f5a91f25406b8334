"""Rule 67: when the state is written, and what becomes of it when it can't be, or was damaged."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from lbtwist.model.state.document import MAX_BYTES, State, read_state, write_state
from lbtwist.service.state import files
from lbtwist.service.state.disk import read_end, read_whole
from lbtwist.service.state.keeper import INTERVAL
from lbtwist.service.state.receipts import MAX_LINES, read_receipts
from tests.conftest import Flush, LoggedError
from tests.service.bench import Bench
from tests.service.state.house import TOML, Kept


def drained(kept: Kept) -> list[str]:
    """The addresses that the file says something of."""
    return [str(each.address) for each in read_state(kept.file.read_bytes()).intents.get("app", ())]


def test_it_is_written_at_once_and_then_once_a_second(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.clock.advance(0)
    assert (kept.written, drained(kept)) == (1, [])
    for server in ("s1", "s2", "s3"):
        kept.do("drain", [f"app/{server}"])
    kept.clock.advance(INTERVAL / 2)
    assert kept.written == 1
    kept.clock.advance(INTERVAL / 2)
    assert (kept.written, len(drained(kept))) == (2, 3)
    kept.clock.advance(10)
    assert kept.written == 2
    kept.do("ready", ["app/s1"])
    kept.clock.advance(0)
    assert (kept.written, len(drained(kept))) == (3, 2)


def test_what_is_as_before_is_not_written_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.clock.advance(0)
    before = kept.file.stat().st_ino
    kept.do("drain", ["app/s1"])
    kept.do("ready", ["app/s1"])
    kept.clock.advance(INTERVAL)
    assert kept.written == 2
    assert kept.file.stat().st_ino == before


def test_it_is_readable_by_its_owner_alone_and_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / ".state.json.new").write_text("left from before")
    kept = Kept(tmp_path)
    kept.do("drain", ["app/s1"])
    kept.clock.advance(INTERVAL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["receipts.jsonl", "state.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_is_last_changed_is_written_at_the_end(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.clock.advance(0)
    kept.do("drain", ["app/s1"])
    kept.stop()
    assert drained(kept) == ["10.0.0.1:80"]
    assert read_state(kept.file.read_bytes()).drains == ()


def test_the_end_waits_for_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two never write at once."""
    kept = Kept(tmp_path)
    kept.clock.advance(0)
    threads: list[tuple[Callable[[], None], Deferred[None]]] = []

    def in_thread(call: Callable[[], None]) -> Deferred[None]:
        threads.append((call, Deferred()))
        return threads[-1][1]

    monkeypatch.setattr(kept.keeper, "_in_thread", in_thread)
    kept.clock.advance(INTERVAL)
    kept.do("drain", ["app/s1"])
    kept.clock.advance(INTERVAL)
    kept.do("drain", ["app/s2"])
    kept.balancer.hurry()
    stopped = kept.balancer.stopService()
    for _ in range(2):
        assert (len(threads), stopped.called) == (1, False)
        call, done = threads.pop()
        call()
        done.callback(None)
    assert (threads, stopped.called) == ([], True)
    assert len(drained(kept)) == 2


def test_a_drain_that_runs_is_told_with_its_deadline(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.connect(kept["s1"].label, 3)[0].end()
    kept.do("drain", ["app/s1"], timeout=30.0)
    kept.clock.advance(INTERVAL)
    (drain,) = read_state(kept.file.read_bytes()).drains
    assert (drain.connections, drain.deadline - drain.start) == (2, 30.0)
    kept.do("extend", "app/s1", timeout=90.0)
    kept.clock.advance(INTERVAL)
    (drain,) = read_state(kept.file.read_bytes()).drains
    assert drain.deadline - drain.start == 91.0


@pytest.fixture
def problems(flush_logged_errors: Flush) -> Iterator[None]:
    """Problems are logged as errors: each test says which."""
    yield
    flush_logged_errors(LoggedError)


# A disk that does not do.


@pytest.mark.usefixtures("problems")
def test_a_disk_that_is_full_is_told_once_and_nothing_else_suffers(
    tmp_path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path)
    kept.clock.advance(0)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_whole", full)
        for server in ("s1", "s2"):
            kept.do("drain", [f"app/{server}"])
            kept.clock.advance(INTERVAL)
        problem = f"state file {kept.file}: it can't be written: No space left on device"
        assert kept.do("status")["problems"] == [problem]
        assert logged.count(problem) == 1
        assert kept.states()["s2"] == "drained"
    kept.do("ready", ["app/s2"])
    kept.clock.advance(INTERVAL)
    assert kept.do("status")["problems"] == []
    assert drained(kept) == ["10.0.0.1:80"]
    assert len(read_receipts(tmp_path / "receipts.jsonl").receipts) == 2


@pytest.mark.usefixtures("problems")
def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "gone")
    kept.do("drain", ["app/s1"])
    kept.clock.advance(INTERVAL)
    assert "No such file or directory" in kept.do("status")["problems"][0]
    (tmp_path / "gone").mkdir()
    kept.do("drain", ["app/s2"])
    kept.clock.advance(INTERVAL)
    assert len(drained(kept)) == 2
    assert len(read_receipts(tmp_path / "gone" / "receipts.jsonl").receipts) == 2


# Files that were damaged.


@pytest.mark.usefixtures("problems")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is damaged: Expecting value"),
        (b"\xff\xfe", "is damaged: 'ascii'"),
        (write_state(State())[:-20], "is damaged: "),
        (write_state(State()).replace(b'_state": 1', b'_state": 2'), "it is of version 2"),
        (b" " * (MAX_BYTES + 1), "is larger"),
    ],
    ids=["empty", "binary", "truncated", "newer", "large"],
)
def test_rule_67_a_damaged_file_is_set_aside_and_stops_nothing(
    tmp_path: Path, logged: list[str], content: bytes, why: str
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    kept = Kept(tmp_path)
    assert set(kept.states().values()) == {"healthy"}
    (problem,) = kept.do("status")["problems"]
    assert (why in problem, problem in logged) == (True, True)
    kept.clock.advance(INTERVAL)
    (aside,) = tmp_path.glob("state.json.damaged-*")
    assert aside.name == "state.json.damaged-20231114T221320Z"
    assert (aside.name in problem, aside.read_bytes()) == (True, content)
    assert read_state(kept.file.read_bytes()) == State()


@pytest.mark.usefixtures("problems")
def test_rule_67_what_is_no_file_is_set_aside(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.json")
    kept = Kept(tmp_path)
    assert "it is not a file" in kept.do("status")["problems"][0]
    kept.clock.advance(INTERVAL)
    assert kept.file.is_file()


def test_no_more_of_a_file_is_read_than_its_bound(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100)
    assert read_whole(tmp_path / "large", 10) == b"x" * 11
    assert read_end(tmp_path / "large", 10) == (b"x" * 10, False)
    assert read_end(tmp_path / "large", 100) == (b"x" * 100, True)


# Receipts.


def removed(kept: Kept, times: int) -> None:
    for _ in range(times):
        kept.do("drain", ["app/s1"])
        kept.do("ready", ["app/s1"])
        kept.clock.advance(INTERVAL)


def test_receipts_are_appended_and_read_back(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    removed(kept, 3)
    lines = (tmp_path / "receipts.jsonl").read_text().splitlines()
    assert len(lines) == 3
    again = Kept(tmp_path)
    assert again.outcomes == kept.outcomes
    removed(again, 1)
    assert (tmp_path / "receipts.jsonl").read_text().splitlines()[:3] == lines
    assert len(Kept(tmp_path).outcomes) == 4


def test_a_thousand_receipts_are_kept_and_the_file_is_bounded(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    removed(kept, 1)
    file = tmp_path / "receipts.jsonl"
    file.write_text(file.read_text() * (MAX_LINES - 1))
    again = Kept(tmp_path)
    assert len(again.outcomes) == 1000
    removed(again, 1)
    assert len(file.read_text().splitlines()) == MAX_LINES
    removed(again, 1)
    assert len(file.read_text().splitlines()) == 1000


@pytest.mark.usefixtures("problems")
def test_a_damaged_line_is_left_out_told_and_mended(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    removed(kept, 3)
    file = tmp_path / "receipts.jsonl"
    first, _, third = file.read_text().splitlines()
    file.write_text(f"{first}\n{{}}\n{third}\n{first[:20]}")
    again = Kept(tmp_path)
    assert again.outcomes == [kept.outcomes[0], kept.outcomes[2]]
    assert again.do("status")["problems"] == [f"{file}: 2 lines are damaged and left out: 2, 4"]
    again.clock.advance(INTERVAL)
    assert file.read_text() == f"{first}\n{third}\n"
    assert Kept(tmp_path).do("status")["problems"] == []


# Without a state file.


def test_rule_67_without_a_state_file_the_first_change_says_so_once(warned: list[str]) -> None:
    from lbtwist.service.state.unkept import WARNING, warn_once
    from lbtwist.service.verbs.registry import VERBS

    bench = Bench(TOML)
    warn_once(bench.balancer)

    def warning(verb: str, **named: object) -> str:
        return str(VERBS[verb].run(bench.call(), **named).warning)

    assert warning("status") == ""
    assert warning("drain", servers=["app/s1"], dry_run=True) == ""
    assert warning("ready", servers=["app/s1"]) == ""
    assert warning("drain", servers=["app/s1"]) == WARNING
    assert warning("drain", servers=["app/s2"]) == ""
    assert warned == [WARNING]
