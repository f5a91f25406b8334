"""A whole load balancer on a clock: verbs, reloads, failing servers, clients, and time, in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred, succeed

from lbtwist.errors import Refused
from lbtwist.model.drain import NEVER, Cause, State
from lbtwist.model.registration import Admin, Registration
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.verbs import membership, taking_out
from tests.functional.scale import scaled
from tests.service.bench import Bench, config, pass_time
from tests.service.fakes import FakeConnection
from tests.service.world import FAILS, PASSES

GROUPS = ("app", "api")
SERVERS = ("s1", "s2", "s3")
TIMEOUTS = st.sampled_from([None, 0.0, 5.0, 60.0, 600.0])
WHICH = st.integers(0, 9)
FILES = st.fixed_dictionaries(
    {group: st.tuples(st.sets(st.sampled_from(SERVERS[:2])), st.sampled_from([20, 100])) for group in GROUPS}
)
"""The servers of each group, and the timeout of its drains."""

File = dict[str, tuple[set[str], int]]


def address_of(group: str, server: str) -> str:
    return f"10.0.{GROUPS.index(group)}.{SERVERS.index(server) + 1}:80"


def toml(file: File) -> str:
    text = ""
    for number, (group, (servers, timeout)) in enumerate(file.items()):
        text += f"""
