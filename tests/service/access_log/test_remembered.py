"""What comes again is made once, and memory is bounded."""

from __future__ import annotations

from lbtwist.service.access_log.remembered import REMEMBERED, Remembered


def test_what_comes_again_is_made_once() -> None:
    made: list[tuple[str, int]] = []

    def make(name: str, number: int) -> str:
        made.append((name, number))
        return f"{name}{number}"

    remembered = Remembered(make)
    assert [remembered["a", 1], remembered["a", 1], remembered["b", 1]] == ["a1", "a1", "b1"]
    assert made == [("a", 1), ("b", 1)]


def test_it_is_bounded() -> None:
    remembered = Remembered(str)
    for number in range(REMEMBERED + 1):
        assert remembered[number,] == str(number)
    assert len(remembered) == 1
