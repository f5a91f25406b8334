"""The secret of cookies is made once, and nobody else reads it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lbtwist.service.cookie_secret import NAME, SIZE, CookieSecret


class Chance:
    """Bytes that are other ones each time."""

    def __init__(self, first: int = 1) -> None:
        self.calls = first - 1

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return bytes([self.calls]) * size


def test_it_is_made_at_the_first_start_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secret = CookieSecret(tmp_path, Chance())()
    finally:
        os.umask(before)
    assert secret == b"\1" * SIZE
    assert (tmp_path / NAME).read_bytes() == secret
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_it_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    CookieSecret(tmp_path, Chance())
    assert list(tmp_path.iterdir()) == []


def test_it_is_the_same_at_the_next_start(tmp_path: Path, warned: list[str]) -> None:
    first = CookieSecret(tmp_path, Chance())()
    assert CookieSecret(tmp_path, Chance(7))() == first
    assert warned == []


def test_it_is_read_once(tmp_path: Path) -> None:
    secret = CookieSecret(tmp_path, Chance())
    first = secret()
    (tmp_path / NAME).unlink()
    assert secret() == first


def test_without_a_directory_it_lasts_until_the_end_and_a_warning_says_so(warned: list[str]) -> None:
    chance = Chance()
    secret = CookieSecret(None, chance)
    assert (secret(), secret(), chance.calls) == (b"\1" * SIZE, b"\1" * SIZE, 1)
    assert warned == [
        "there is neither a state_file nor a secret of session_persistence: cookies do not survive a restart"
    ]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    CookieSecret(tmp_path, Chance())()
    (tmp_path / NAME).chmod(mode)
    with pytest.raises(ValueError, match=rf"cookie_secret: others may read it \(mode {mode:04o}"):
        CookieSecret(tmp_path, Chance())()


@pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1])
def test_a_file_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / NAME).write_bytes(b"s" * size)
    (tmp_path / NAME).chmod(0o600)
    with pytest.raises(ValueError, match="has not 32 bytes"):
        CookieSecret(tmp_path, Chance())()


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME, 0o600)
    with pytest.raises(ValueError, match="it is not a file"):
        CookieSecret(tmp_path, Chance())()


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        CookieSecret(tmp_path / "none", Chance())()


def test_nothing_is_left_of_one_that_could_not_be_made(tmp_path: Path) -> None:
    def fails(size: int) -> bytes:
        raise OSError("no chance")

    with pytest.raises(OSError, match="no chance"):
        CookieSecret(tmp_path, fails)()
    assert list(tmp_path.iterdir()) == []