[listeners.{group}]
endpoint = {8080 + number}
protocol = "tcp"
server_group = "{group}"
[server_groups.{group}.connection_draining]
timeout = {timeout}
on_unhealthy = 60
[server_groups.{group}.health_check]
type = "tcp"
interval = 5
healthy_threshold = 1
unhealthy_threshold = 1
[server_groups.{group}.servers]
"""
        text += "".join(f'{name} = "{address_of(group, name)}"\n' for name in sorted(servers))
    return text


class ControlPlane(RuleBasedStateMachine):
    """Two groups, each behind a listener, of at most three servers each."""

    @initialize()
    def start(self) -> None:
        self.file: File = {group: ({"s1", "s2"}, 100) for group in GROUPS}
        self.bench = Bench(toml(self.file))
        self.deadlines: dict[tuple[int, ...], float] = {}
        """Of each drain, as it should be."""
        pass_time(self.bench.clock, 1.0)
        self.note()

    # What operators do.

    @precondition(lambda self: self.registered())
    @rule(at=WHICH, timeout=TIMEOUTS)
    def remove(self, at: int, timeout: float | None) -> None:
        one = self.pick(self.registered(), at)
        before = self.of(one)
        taking_out.remove(self.bench.call(), [one.label], timeout, force=True)
        assert one.number not in self.rotating(), "rule 1"
        after = self.of(one)
        if before and after and before[0].drain.cause is Cause.HEALTH:
            asked = self.now + (self.default(one) if timeout is None else timeout)
            assert after[0].drain.deadline <= min(self.deadlines[self.key(before[0])], asked), "rule 28"
        self.note(one)

    @precondition(lambda self: self.registered())
    @rule(at=WHICH, timeout=TIMEOUTS, until=st.sampled_from([0.0, None, 30.0]))
    def take_out(self, at: int, timeout: float | None, until: float | None) -> None:
        one = self.pick(self.registered(), at)
        if until == 0.0:
            taking_out.drain(self.bench.call(), [one.label], timeout=timeout, force=True)
        else:
            more: dict[str, Any] = {} if until is None else {"for": until}
            taking_out.maint(self.bench.call(), [one.label], timeout=timeout, force=True, **more)
        assert one.number not in self.rotating()
        self.note(one)

    @precondition(lambda self: self.everyone())
    @rule(at=WHICH)
    def ready(self, at: int) -> None:
        one = self.pick(self.everyone(), at)
        try:
            membership.ready(self.bench.call(), [one.label])
        except Refused:
            return
        assert one.admin is Admin.READY
        self.note(one)

    @rule(group=st.sampled_from(GROUPS), name=st.sampled_from(SERVERS))
    def add(self, group: str, name: str) -> None:
        """Rule 16: the drain of an earlier stay goes on; `note` is told of nobody."""
        try:
            membership.add(self.bench.call(), group, name, address_of(group, name))
        except Refused:
            assert any(each.name == name and each.group == group for each in self.registered())
        self.note()

    @precondition(lambda self: self.running())
    @rule(at=WHICH, timeout=st.sampled_from([1.0, 60.0]))
    def extend(self, at: int, timeout: float) -> None:
        running = self.running()[at % len(self.running())]
        running.extend(timeout)
        self.deadlines[self.key(running)] = running.drain.deadline

    @precondition(lambda self: self.registered())
    @rule(at=WHICH, weight=st.integers(0, 100))
    def weigh(self, at: int, weight: int) -> None:
        membership.weigh(self.bench.call(), self.pick(self.registered(), at).label, weight)

    @rule(file=FILES)
    def reload(self, file: File) -> None:
        """Rules 67 and 73; where a server enters the file, the file says its weight."""
        meant = {each.number: (each.admin, each.weight) for each in self.registered()}
        whole = {number: self.bench.plane.on(number) for number in meant}
        reloading = Reloader(self.bench.balancer, lambda: succeed(Loaded(config(toml(file))))).reload()
        assert self.result(reloading) is not None
        before, self.file = self.file, file
        stay = {each.number: each for each in self.registered() if each.number in meant}
        for number, each in stay.items():
            admin, weight = meant[number]
            assert each.admin is admin, "rule 67"
            assert each.weight == weight or self.is_new(each, before), "rule 67"
            assert self.bench.plane.on(number) == whole[number], "rule 73"
        self.note(*(number for number in meant if number not in stay))

    # What happens by itself.

    @rule(group=st.sampled_from(GROUPS), clients=st.integers(1, 4))
    def clients_come(self, group: str, clients: int) -> None:
        for _ in range(clients):
            connection = self.bench.plane.connect(group, self.bench.balancer.listeners[group].number)
            if connection is not None:
                assert self.found(connection).registered

    @precondition(lambda self: self.bench.plane.live)
    @rule(at=WHICH)
    def a_client_goes(self, at: int) -> None:
        """Rule 12: a connection that ends changes nothing of a drain but its own."""
        live = list(self.bench.plane.live.values())
        live[at % len(live)].end()
        self.note()

    @precondition(lambda self: self.everyone())
    @rule(at=WHICH, passes=st.booleans())
    def a_server_answers(self, at: int, passes: bool) -> None:
        address = self.pick(self.everyone(), at).address
        self.bench.world.servers.answers[address] = PASSES if passes else FAILS

    @rule(seconds=st.sampled_from([0.1, 5.0, 20.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        pass_time(self.bench.clock, seconds)
        self.note(*(each for each in self.everyone() if self.unhealthy(each)))

    # What holds.

    @invariant()
    def nothing_new_goes_to_who_is_leaving(self) -> None:
        """Rule 1; to one that fails its checks only where no other is left (rule 29)."""
        known = {each.number: each for each in self.everyone()}
        for each in map(known.__getitem__, self.rotating()):
            assert each.registered
            assert each.admin is Admin.READY
            assert each.weight > 0
            assert each.takes_new or (each.drain is None or set(each.drain.causes) == {Cause.HEALTH})

    @invariant()
    def no_drain_outlives_its_deadline(self) -> None:
        """Rule 5: at it all is closed, and what was removed is gone."""
        assert all(each.drain.deadline > self.now and each.live() > 0 for each in self.running())
        known = {each.number for each in self.everyone()}
        assert {c.member.number for c in self.bench.plane.live.values()} <= known
        draining = {number for each in self.running() for number in each.drain.scope.numbers}
        assert {each.number for each in self.everyone() if not each.registered} <= draining

    @invariant()
    def each_drain_has_its_own_deadline(self) -> None:
        """Rules 12 and 16: what is done with others, added again or reloaded does not move it."""
        for each in self.running():
            assert each.drain.deadline == self.deadlines[self.key(each)], each.drain.subject

    @invariant()
    def connections_are_counted(self) -> None:
        """Each is of one registration, and of one listener."""
        plane = self.bench.plane
        assert sum(len(plane.on(each.number)) for each in self.everyone()) == len(plane.live)

    def teardown(self) -> None:
        """When all clients have gone no drain is left, and after the end no timer."""
        if not hasattr(self, "bench"):
            return
        for connection in list(self.bench.plane.live.values()):
            connection.end()
        assert self.running() == []
        stopping = self.bench.balancer.stopService()
        pass_time(self.bench.clock, 1.0)
        self.result(stopping)
        assert self.bench.clock.getDelayedCalls() == []
        assert self.bench.plane.closed

    # Looking.

    @property
    def now(self) -> float:
        return self.bench.clock.seconds()

    def everyone(self) -> list[Registration]:
        return list(self.bench.balancer.registrations())

    def registered(self) -> list[Registration]:
        return [each for each in self.everyone() if each.registered]

    def running(self) -> list[RunningDrain]:
        return [each for each in self.bench.balancer.drains if each.drain.state is State.RUNNING]

    def rotating(self) -> set[int]:
        return {m.number for each in self.bench.plane.rotations.values() for m in each.members}

    def found(self, connection: FakeConnection) -> Registration:
        return next(each for each in self.everyone() if each.number == connection.member.number)

    def of(self, one: Registration) -> list[RunningDrain]:
        return [each for each in self.running() if one.number in each.drain.scope.numbers]

    def is_new(self, one: Registration, before: File) -> bool:
        """It stands in the file now, and did not before."""
        return one.name in self.file[one.group][0] and one.name not in before[one.group][0]

    def default(self, one: Registration) -> float:
        return self.file[one.group][1]

    def pick(self, among: list[Registration], at: int) -> Registration:
        return among[at % len(among)]

    def unhealthy(self, one: Registration) -> bool:
        """That is one cause of its drain, perhaps of one that an operator has begun."""
        return any(Cause.HEALTH in each.drain.causes for each in self.of(one))

    def key(self, running: RunningDrain) -> tuple[int, ...]:
        return running.drain.scope.numbers

    def note(self, *touched: Registration | int) -> None:
        """Drains that have begun, and those of `touched`, may have any deadline from now on."""
        numbers = {each if isinstance(each, int) else each.number for each in touched}
        known = self.deadlines
        self.deadlines = {
            key: known[key] if key in known and numbers.isdisjoint(key) else each.drain.deadline
            for each in self.running()
            for key in [self.key(each)]
        }
        assert all(each < NEVER for each in self.deadlines.values())

    def result(self, deferred: Deferred[Any]) -> Any:
        """What it has fired with."""
        got: list[Any] = []
        deferred.addCallback(got.append)
        assert got, "it has not ended"
        return [got[0]]


ControlPlane.TestCase.settings = settings(stateful_step_count=40, max_examples=scaled(800, 50))
TestControlPlane = pytest.mark.slow(ControlPlane.TestCase)
