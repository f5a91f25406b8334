"""A group that goes away asks nobody for servers any more; one that stays after all asks anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from lbtwist.interfaces import IServerSource
from lbtwist.model.drain import Because
from lbtwist.model.source import SourceAnswer
from lbtwist.service.draining import Drains
from lbtwist.service.group import ServerGroup
from lbtwist.service.makers import Makers
from lbtwist.service.surroundings import Surroundings
from tests.service.bench import UNCHECKED, WALL, address, config
from tests.service.fakes import FakeConnection, FakeDataPlane

FILE = Because("file")
TOML = """
[server_groups.app.discovery]
type = "file"
path = "/members"
"""


@implementer(IServerSource)
class FakeSource:
    """Answers when the test says so, also after it was stopped, where it has no ear any more."""

    def __init__(self) -> None:
        self.heard: list[Callable[[SourceAnswer], None]] = []

    def watch(self, heard: Callable[[SourceAnswer], None]) -> None:
        self.heard.append(heard)

    def stop(self) -> Deferred[None]:
        self.heard.clear()
        return succeed(None)

    def answer(self, *numbers: int) -> None:
        for heard in self.heard:
            heard(SourceAnswer({address(number): 100 for number in numbers}))


class Discovered:
    """A group of two servers that were discovered, the first of which has a connection."""

    def __init__(self) -> None:
        self.plane = FakeDataPlane()
        self.sources: list[FakeSource] = []
        clock = Clock()
        drains = Drains(self.plane, clock, lambda: WALL)
        makers = Makers(UNCHECKED.checks, UNCHECKED.probe, self._source, *UNCHECKED[3:])
        self.settings = config(TOML).server_groups["app"]
        around = Surroundings(self.plane, drains, count(1), clock, makers)
        self.group = ServerGroup("app", self.settings, around)
        self.group.startService()
        self.sources[0].answer(1, 2)
        self.gone: list[bool] = []

    def _source(self, settings: object) -> FakeSource:
        self.sources.append(FakeSource())
        return self.sources[-1]

    def connect(self) -> FakeConnection:
        return self.plane.open(self.plane.rotations["app"].members[0])

    def retire(self) -> None:
        self.group.retire(FILE, lambda: self.gone.append(True))

    @property
    def rotation(self) -> list[int]:
        return [member.number for member in self.plane.rotations["app"].members]


@pytest.fixture
def discovered() -> Discovered:
    return Discovered()


def test_rule_18_what_the_source_says_of_a_group_that_goes_away_is_not_heard(discovered: Discovered) -> None:
    connection = discovered.connect()
    discovered.retire()
    discovered.sources[0].answer(1, 2, 3)
    assert (discovered.rotation, discovered.sources[0].heard) == ([], [])
    connection.end()
    assert discovered.gone == [True]


def test_rule_16_one_that_stays_after_all_takes_its_members_in_again(discovered: Discovered) -> None:
    connection = discovered.connect()
    discovered.retire()
    discovered.group.reconfigure(discovered.settings)
    assert len(discovered.sources) == 2
    discovered.sources[1].answer(1, 2)
    assert discovered.rotation == [4], "the other one waits for its drain"
    connection.end()
    assert (discovered.rotation, discovered.gone) == ([3, 4], [])


def test_other_settings_of_a_group_that_stays_ask_nobody_anew(discovered: Discovered) -> None:
    discovered.group.reconfigure(discovered.settings)
    assert (len(discovered.sources), discovered.rotation) == (1, [1, 2])
