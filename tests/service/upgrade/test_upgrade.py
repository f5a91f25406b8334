"""Rules 74 to 76: two generations on one clock, and a channel in memory between them."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lbtwist.errors import Refused
from lbtwist.model.address import parse_address
from lbtwist.model.config import Config, parse
from lbtwist.model.drain import Because, Cause
from lbtwist.model.figures import GroupFigures
from lbtwist.model.generations import MAJOR, Accepting, Handover, Hello, Ready
from lbtwist.model.members import Wanted
from lbtwist.model.plane import EVERYTHING
from lbtwist.model.reference import parse_reference
from lbtwist.model.registration import Origin, Registration
from lbtwist.model.state.document import read_state
from lbtwist.net.channel import IChannel
from lbtwist.net.generations import Generations
from lbtwist.net.reporting import INTERVAL
from lbtwist.net.sockets import Descriptor, ListeningSockets
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.readiness import Readiness
from lbtwist.service.state.recall import Recalled
from lbtwist.service.state.restoring import restore
from lbtwist.service.upgrade.inheritance import Inheritance
from lbtwist.service.upgrade.succession import Succession
from lbtwist.service.upgrade.upgrade import END_WITHIN, READY_WITHIN, Upgrade
from tests.conftest import Flush, LoggedError
from tests.net.channels import FakeChannel, channel_pair
from tests.service.fakes import FakeConnection, FakeDataPlane
from tests.service.world import World

ADA = Because("ada", "new disk")
TOML: dict[str, Any] = {
    "load_balancer": {"upgrade_timeout": 100},
    "listeners": {"web": {"endpoint": "10.0.0.1:80", "protocol": "tcp", "server_group": "app"}},
    "server_groups": {
        "app": {
            "servers": {"ecs01": "10.0.0.1:80", "ecs02": "10.0.0.2:80"},
            "connection_draining": {"timeout": 300},
        }
    },
}


class Generation:
    """One process: a load balancer over a data plane in memory."""

    def __init__(self, clock: Clock, config: Config, inheritance: Inheritance | None = None) -> None:
        self.own = FakeDataPlane(clock)
        self.plane = Generations(self.own, self.own._ids, held=inheritance is not None)
        self.balancer = LoadBalancer(config, self.plane, clock, World(clock).makers, lambda: 1000.0)
        self.ended = False
        self.balancer.end_process = self._end
        self.next = Launched()
        self.given: list[Descriptor] = []
        self.fails = False
        self.state = b""
        self.upgrade = Upgrade(self.balancer, self.plane, ListeningSockets(), self._launch)
        self.succession: Succession | None = None
        if inheritance is not None:
            if inheritance.state is not None:
                restore(self.balancer, Recalled(inheritance.state))
            made: Any = lambda connection: connection  # noqa: E731 - the channel is one already
            self.succession = Succession(self.balancer, self.plane, inheritance, made)
            self.succession.setServiceParent(self.balancer)
        self.balancer.privilegedStartService()
        self.balancer.startService()

    def find(self, text: str, *, leaving: bool = False) -> Registration:
        return self.balancer.find(parse_reference(text), leaving=leaving)[1]

    def connect(self, text: str) -> FakeConnection:
        registration = self.find(text)
        return self.own.open(registration.member, self.balancer.listeners["web"].number)

    def live(self, text: str, *, leaving: bool = False) -> int:
        return self.plane.tally(self.find(text, leaving=leaving).scope).live

    def exit(self) -> None:
        """Its last connection has ended, and so does the process."""
        self.balancer.stopService()
        self.next.channel.close()

    def _launch(self, descriptors: Sequence[Descriptor], state: bytes) -> Launched:
        if self.fails:
            raise OSError("no memory")
        self.given, self.state = list(descriptors), state
        return self.next

    def _end(self) -> None:
        self.ended = True


class Launched:
    """A process that is started."""

    pid = 4711

    def __init__(self) -> None:
        self.near, self.far = channel_pair()
        self.channel: IChannel = self.near
        self.words = ""
        self.signals: list[signal.Signals] = []
        self.alone = False
        self.end: Deferred[None] = Deferred()

    def last_words(self) -> str:
        return self.words

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)

    def gone(self) -> Deferred[None]:
        return self.end

    def let_go(self) -> None:
        self.alone = True


class Running:
    """A reactor that runs."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = clock.seconds

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        call()


