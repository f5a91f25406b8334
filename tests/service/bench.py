"""A server group, and a whole load balancer, on a data plane in memory and a clock that the test moves."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import count
from typing import Any

from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.model.config import Config, GroupSettings, Rejoin, parse
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.draining import Drains, RunningDrain
from lbtwist.service.group import ServerGroup, Surroundings
from lbtwist.service.makers import Makers
from lbtwist.service.verbs.verb import Call, Caller, Progress, Role
from tests.service.fakes import FakeConnection, FakeDataPlane

ADA = Because("ada")
WALL = 1_700_000_000.0
"""The wall clock of a balancer made here, until the test steps it."""


def _nothing(*asked: object) -> Any:
    """What a group does not ask for as long as it is configured without it."""
    raise AssertionError(asked)


UNCHECKED = Makers(lambda settings: None, _nothing, lambda settings: None, _nothing)
"""For groups without health checks, discovery and servers that are given by name."""


def config(toml: str) -> Config:
    """The configuration in `toml`."""
    return parse(tomllib.loads(toml))


def address(number: int) -> Address:
    return Address(f"10.0.0.{number}", 80)


def group_settings(servers: Sequence[int] = (1, 2), draining: str = "", **keys: object) -> GroupSettings:
    """Servers `s1` at 10.0.0.1:80 and so on, and `draining` in the table of that name."""
    lines = "".join(f"{key} = {value!r}\n" for key, value in keys.items())
    named = "".join(f's{number} = "10.0.0.{number}:80"\n' for number in servers)
    return config(
        f"[server_groups.app]\n{lines}[server_groups.app.connection_draining]\n{draining}\n"
        f"[server_groups.app.servers]\n{named}"
    ).server_groups["app"]


class House:
    """One started group on a fake data plane."""

    def __init__(self, of: GroupSettings | None = None) -> None:
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.drains = Drains(self.plane, self.clock, lambda: WALL + self.clock.seconds())
        around = Surroundings(self.plane, self.drains, count(1), self.clock, UNCHECKED)
        self.group = ServerGroup("app", of or group_settings(), around)
        self.group.startService()

    def __getitem__(self, number: int) -> Registration:
        found = self.group.members.get(number)
        assert found is not None
        return found

    def connections(self, number: int, times: int = 1) -> list[FakeConnection]:
        """Connections to a registration that is in rotation."""
        (member,) = [each for each in self.plane.rotations["app"].members if each.number == number]
        return [self.plane.open(member) for _ in range(times)]

    def remove(self, *numbers: int, timeout: float | None = None) -> list[RunningDrain]:
        return self.group.remove([self[number] for number in numbers], ADA, Origin.VERB, timeout)

    def drain(self, *numbers: int, timeout: float | None = None) -> list[RunningDrain]:
        return self.group.drain([self[number] for number in numbers], ADA, timeout)

    def add(
        self, number: int, name: str = "", rejoin: Rejoin | None = None, weight: int = 100
    ) -> Registration:
        """Register the server at 10.0.0.`number`."""
        (added,) = self.group.add({address(number): Wanted(name or f"s{number}", weight)}, ADA, rejoin)
        return added

    @property
    def rotation(self) -> list[int]:
        return [member.number for member in self.plane.rotations["app"].members]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(receipt.subject, receipt.outcome) for receipt in self.drains.receipts]

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


class Bench:
    """A load balancer on a FakeDataPlane and a `task.Clock`; the wall clock is another, stepped apart."""

    def __init__(self, toml: str, *, start: bool = True) -> None:
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.wall = WALL
        self.balancer = LoadBalancer(
            config(toml), self.plane, self.clock, UNCHECKED, lambda: self.wall + self.clock.seconds()
        )
        if start:
            self.balancer.privilegedStartService()
            self.balancer.startService()
        self._idle = len(self.clock.getDelayedCalls())

    @property
    def timers(self) -> int:
        """Pending calls beyond those of a balancer in which nothing happens."""
        return len(self.clock.getDelayedCalls()) - self._idle

    def call(self, progress: Progress | None = None, who: str = "ada") -> Call:
        """What a verb is given first."""
        return Call(self.balancer, Caller(who, "192.0.2.9", Role.OPERATE), progress)

    def row(self, rows: Any, **wanted: Any) -> dict[str, Any]:
        """The one row of a verb's data that has these values."""
        (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
        return dict(found)

    def rotation(self, group: str = "app") -> list[str]:
        """Who may take new connections, as shown."""
        return [member.label for member in self.plane.rotations[group].members]

    def connect(self, label: str, times: int = 1) -> list[FakeConnection]:
        """Connections to a registration in rotation, through the first listener of its group."""
        group = label.split("/")[0]
        (member,) = [each for each in self.plane.rotations[group].members if each.label == label]
        listener = next(
            (each.number for each in self.balancer.listeners.values() if each.settings.server_group == group),
            0,
        )
        return [self.plane.open(member, listener) for _ in range(times)]
