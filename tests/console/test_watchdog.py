"""Code that holds the reactor is interrupted; everything else is left as it was."""

from __future__ import annotations

import signal
import time

import pytest

from lbtwist.console.watchdog import HeldReactor, Watchdog


def test_a_body_that_takes_too_long_is_interrupted_and_reported() -> None:
    bites: list[None] = []
    started = time.monotonic()

    def hold() -> None:
        with Watchdog(lambda: bites.append(None), 0.02):
            while time.monotonic() < started + 5:
                pass

    with pytest.raises(HeldReactor):
        hold()
    assert time.monotonic() < started + 2
    assert len(bites) == 1


def test_a_body_that_catches_everything_is_interrupted_again() -> None:
    bites: list[None] = []
    caught = 0
    started = time.monotonic()
    with Watchdog(lambda: bites.append(None), 0.01):
        while caught < 2 and time.monotonic() < started + 5:
            try:
                time.sleep(1)
            except BaseException:
                caught += 1
    assert caught == 2
    assert len(bites) == 1


def test_a_quick_body_is_left_alone() -> None:
    bites: list[None] = []
    with Watchdog(lambda: bites.append(None)):
        pass
    assert bites == []


def test_the_timer_and_the_signal_are_as_before() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(ZeroDivisionError), Watchdog(lambda: None):
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_outer_of_two_watches() -> None:
    bites: list[str] = []

    def hold() -> None:
        with Watchdog(lambda: bites.append("outer"), 0.02):
            with Watchdog(lambda: bites.append("inner"), 0.001):
                pass
            time.sleep(5)

    with pytest.raises(HeldReactor):
        hold()
    assert bites == ["outer"]
