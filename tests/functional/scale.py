"""How large: in the suite, and by hand.

    LBTWIST_FULL=1 pytest -o faulthandler_timeout=0 -s tests/functional

runs every test at its full size and prints what it measured.
"""

from __future__ import annotations

import os
import resource
from typing import TypeVar

import pytest

FULL = os.environ.get("LBTWIST_FULL") == "1"
MIB = 1 << 20

Size = TypeVar("Size", int, float)


def scaled(full: Size, suite: Size) -> Size:
    """`full` when it was asked for, else what the suite has time for."""
    return full if FULL else suite


def told(text: str) -> None:
    """Print a measured figure; pytest shows it with `-s`, or when the test fails."""
    print(f"\n  {text}")


def need_descriptors(count: int) -> None:
    """Allow this process `count` descriptors more than it has; skip where the hard limit forbids it."""
    needed = count + len(os.listdir("/proc/self/fd"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed > hard:
        pytest.skip(f"needs {needed} descriptors, and the hard limit of this machine is {hard}")
    if needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