class Bench:
    def __init__(self, config: dict[str, Any] = TOML) -> None:
        self.clock = Clock()
        self.old = Generation(self.clock, parse(config))
        self.outcome: list[Any] = []

    def begin(self) -> None:
        upgrading: Deferred[int] = self.old.balancer.upgrade()
        upgrading.addBoth(self.outcome.append)

    def succeed(self, config: dict[str, Any] | None = None) -> Generation:
        """The next generation comes up, and takes over where it can."""
        far: Any = self.old.next.far
        older: Any = {each.name: self.channels[each.name].copy() for each in self.old.given}
        inheritance = Inheritance(ListeningSockets(), far, read_state(self.old.state), None, older)
        new = Generation(self.clock, parse(config or TOML), inheritance)
        self.clock.advance(0)
        return new

    @property
    def channels(self) -> dict[str, FakeChannel]:
        return {f"lbtwist-older-{each.pid}": each.channel for each in self.old.plane.mirrors}  # type: ignore[misc]

    def upgrade(self, config: dict[str, Any] | None = None) -> Generation:
        self.begin()
        return self.succeed(config)


@pytest.fixture
def bench(flush_logged_errors: Flush) -> Iterator[Bench]:
    """What does not take over is logged as an error, which each test looks at in its own way."""
    yield Bench()
    flush_logged_errors(LoggedError)


def test_rule_74_it_accepts_when_it_has_taken_over_and_the_old_one_no_more(bench: Bench) -> None:
    bench.begin()
    assert (bench.outcome, bench.old.balancer.upgrading) == ([], True)
    new = bench.succeed()
    assert list(new.own.policies) == [new.balancer.listeners["web"].number]
    assert bench.outcome == [4711]
    kinds = [type(each) for each in bench.old.next.far.sent]
    assert kinds.index(Ready) < kinds.index(Accepting)
    assert (bench.old.ended, bench.old.balancer.superseded, bench.old.balancer.in_charge) == (
        True,
        True,
        False,
    )
    assert (new.balancer.in_charge, bench.old.next.alone) == (True, True)


def test_rule_74_one_that_is_not_ready_in_time_is_ended(bench: Bench) -> None:
    bench.begin()
    bench.old.next.words = "it thinks"
    bench.clock.advance(READY_WITHIN - 0.1)
    assert bench.outcome == []
    bench.clock.advance(0.1)
    (failure,) = bench.outcome
    assert failure.check(Refused)
    assert failure.getErrorMessage().endswith("it is not ready after 30 s\nit thinks")
    assert bench.old.next.signals == [signal.SIGTERM]
    bench.clock.advance(END_WITHIN)
    assert bench.old.next.signals == [signal.SIGTERM, signal.SIGKILL]
    assert (bench.old.ended, bench.old.balancer.upgrading, bench.old.balancer.in_charge) == (
        False,
        False,
        True,
    )
    bench.old.next, bench.outcome = Launched(), []
    bench.upgrade()
    assert bench.outcome == [4711], "the next attempt may be better"


@pytest.mark.parametrize("handed", [False, True])
def test_rule_74_one_that_ends_is_told_with_its_last_words(bench: Bench, handed: bool) -> None:
    bench.begin()
    if handed:
        bench.old.next.far.send(Ready())
    bench.old.next.words = "lb.toml: weight: 300 is not in 0–100"
    bench.old.next.far.close()
    (failure,) = bench.outcome
    assert "it has ended\nlb.toml: weight" in failure.getErrorMessage()
    bench.clock.advance(READY_WITHIN)
    assert len(bench.outcome) == 1


def test_one_that_can_not_be_started_is_told(bench: Bench) -> None:
    bench.old.fails = True
    bench.begin()
    assert "no memory" in bench.outcome[0].getErrorMessage()
    assert not bench.old.balancer.upgrading


def test_another_version_of_the_protocol_is_refused(bench: Bench) -> None:
    bench.begin()
    bench.old.next.far.send(Hello(major=MAJOR + 1))
    assert f"version {MAJOR + 1}" in bench.outcome[0].getErrorMessage()


