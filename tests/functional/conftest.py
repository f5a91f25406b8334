"""What the functional tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.peers import Server, Watch


@pytest.fixture
def watch() -> Iterator[Watch]:
    """A thread that watches sockets, ended with the test."""
    with Watch() as watch:
        yield watch


@pytest.fixture
def pair(watch: Watch) -> tuple[Server, Server]:
    """Two servers, ecs01 and ecs02."""
    return Server("ecs01", watch), Server("ecs02", watch)
