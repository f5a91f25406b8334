from __future__ import annotations

import fcntl
import os
from errno import EMFILE, EPERM

import pytest

from lbtwist.net.pipes import PATIENCE, SIZE, SPARE, Pipe, Pipes


def taken(pipes: Pipes) -> Pipe:
    pipe = pipes.take()
    assert pipe is not None
    return pipe


def test_a_pipe_holds_a_mebibyte_and_nobody_waits_for_it() -> None:
    pipe = taken(Pipes())
    assert fcntl.fcntl(pipe.exit, fcntl.F_GETPIPE_SZ) == SIZE
    for fd in pipe:
        assert not os.get_blocking(fd)
        assert not os.get_inheritable(fd)
    pipe.close()


def test_an_empty_one_is_used_again_and_another_is_closed() -> None:
    pipes = Pipes()
    first, second = taken(pipes), taken(pipes)
    pipes.give_back(first, empty=True)
    os.write(second.entry, b"for nobody")
    pipes.give_back(second, empty=False)
    assert (pipes.busy, taken(pipes)) == (0, first)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(second.exit)
    first.close()


def test_there_are_never_more_than_the_limit() -> None:
    pipes = Pipes(2)
    first, second = taken(pipes), taken(pipes)
    assert pipes.take() is None
    pipes.give_back(first, empty=True)
    pipes.give_back(second, empty=True)
    pipes.allow(1)
    assert len(pipes._spare) == 1
    kept = taken(pipes)
    pipes.allow(0)
    assert pipes.take() is None
    pipes.give_back(kept, empty=True)


def test_few_are_kept() -> None:
    pipes = Pipes(2 * SPARE)
    for pipe in [taken(pipes) for _ in range(2 * SPARE)]:
        pipes.give_back(pipe, empty=True)
    assert len(pipes._spare) == SPARE
    pipes.allow(0)


def test_where_none_can_be_made_it_is_not_tried_for_each_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def failing(flags: int) -> tuple[int, int]:
        tried.append(flags)
        raise OSError(EMFILE, "Too many open files")

    pipes = Pipes()
    with monkeypatch.context() as patch:
        patch.setattr("lbtwist.net.pipes.os.pipe2", failing)
        assert [pipes.take() for _ in range(PATIENCE + 1)] == [None] * (PATIENCE + 1)
    assert (len(tried), pipes.busy) == (1, 0)
    taken(pipes).close()


def test_a_smaller_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> int:
        raise OSError(EPERM, "Operation not permitted")

    monkeypatch.setattr("lbtwist.net.pipes.fcntl.fcntl", refused)
    assert Pipes().take() is None
