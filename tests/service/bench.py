"""A server group, and a whole load balancer, on a data plane in memory and a clock that the test moves."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import count
from typing import Any

from twisted.internet.task import Clock

from lbtwist.model.address import Address
from lbtwist.model.config import Config, GroupSettings, Rejoin, parse
from lbtwist.model.difference import servers_of
from lbtwist.model.drain import Because
from lbtwist.model.health import CheckResult, Thresholds
from lbtwist.model.members import Wanted
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.checking import FIRST_WITHIN
from lbtwist.service.draining import Drains
from lbtwist.service.group import ServerGroup
from lbtwist.service.makers import Makers
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.surroundings import Surroundings
from lbtwist.service.verbs.verb import Call, Caller, Progress, Role
from tests.service.fakes import FakeConnection, FakeDataPlane
from tests.service.world import FAILS, PASSES, World

ADA = Because("ada")
WALL = 1_700_000_000.0
"""The wall clock of a balancer made here, until the test steps it."""


def _nothing(*asked: object) -> Any:
    """What a group does not ask for as long as it is configured without it."""
    raise AssertionError(asked)


UNCHECKED = Makers(lambda settings: None, _nothing, lambda settings: None, _nothing, lambda settings: b"")
"""For groups without health checks, discovery and servers that are given by name."""


def config(toml: str) -> Config:
    """The configuration in `toml`."""
    return parse(tomllib.loads(toml))


def address(number: int) -> Address:
    return Address(f"10.0.0.{number}", 80)


def group_settings(
    servers: Sequence[int] = (1, 2),
    draining: str = "",
    checks: str | None = None,
    extra: str = "",
    **keys: object,
) -> GroupSettings:
    """Servers `s1` at 10.0.0.1:80 and so on, `draining` and `checks` in the tables of these names, and
    `extra` lines in the table of servers; no health checks without `checks`."""
    lines = "".join(f"{key} = {value!r}\n" for key, value in keys.items())
    named = "".join(f's{number} = "10.0.0.{number}:80"\n' for number in servers)
    checked = "" if checks is None else f"[server_groups.app.health_check]\n{checks}\n"
    return config(
        f"[server_groups.app]\n{lines}[server_groups.app.connection_draining]\n{draining}\n{checked}"
        f"[server_groups.app.servers]\n{named}{extra}"
    ).server_groups["app"]


def pass_time(clock: Clock, seconds: float) -> None:
    """So many seconds pass, with every call made at its own time: `advance` alone jumps to the end."""
    end = clock.seconds() + seconds
    while due := [call.getTime() for call in clock.getDelayedCalls() if call.getTime() <= end]:
        clock.advance(max(0.0, min(due) - clock.seconds()))
    clock.advance(max(0.0, end - clock.seconds()))


class House:
    """One started group on a fake data plane."""

    def __init__(self, of: GroupSettings | None = None) -> None:
        self.clock = Clock()
        self.checking = Clock()
        """That of the health checks and of nothing else: they are made when the test says so."""
        self.plane = FakeDataPlane(self.clock)
        self.drains = Drains(self.plane, self.clock, lambda: WALL + self.clock.seconds())
        self.world = World(self.clock, self.checking)
        around = Surroundings(self.plane, self.drains, count(1), self.clock, self.world.makers)
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

    def first_checks(self) -> None:
        """Every server has had its first check."""
        self.checking.advance(FIRST_WITHIN)

    def check(self, number: int, result: CheckResult, times: int = 1) -> None:
        """Checks of a registration are made now, and end with `result`."""
        self.world.servers.answers[self[number].address] = result
        for _ in range(times):
            self.group.health.probe(self[number])

    def fails(self, *numbers: int) -> None:
        """Checks of these fail until they are unhealthy."""
        for number in numbers:
            self.check(number, FAILS, self._thresholds.unhealthy)

    def passes(self, *numbers: int) -> None:
        """Checks of these pass until they are healthy."""
        for number in numbers:
            self.check(number, PASSES, self._thresholds.healthy)

    def reconfigure(self, of: GroupSettings) -> None:
        """Other settings, as a reload has them followed: the servers of the file too."""
        before = self.group.settings
        self.group.reconfigure(of)
        self.group.merge(servers_of(before), servers_of(of), Because("file"), Origin.FILE)

    @property
    def _thresholds(self) -> Thresholds:
        settings = self.group.settings.health_check
        assert settings is not None
        return settings.thresholds

    @property
    def rotation(self) -> list[int]:
        """The members in rotation, by the seats that new connections get."""
        return [member.number for member in self.plane.rotations["app"].members]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(receipt.subject, receipt.outcome) for receipt in self.drains.receipts]

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


class Bench:
    """A load balancer on a FakeDataPlane and a `task.Clock`; the wall clock is another, stepped apart."""

    def __init__(self, of: str | Config, *, start: bool = True) -> None:
        """A balancer of a configuration, or of the one that a text is."""
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.wall = WALL
        self.world = World(self.clock)
        makers = self.world.makers
        self.balancer = LoadBalancer(
            config(of) if isinstance(of, str) else of,
            self.plane,
            self.clock,
            makers,
            lambda: self.wall + self.clock.seconds(),
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
