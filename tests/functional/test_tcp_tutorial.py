"""docs/tutorial-tcp.md, step by step: what it prints is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.http_harness import program
from tests.functional.page import DOCS, Page, comparable

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CONSOLE = "127.0.0.1:2222"
SERVERS = ("127.0.0.11:9300", "127.0.0.12:9300")
LISTENER = "127.0.0.1:8080"


def awaits(command: str) -> list[str]:
    """The console, and for the first check of servers that they listen."""
    if command.startswith("lb apply < backend"):
        return [CONSOLE, *SERVERS]
    return []


def test_rules_1_2_5_and_8_as_the_tutorial_shows_them(tmp_path: Path) -> None:
    for name in ("bash", "ssh", "ssh-keygen"):
        program(name)
    text = (DOCS / "tutorial-tcp.md").read_text(encoding="utf-8")
    page = Page(text, ("2222", "8080", "9300"), awaits, "exec 2>&1")
    prints = page.perform(tmp_path)
    assert len(prints) == len(page.steps)
    for step, printed in zip(page.steps, prints, strict=True):
        assert comparable(printed) == comparable(step.shown), step.command
