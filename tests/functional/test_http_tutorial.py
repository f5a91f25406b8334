"""docs/tutorial-http.md, step by step: what it prints is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.functional.balancer import HOST
from tests.functional.http_harness import program
from tests.functional.page import CLOCK, DOCS, Page, comparable

pytestmark = [pytest.mark.functional, pytest.mark.slow]

PORTS = ("2222", "8080", "8081", "8082")
WORK = 4.0
"""Seconds that the slow server takes."""
_DURATION = re.compile(r"^after (\d+\.\d+) s$", re.MULTILINE)


def awaits(command: str) -> list[str]:
    """All that was started in the background."""
    if command.startswith(("lb add", "curl", "python websocket_client.py")):
        return [f"{HOST}:{port}" for port in PORTS]
    return []


def seconds_of(line: str) -> int:
    """The time of day that `line` tells, within its hour."""
    found = CLOCK.search(line)
    assert found, line
    return int(found[1]) * 60 + int(found[2])


def test_rules_40_41_42_50_and_51_as_the_tutorial_shows_them(tmp_path: Path) -> None:
    for name in ("bash", "curl", "ssh", "ssh-keygen"):
        program(name)
    page = Page((DOCS / "tutorial-http.md").read_text(encoding="utf-8"), PORTS, awaits)
    prints = page.perform(tmp_path)
    assert len(prints) == len(page.steps)
    for step, text in zip(page.steps, prints, strict=True):
        assert comparable(text) == comparable(step.shown), step.command
    by_command = {step.command: text for step, text in zip(page.steps, prints, strict=True)}
    client, server = (by_command[f"cat {name}.txt"].splitlines()[-1] for name in ("client", "ecs01"))
    assert abs(seconds_of(client) - seconds_of(server)) % 3599 <= 1
    cut, late, whole = (float(after) for text in prints for after in _DURATION.findall(text))
    assert cut < WORK
    assert late < WORK
    assert WORK <= whole < WORK + 1
