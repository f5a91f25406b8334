"""What the process is given: its clock, its descriptors, and how it shares its time."""

from __future__ import annotations

import gc
import resource
import sys
import time
from typing import Any

SWITCH_INTERVAL = 0.0005


def use_monotonic_clock(reactor: Any) -> None:
    """Make every `callLater` of `reactor` independent of the wall clock (rule 80).

    `reactor.seconds` is `time.time` by default. To be called before the first `callLater`.
    """
    reactor.seconds = time.monotonic


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def share_the_interpreter() -> None:
    """Threads give way after half a millisecond instead of five: while one judges a file of thousands of
    servers, each system call of the reactor waits so long for its turn."""
    sys.setswitchinterval(SWITCH_INTERVAL)


def keep_the_start(reactor: Any) -> None:
    """What was made before `reactor` runs is looked through for garbage once, and then no more: with 500
    servers each full collection would hold traffic up for 50 ms."""

    def keep() -> None:
        gc.collect()
        gc.freeze()

    reactor.callWhenRunning(keep)
