"""Whatever servers answer, sources say and operators set besides, what a server group promises holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from lbtwist.errors import Refused
from lbtwist.model.config import Recovery, Rejoin
from lbtwist.model.drain import NEVER, Cause, State
from lbtwist.model.failopen import FailOpen
from lbtwist.model.health import CheckResult, Health
from lbtwist.model.registration import Admin, Registration
from tests.service.bench import House, address, config
from tests.service.test_membership_machine import Group
from tests.service.world import ASKS, FAILS, OWN_FAULT, PASSES, REFUSED

RESULTS = st.sampled_from([PASSES, FAILS, REFUSED, ASKS, OWN_FAULT])
TIMEOUT = st.sampled_from(["0", "5", "300", "300", '"never"'])
DRAINING = st.builds(
    lambda timeout, unhealthy, recovery, rejoin, spread: (
        f'timeout = {timeout}\non_unhealthy = {unhealthy}\nrecovery = "{recovery}"\nrejoin = "{rejoin}"\n'
        f"spread = {spread}\n"
    ),
    TIMEOUT,
    st.one_of(st.just('"same"'), TIMEOUT),
    st.sampled_from(Recovery),
    st.sampled_from(Rejoin),
    st.sampled_from([0, 10]),
)
CHECKS = st.builds(
    lambda port, healthy, unhealthy: (
        "[server_groups.app.health_check]\n"
        f'type = "http"\nport = {port}\nhealthy_threshold = {healthy}\nunhealthy_threshold = {unhealthy}\n'
        'drain_header = "x-drain"\n'
    ),
    st.sampled_from([0, 81]),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 1, 3]),
)
GROUP = st.builds(
    lambda fail_open, slow_start: f'fail_open = "{fail_open}"\nslow_start = {slow_start}\n',
    st.sampled_from(FailOpen),
    st.sampled_from([0, 30]),
)
DISCOVERY = '[server_groups.app.discovery]\ntype = "file"\npath = "/members"\nempty_ok = true\n'
SERVERS = '[server_groups.app.servers]\ns1 = "10.0.0.1:80"\ns2 = "10.0.0.2:80"\n'
ANSWERS = st.dictionaries(st.integers(1, 4).map(address), st.sampled_from([0, 50, 100]), max_size=4)


class Checked(Group):
    """A group whose servers are checked, most of the time, and may be discovered."""

    @initialize(group=GROUP, draining=DRAINING, checks=CHECKS, discovered=st.booleans(), linger=st.booleans())
    def start(self, group: str, draining: str, checks: str, discovered: bool, linger: bool) -> None:
        self.members_come = DISCOVERY if discovered else SERVERS
        self.house_lingers = linger
        self.house = House(config(self.toml(group, draining, checks)).server_groups["app"])
        self.house.plane.linger = linger
        self.seen: set[int] = {each.number for each in self.everyone()} or {0}
        self.removed: set[int] = set()
        self.given: Counter[int] = Counter()

    def toml(self, group: str, draining: str, checks: str) -> str:
        if self.house_lingers:  # what is closing then is of a drain that cuts, and of nothing else
            draining = draining.replace("spread = 10", "spread = 0")
        return (
            f"[server_groups.app]\n{group}[server_groups.app.connection_draining]\n{draining}"
            f"{checks}{self.members_come}"
        )

    # What servers answer.

    @precondition(lambda self: self.everyone())
    @rule(data=st.data(), result=RESULTS, times=st.integers(1, 3))
    def server_is_checked(self, data: st.DataObject, result: CheckResult, times: int) -> None:
        self.house.check(self.one(data).number, result, times)

    @rule(seconds=st.sampled_from([0.0, 2.0, 5.0]), results=st.dictionaries(st.integers(1, 4), RESULTS))
    def checks_are_made(self, seconds: float, results: dict[int, CheckResult]) -> None:
        self.house.world.servers.answers |= {address(at): result for at, result in results.items()}
        self.house.checking.advance(seconds)

    @precondition(lambda self: self.registered())
    @rule(data=st.data(), passes=st.integers(0, 2))
    def everyone_fails(self, data: st.DataObject, passes: int) -> None:
        """Under load, and then one passes again."""
        self.clients_come(len(self.registered()))
        for each in self.registered():
            self.house.check(each.number, FAILS, 3)
        back = data.draw(st.sampled_from(self.registered()))
        if passes:
            self.house.check(back.number, PASSES, passes)
        self.clients_come(2)

    @precondition(lambda self: self.everyone())
    @rule(data=st.data())
    def connect_fails(self, data: st.DataObject) -> None:
        self.house.group.health.connect_failed(self.one(data), "connection refused")

    # What the source says.

    @precondition(lambda self: self.house.group.discovery)
    @rule(servers=ANSWERS, fails=st.booleans())
    def source_answers(self, servers: Mapping[object, int], fails: bool) -> None:
        if fails:
            self.house.world.source.fail("gone")
        else:
            self.house.world.source.answer(servers)  # type: ignore[arg-type]
        self.look()

    @precondition(lambda self: self.house.group.discovery)
    @rule()
    def answer_is_applied(self) -> None:
        discovery = self.house.group.discovery
        assert discovery is not None
        if discovery.held is None:
            with pytest.raises(Refused):
                discovery.apply()
        else:
            discovery.apply()
        self.look()

    def look(self) -> None:
        """Who came and who left without a word of an operator's."""
        self.seen |= {each.number for each in self.everyone()}
        self.removed |= {each.number for each in self.everyone() if not each.registered}

    # What operators set, and clients do.

    @rule(group=GROUP, draining=DRAINING, checks=st.one_of(st.just(""), CHECKS))
    def reconfigure(self, group: str, draining: str, checks: str) -> None:
        before = self.deadlines()
        self.house.group.reconfigure(config(self.toml(group, draining, checks)).server_groups["app"])
        after = self.deadlines()
        assert after.items() <= before.items(), "rules 3, 17 and 23"

    @rule(clients=st.integers(1, 5))
    def some_clients_come(self, clients: int) -> None:
        self.clients_come(clients)

    def clients_come(self, clients: int) -> None:
        for _ in range(clients):
            connection = self.house.plane.connect("app")
            if connection is not None:
                server = self.owner(connection.member.number)
                self.given[server.number] += 1
                if server.drain is not None:
                    assert connection.member.number not in server.drain.scope.numbers, "rule 29"

    # What holds.

    @invariant()
    def rotation_is_those_that_take_new(self) -> None:
        """Published before any call returns, and what `Members.rotation` says."""
        group = self.house.group
        chosen = group.members.rotation(group.settings.fail_open)
        assert group.choice == chosen
        published = self.house.plane.rotations["app"].members
        assert published == tuple(each.member for each in chosen.registrations)
        owners = [self.owner(member.number) for member in published]
        assert not self.removed & {each.number for each in owners}
        for each in owners:
            assert each.registered
            assert each.admin is Admin.READY
            assert not each.requested
            assert not each.waits_for
            assert each.weight > 0
            if chosen.fail_open:
                assert each.drain is None or set(each.drain.causes) == {Cause.HEALTH}
            else:
                assert each.takes_new
                assert each.health is not Health.FAILING

    @invariant()
    def fail_open_is_for_when_none_may(self) -> None:
        """Rule 29, and rule 30: an initial one only while there is no healthy one."""
        able = [each for each in self.everyone() if each.takes_new]
        choice = self.house.group.choice
        assert not (choice.fail_open and able)
        assert bool(choice.registrations) or not able
        healthy = {each.health is Health.PASSING for each in able}
        if True in healthy:
            assert {each.health for each in choice.registrations} == {Health.PASSING}

    @invariant()
    def who_leaves_drains_and_who_is_gone_is_forgotten(self) -> None:
        """Rules 4 and 32; a seat that is given up is nobody's."""
        for each in self.everyone():
            running = self.house.drains.get(each.key)
            assert (running.drain if running else None) is each.drain
            assert each.registered or each.drain
            assert each.waits_for <= {r.number for r in self.everyone() if not r.registered}
            assert each.drain is None or set(each.drain.scope.numbers) <= set(each.seats)
        seats = {seat for each in self.everyone() for seat in each.seats}
        assert not seats & set(self.house.plane.forgotten)
        assert {connection.member.number for connection in self.house.plane.live.values()} <= seats

    @invariant()
    def every_connection_is_its_servers(self) -> None:
        """Whatever its seats: those it has, and those that it had."""
        for each in self.everyone():
            tally = self.house.plane.tally(each.scope) + each.past
            assert tally.total == self.given[each.number]
            assert tally.live == sum(
                connection.member.number in each.seats for connection in self.house.plane.live.values()
            )

    @invariant()
    def one_timer_for_each_drain_with_a_deadline(self) -> None:
        """Rule 81, one more while it is spread; one for each maintenance with an end; one for slow starts."""
        drains = [r for r in self.running() if r.drain.state is State.RUNNING and r.drain.deadline < NEVER]
        returning = sum(each.until is not None for each in self.everyone())
        starting = any(each.starting for each in self.everyone())
        least = len(drains) + returning + starting
        assert least <= self.house.timers <= least + len(drains)

    @invariant()
    def who_is_checked(self) -> None:
        """Rule 61: everyone but those in maintenance whose drain has ended."""
        checked = self.house.group.settings.health_check is not None
        for each in self.everyone():
            resting = each.admin is Admin.MAINT and each.drain is None
            assert (each.record is not None) is checked
            assert (self.house.group.health.next(each) is not None) is (checked and not resting)

    @invariant()
    def receipts_add_up(self) -> None:
        """Rule 64; a spread may have cut some before the drain was cancelled."""
        for receipt in self.house.drains.receipts:
            assert receipt.connections == receipt.finished + receipt.cut + receipt.kept
            assert min(receipt.finished, receipt.cut, receipt.kept, receipt.seconds) >= 0
            assert receipt.outcome != "completed" or receipt.cut == 0
            assert receipt.outcome != "cut" or receipt.cut > 0
            assert receipt.kept == 0 or receipt.outcome == "cancelled"

    def owner(self, seat: int) -> Registration:
        found = self.house.group.members.seated(seat)
        assert found is not None
        return found

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "house"):
            assert self.house.checking.getDelayedCalls() == []


Checked.TestCase.settings = settings(stateful_step_count=40)
TestChecked = pytest.mark.slow(Checked.TestCase)