def test_one_upgrade_at_a_time(bench: Bench) -> None:
    bench.begin()
    bench.begin()
    assert "under way" in bench.outcome[0].getErrorMessage()
    bench.succeed()
    bench.begin()
    assert "has taken over" in bench.outcome[2].getErrorMessage()


def test_rule_70_leaving_ends_an_upgrade(bench: Bench) -> None:
    bench.begin()
    bench.old.balancer.stopService()
    assert "shutting down" in bench.outcome[0].getErrorMessage()
    bench.begin()
    assert "shutting down" in bench.outcome[1].getErrorMessage()
    bench.clock.advance(END_WITHIN)


def test_rule_70_it_accepts_until_the_next_generation_is_gone(bench: Bench) -> None:
    """A client that came to that one's copy of a listening socket would be reset."""
    number = bench.old.balancer.listeners["web"].number
    bench.begin()
    bench.old.balancer.stopService()
    assert (bench.old.next.signals, bench.old.next.near.closed) == ([signal.SIGTERM], False)
    bench.clock.advance(END_WITHIN)
    assert bench.old.next.signals == [signal.SIGTERM, signal.SIGKILL]
    assert ("stop_accepting", number) not in bench.old.own.told
    bench.old.next.end.callback(None)
    assert bench.old.own.told[-1] == ("stop_accepting", number)
    assert (bench.old.next.near.closed, bench.old.next.alone) == (True, True)


def test_one_that_ends_when_it_is_told_to_is_not_killed(bench: Bench) -> None:
    bench.begin()
    bench.clock.advance(READY_WITHIN)
    bench.old.next.end.callback(None)
    bench.clock.advance(END_WITHIN)
    assert bench.old.next.signals == [signal.SIGTERM]


@pytest.mark.parametrize("waits", [False, True])
def test_a_reload_that_an_upgrade_is_in_the_way_of_is_passed_on(bench: Bench, waits: bool) -> None:
    """The file may have been changed after the next generation had read it."""
    bench.begin()
    if waits:
        bench.old.balancer.turn.run(lambda: None)
    bench.succeed()
    assert bench.old.next.signals == [signal.SIGHUP] * waits


def test_rule_75_connections_are_counted_until_the_last_ends(bench: Bench) -> None:
    old = bench.old.connect("app/ecs01")
    new = bench.upgrade()
    mine = new.connect("app/ecs01")
    assert (new.live("app/ecs01"), new.live("app/ecs02")) == (2, 0)
    group, registration = new.balancer.find(parse_reference("app/ecs01"))
    (running,) = group.drain([registration], ADA)
    mine.end()
    assert (registration.state, running.live()) == ("draining", 1)
    old.end()
    assert registration.state == "drained"
    assert new.balancer.drains.receipts[-1].finished == 2


def test_rules_3_and_75_a_drain_goes_on_with_its_deadline(bench: Bench) -> None:
    connection = bench.old.connect("app/ecs01")
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group.remove([registration], ADA, Origin.VERB, 60)
    bench.clock.advance(20)
    new = bench.upgrade()
    leaving = new.find("app/ecs01", leaving=True)
    running = new.balancer.drains.get(leaving.key)
    assert running is not None
    assert (running.left(), running.drain.causes) == (40, {Cause.REMOVAL: ADA})
    bench.clock.advance(39.9)
    assert connection.live
    bench.clock.advance(0.1)
    assert not connection.live
    receipt = new.balancer.drains.receipts[-1]
    assert (receipt.outcome, receipt.connections, receipt.cut, receipt.start) == ("cut", 1, 1, 1000)
    assert [row.subject for row in bench.old.balancer.drains.receipts] == []


