"""The short form of `make torture`: load, faults, and every request's fate counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.scale import told

pytestmark = [pytest.mark.functional, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PATIENCE = 170.0
"""Below the time after which the suite is ended; on a calm machine a fifth of it is taken."""


def test_nothing_is_lost_that_no_rule_names() -> None:
    """Rules 1, 2, 7, 60, 70, 71 and 73 under load and faults; docs/torture.md tells which."""
    done = subprocess.run(
        [sys.executable, "-m", "torture", "--short"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    told(done.stdout)
    assert done.returncode == 0, done.stdout
