"""Long work in short steps."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.task import Clock

from lbtwist.status.slices import LONGEST, STEP, Slices


class Turns(Clock):
    """A reactor whose turns the test makes."""

    def turn(self) -> None:
        """What was due when it begins, and nothing that comes of it."""
        due, self.calls = self.calls, []
        for call in due:
            call.called = 1
            call.func(*call.args, **call.kw)


class Work:
    """Pieces, each of which takes so long."""

    def __init__(self, seconds: float, pieces: int) -> None:
        self.now = 0.0
        self.done = 0
        self._seconds = seconds
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._pieces):
            self.now += self._seconds
            self.done += 1
            yield b"."


def begin(clock: Turns, work: Work) -> list[bytes]:
    got: list[bytes] = []
    Slices(clock, lambda: work.now).join(iter(work)).addCallback(got.append)
    return got


def test_steps_are_short_at_first_and_never_longer_than_they_may_be_but_for_their_last_piece() -> None:
    piece = STEP / 2.5
    clock, work = Turns(), Work(piece, 2000)
    got = begin(clock, work)
    steps = []
    while not got:
        before = work.done
        clock.turn()
        steps.append(work.done - before)
    assert got == [b"." * 2000]
    assert steps[0] == 3
    assert sum(steps[:8]) * piece < 12 * STEP
    assert LONGEST - piece < max(steps) * piece < LONGEST + 2 * piece
    assert steps.count(max(steps)) > 20


def test_two_take_turns() -> None:
    clock, slow, fast = Turns(), Work(STEP, 100), Work(STEP, 2)
    slices = Slices(clock, lambda: slow.now + fast.now)
    got: list[bytes] = []
    slices.join(iter(slow))
    slices.join(iter(fast)).addCallback(got.append)
    for _ in range(6):
        clock.turn()
    assert got == [b".."]
    assert slow.done < 10


def test_what_fails_fails_for_who_waits() -> None:
    def fails() -> Iterator[bytes]:
        yield b"."
        raise ZeroDivisionError

    clock = Turns()
    failed = Slices(clock).join(fails())
    clock.turn()
    clock.turn()
    reasons: list[object] = []
    failed.addErrback(lambda failure: reasons.append(failure.type))
    assert reasons == [ZeroDivisionError]


def test_nothing_is_something() -> None:
    clock = Turns()
    got = begin(clock, Work(1.0, 0))
    clock.turn()
    assert got == [b""]
