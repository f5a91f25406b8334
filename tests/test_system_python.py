"""`make test-system-python`: where there is nothing to be tested, it says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLD = "#!/bin/sh\nexit 1\n"
BARE = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'
"""Pythons as they answer what they are asked."""

pytestmark = [
    pytest.mark.functional,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


def said(python: Path) -> str:
    """What is printed where `python` is the system's, and the present one that of the virtualenv."""
    settings = [f"VENV={sys.prefix}", f"SYSTEM_PYTHON={python}", "SYSTEM_VENV=/nowhere"]
    done = subprocess.run(
        ["make", "-o", f"{sys.prefix}/.installed", "test-system-python", *settings],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (OLD, "is older than 3.11"),
        (BARE, "cannot make virtual environments. On Debian: apt install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_told(script: str, why: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(script)
    python.chmod(0o755)
    assert said(python) == f"test-system-python is skipped: {python} {why}\n"


def test_nothing_is_tested_twice_and_nothing_without_a_python(tmp_path: Path) -> None:
    same = tmp_path / "python3"
    same.symlink_to(os.path.realpath(sys.executable))
    assert said(same) == f"test-system-python is skipped: {same} is the one of {sys.prefix}\n"
    same.unlink()
    assert said(same) == f"test-system-python is skipped: there is no {same}\n"
