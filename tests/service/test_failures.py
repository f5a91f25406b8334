"""The log is told why servers can't be used, and is not flooded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from lbtwist.model.address import Address
from lbtwist.model.registration import Registration
from lbtwist.service.failures import APART, REMEMBERED, Failures


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """The server and the reason of each line."""
    lines: list[tuple[str, str]] = []

    def note(event: LogEvent) -> None:
        if "why" in event:
            lines.append((event["server"], event["why"]))

    globalLogPublisher.addObserver(cast(Any, note))
    yield lines
    globalLogPublisher.removeObserver(cast(Any, note))


def server(number: int) -> Registration:
    return Registration(number, "app", f"ecs{number}", Address("10.0.0.1", 80))


def test_each_server_and_reason_is_told_once_in_a_while(told: list[tuple[str, str]]) -> None:
    clock = Clock()
    failures = Failures(clock.seconds)
    for _ in range(3):
        failures.tell(server(1), "refused")
        failures.tell(server(2), "refused")
        failures.tell(server(1), "certificate has expired")
        clock.advance(APART / 4)
    expected = [
        ("app/ecs1#1", "refused"),
        ("app/ecs2#2", "refused"),
        ("app/ecs1#1", "certificate has expired"),
    ]
    assert told == expected
    clock.advance(APART / 4)
    failures.tell(server(1), "refused")
    assert told == [*expected, expected[0]]


def test_what_is_remembered_is_bounded() -> None:
    clock = Clock()
    failures = Failures(clock.seconds)
    for number in range(REMEMBERED):
        failures.tell(server(number), "refused")
    clock.advance(APART)
    failures.tell(server(1), "refused")
    assert len(failures._told) == 1