def test_rule_62_a_removal_is_undone_in_the_next_generation(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group.remove([registration], ADA, Origin.VERB, math.inf)
    new = bench.upgrade()
    group, leaving = new.balancer.find(parse_reference("app/ecs01"), leaving=True)
    group.ready(leaving, ADA)
    assert (leaving.state, new.live("app/ecs01")) == ("healthy", 1)
    member = new.own.rotations["app"].members[-1]
    assert (member.label, member.number) == (leaving.label, leaving.seats[-1])


def test_rules_16_and_75_who_waits_for_a_drain_waits_on(bench: Bench) -> None:
    old = bench.old.connect("app/ecs01")
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group.remove([registration], ADA, Origin.VERB)
    group.add({parse_address("10.0.0.1:80"): Wanted("ecs01")}, ADA)
    new = bench.upgrade()
    assert new.find("app/ecs01").reason == "rejoining"
    old.end()
    assert new.find("app/ecs01").state == "healthy"


def test_rules_24_and_75_a_latched_drain_holds_on(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group._drains.drain(registration, Cause.HEALTH, Because("health check"), 50)
    new = bench.upgrade()
    assert (new.find("app/ecs01").state, new.find("app/ecs01").reason) == ("unhealthy.draining", "latched")
    bench.clock.advance(50)
    assert new.find("app/ecs01").state == "healthy"


def test_rule_75_a_server_that_the_new_configuration_does_not_name_drains(bench: Bench) -> None:
    connection = bench.old.connect("app/ecs02")
    new = bench.upgrade({**TOML, "server_groups": {"app": {"servers": {"ecs01": "10.0.0.1:80"}}}})
    leaving = new.find("app/ecs02", leaving=True)
    assert (leaving.state, new.live("app/ecs02", leaving=True)) == ("draining", 1)
    bench.clock.advance(300 - 200)
    assert connection.live
    connection.end()
    assert new.balancer.drains.receipts[-1].outcome == "completed"


def test_rule_75_a_group_that_is_gone_drains(bench: Bench) -> None:
    connection = bench.old.connect("app/ecs02")
    other = {"other": {"servers": {"x": "10.0.0.9:80"}}}
    listeners = {"web": {**TOML["listeners"]["web"], "server_group": "other"}}
    new = bench.upgrade({**TOML, "server_groups": other, "listeners": listeners})
    (running,) = new.balancer.drains
    assert (running.drain.subject, running.live(), running.left()) == ("app/ecs02", 1, 300)
    running.cut()
    assert not connection.live


def test_an_old_one_that_is_empty_leaves_its_counters(bench: Bench) -> None:
    old = bench.old.connect("app/ecs01")
    old.move(received=7)
    new = bench.upgrade()
    old.end()
    bench.clock.advance(INTERVAL)
    bench.old.next.channel.close()
    registration = new.find("app/ecs01")
    assert len(registration.seats) == 1
    assert (registration.past.total, registration.past.received) == (1, 7)
    assert new.plane.tally(EVERYTHING).received == 7
    assert new.plane.mirrors == []


def test_rule_76_it_never_says_that_it_is_not_ready(bench: Bench) -> None:
    reactor: Any = Running(bench.clock)
    readiness = Readiness(bench.old.balancer, reactor)
    readiness.startService()
    bench.begin()
    told: list[str] = []
    closing = bench.old.own.stop_accepting

    def stop_accepting(number: int) -> Deferred[None]:
        told.append(readiness.problem)
        closed = closing(number)
        told.append(readiness.problem)
        return closed

    bench.old.own.stop_accepting = stop_accepting  # type: ignore[method-assign]
    bench.succeed()
    assert (bench.old.ended, set(told), readiness.problem) == (True, {""}, "")


def test_rule_76_it_lives_until_its_faces_have_answered(bench: Bench) -> None:
    answered: Deferred[None] = Deferred()

    class Face(Service):
        name = "status"

        def stopService(self) -> Deferred[None]:
            return answered

    Face().setServiceParent(bench.old.balancer)
    bench.upgrade()
    stopped: list[object] = []
    bench.old.balancer.stopService().addBoth(stopped.append)
    assert (stopped, bench.old.own.closed) == ([], False)
    answered.callback(None)
    assert (stopped, bench.old.own.closed) == ([None], True)


def test_rule_75_no_counter_falls_when_an_old_one_is_gone(bench: Bench) -> None:
    old = bench.old.connect("app/ecs01")
    old.move(received=7)
    bench.old.own.fail(bench.old.find("app/ecs01").member, "refused")
    bench.old.own.groups["app"] = GroupFigures(retries=3)
    new = bench.upgrade()
    new.connect("app/ecs01").end()
    web, registration = new.balancer.listeners["web"], new.find("app/ecs01")

    def counters() -> tuple[int, int, int, int]:
        listener, retries = new.plane.tally(web.scope), new.plane.figures().groups["app"].retries
        failures = sum((sum(of.values()) for of in new.plane.figures().failures.values()), 0)
        return listener.total, listener.received, retries, failures + registration.past_failures.total()

    assert counters() == (2, 7, 3, 1)
    old.end()
    bench.old.own.groups["app"] = GroupFigures(retries=4)
    bench.old.exit()
    assert new.plane.mirrors == []
    assert counters() == (2, 7, 4, 1), "what it counted last is told before it ends"


def test_rule_75_counters_go_on_over_two_upgrades(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    bench.old.own.fail(bench.old.find("app/ecs01").member, "refused")
    bench.old.own.groups["app"] = GroupFigures(retries=3)
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group.drain([registration], ADA, 0)
    second = bench.upgrade()
    bench.old.exit()
    assert second.plane.mirrors == []
    bench.old, bench.outcome = second, []
    third = bench.upgrade()
    second.exit()
    assert third.plane.mirrors == []
    tally = third.plane.tally(third.balancer.listeners["web"].scope)
    assert (tally.total, third.plane.tally(EVERYTHING).total) == (1, 1)
    assert third.plane.figures().groups["app"].retries == 3
    assert third.find("app/ecs01").past_failures == {"refused": 1}
    totals = third.balancer.drains.totals
    assert totals.drains == {("operator", "cut"): 1}
    assert totals.connections == {"finished": 0, "cut": 1, "kept": 0}


def test_an_old_one_that_crashes_interrupts_what_was_its_alone(bench: Bench) -> None:
    for server in ("app/ecs01", "app/ecs02"):
        bench.old.connect(server)
    new = bench.upgrade()
    mine = new.connect("app/ecs02")
    for server in ("app/ecs01", "app/ecs02"):
        group, registration = new.balancer.find(parse_reference(server))
        group.drain([registration], ADA)
    bench.old.next.channel.close()
    (receipt,) = new.balancer.drains.receipts
    assert (receipt.subject, receipt.outcome, receipt.kept) == (
        new.find("app/ecs01").label,
        "interrupted",
        1,
    )
    assert new.find("app/ecs02").state == "draining"
    mine.end()
    receipt = new.balancer.drains.receipts[-1]
    assert (receipt.outcome, receipt.connections, receipt.finished, receipt.cut) == ("cut", 2, 1, 1)


def test_an_old_one_that_is_gone_before_it_has_handed_over(bench: Bench) -> None:
    bench.old.connect("app/ecs01")
    group, registration = bench.old.balancer.find(parse_reference("app/ecs01"))
    group.drain([registration], ADA)
    bench.begin()
    bench.old.next.near.slow = True
    new = bench.succeed()
    assert new.own.policies == {}
    bench.old.next.channel.close()
    assert list(new.own.policies) == [new.balancer.listeners["web"].number]
    assert new.find("app/ecs01").state == "drained"
    assert new.balancer.drains.receipts[-1].outcome == "interrupted"


def test_rule_75_a_second_upgrade_hands_on_what_is_older_still(bench: Bench) -> None:
    oldest = bench.old.connect("app/ecs01")
    second = bench.upgrade()
    group, registration = second.balancer.find(parse_reference("app/ecs01"))
    group.drain([registration], ADA, 50)
    bench.old, bench.outcome = second, []
    third = bench.upgrade()
    assert bench.outcome == [4711]
    handover = next(each for each in second.next.near.sent if isinstance(each, Handover))
    assert len(handover.older) == 1
    assert third.live("app/ecs01") == 1
    assert second.plane.tally(EVERYTHING).live == 0
    running = third.balancer.drains.get(third.find("app/ecs01").key)
    assert running is not None
    assert running.left() == 50
    bench.clock.advance(50)
    assert not oldest.live
    assert third.find("app/ecs01").state == "drained"
    assert third.balancer.drains.receipts[-1].cut == 1


def test_an_older_channel_is_heard_again_where_the_upgrade_fails(bench: Bench) -> None:
    oldest = bench.old.connect("app/ecs01")
    second = bench.upgrade()
    bench.old, bench.outcome = second, []
    bench.begin()
    second.next.far.send(Ready())
    second.next.far.close()
    assert "it has ended" in bench.outcome[0].getErrorMessage()
    oldest.end()
    assert second.live("app/ecs01") == 0
