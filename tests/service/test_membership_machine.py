"""Whatever operators, clients and time do to a server group, what it promises holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lbtwist.errors import Refused
from lbtwist.model.config import Rejoin
from lbtwist.model.drain import NEVER, State
from lbtwist.model.members import Wanted
from lbtwist.model.registration import Admin, Membership, Origin, Registration
from tests.service.bench import ADA, House, address, group_settings

NAMES = ("s1", "s2", "s3")
ADDRESSES = st.integers(1, 4)
TIMEOUTS = st.sampled_from([None, 0.0, 0.5, 5.0, 60.0, 3600.0, NEVER])
SETTINGS = st.builds(
    lambda timeout, rejoin: f'timeout = {timeout}\nrejoin = "{rejoin}"',
    st.sampled_from(["0", "5", "300", '"never"']),
    st.sampled_from(Rejoin),
)


class Group(RuleBasedStateMachine):
    """A group of up to four addresses and names, its drains, and a clock that never goes back."""

    @initialize(draining=SETTINGS, linger=st.booleans())
    def start(self, draining: str, linger: bool) -> None:
        self.house = House(group_settings([1, 2], draining))
        self.house.plane.linger = linger
        self.seen: set[int] = {1, 2}
        self.removed: set[int] = set()

    @rule(at=ADDRESSES, name=st.sampled_from(NAMES), rejoin=st.sampled_from([None, *Rejoin]))
    def add(self, at: int, name: str, rejoin: Rejoin | None) -> None:
        members = self.house.group.members
        known = {each.number for each in members}
        taken = members.current(name) or members.current_at(address(at))
        try:
            (added,) = self.house.group.add({address(at): Wanted(name)}, ADA, rejoin)
        except Refused:
            assert taken
            return
        assert not taken
        if added.number not in known:
            assert added.number > max(self.seen), "numbers are never used again"
            self.seen.add(added.number)
        self.removed.discard(added.number)

    @precondition(lambda self: self.registered())
    @rule(data=st.data(), timeout=TIMEOUTS, origin=st.sampled_from(Origin))
    def remove(self, data: st.DataObject, timeout: float | None, origin: Origin) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.registered()), min_size=1, unique_by=id))
        self.house.group.remove(chosen, ADA, origin, timeout)
        self.removed |= {each.number for each in chosen}

    @precondition(lambda self: self.everyone())
    @rule(data=st.data(), timeout=TIMEOUTS)
    def drain(self, data: st.DataObject, timeout: float | None) -> None:
        self.house.group.drain([self.one(data)], ADA, timeout)

    @precondition(lambda self: self.registered())
    @rule(data=st.data(), timeout=TIMEOUTS, until=st.sampled_from([None, 1.0, 60.0]))
    def maintain(self, data: st.DataObject, timeout: float | None, until: float | None) -> None:
        one = data.draw(st.sampled_from(self.registered()))
        self.house.group.drain([one], ADA, timeout, Admin.MAINT, until)

    @precondition(lambda self: self.everyone())
    @rule(data=st.data())
    def ready(self, data: st.DataObject) -> None:
        one = self.one(data)
        try:
            self.house.group.ready(one, ADA)
        except Refused:
            assert one.membership is Membership.LEAVING
            return
        assert one.registered
        assert one.admin is Admin.READY
        self.removed.discard(one.number)

    @precondition(lambda self: self.everyone())
    @rule(data=st.data(), weight=st.integers(0, 100))
    def weigh(self, data: st.DataObject, weight: int) -> None:
        self.house.group.weigh(self.one(data), weight)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), timeout=TIMEOUTS.filter(lambda timeout: timeout is not None))
    def extend(self, data: st.DataObject, timeout: float) -> None:
        running = data.draw(st.sampled_from(self.running()))
        if running.drain.state is State.RUNNING:
            running.extend(timeout)
        else:
            with pytest.raises(Refused):
                running.extend(timeout)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.running())).cut()

    @rule(draining=SETTINGS)
    def reconfigure(self, draining: str) -> None:
        before = self.deadlines()
        self.house.group.reconfigure(group_settings([1, 2], draining))
        assert self.deadlines() == before, "rules 3 and 17"

    @rule(clients=st.integers(1, 5))
    def clients_come(self, clients: int) -> None:
        for _ in range(clients):
            connection = self.house.plane.connect("app")
            if connection is not None:
                assert self.house[connection.member.number].takes_new

    @precondition(lambda self: self.house.plane.live)
    @rule(data=st.data())
    def connection_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(list(self.house.plane.live.values()))).end()

    @rule(seconds=st.sampled_from([0.1, 0.5, 5.0, 55.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.house.clock.advance(seconds)

    @invariant()
    def rotation_is_those_that_take_new(self) -> None:
        """Rules 1, 9 and 11: published before any call returns."""
        members = self.house.group.members
        assert self.house.plane.rotations["app"].members == tuple(r.member for r in members if r.takes_new)
        assert not self.removed & set(self.house.rotation)

    @invariant()
    def each_server_has_one_place(self) -> None:
        registered = self.registered()
        assert len({each.address for each in registered}) == len({each.name for each in registered})
        assert self.house.group.members.registered == len(registered)
        for each in registered:
            assert self.house.group.members.current(each.name) is each

    @invariant()
    def who_leaves_drains_and_who_is_gone_is_forgotten(self) -> None:
        """Rules 4 and 32."""
        for each in self.everyone():
            running = self.house.drains.get(each.scope)
            assert (running.drain if running else None) is each.drain
            assert each.registered or each.drain
            assert each.waits_for <= {r.number for r in self.everyone() if not r.registered}
        everyone = {each.number for each in self.everyone()}
        assert set(self.house.plane.forgotten) == self.seen - everyone

    @invariant()
    def no_drain_outlives_its_deadline(self) -> None:
        """Rules 5 and 80."""
        for running in self.running():
            assert running.drain.state is State.CUTTING or running.left() > 0
            assert running.live() > 0

    @invariant()
    def nothing_is_cut_before_its_time(self) -> None:
        """Rule 2: but by a deadline or an operator's word."""
        cutting = {n for r in self.running() if r.drain.state is State.CUTTING for n in r.drain.scope.numbers}
        assert {c.member.number for c in self.house.plane.live.values() if c.closing} <= cutting

    @invariant()
    def one_timer_for_each_drain_with_a_deadline(self) -> None:
        """Rule 81: none where there is no deadline, and none while it is cut. And one for each server
        that comes back from maintenance by itself (rule 61)."""
        due = [r.drain.deadline for r in self.running() if r.drain.state is State.RUNNING]
        due += [each.until for each in self.everyone() if each.until is not None]
        pending = [call.getTime() for call in self.house.clock.getDelayedCalls()]
        assert sorted(pending) == pytest.approx(sorted(time for time in due if time < NEVER))

    @invariant()
    def receipts_add_up(self) -> None:
        """Rule 64."""
        for receipt in self.house.drains.receipts:
            assert receipt.connections == receipt.finished + receipt.cut + receipt.kept
            assert min(receipt.finished, receipt.cut, receipt.kept, receipt.seconds) >= 0
            assert (receipt.outcome == "cut") == (receipt.cut > 0 and receipt.outcome != "cancelled")
            assert receipt.kept == 0 or receipt.outcome == "cancelled"

    def teardown(self) -> None:
        """When every connection has ended no drain is left, and no timer."""
        if not hasattr(self, "house"):
            return
        for connection in list(self.house.plane.live.values()):
            connection.end()
        assert self.running() == []
        self.house.group.stopService()
        assert self.house.clock.getDelayedCalls() == []
        assert all(each.registered and not each.waits_for for each in self.everyone())

    def everyone(self) -> list[Registration]:
        return list(self.house.group.members)

    def registered(self) -> list[Registration]:
        return [each for each in self.everyone() if each.registered]

    def one(self, data: st.DataObject) -> Registration:
        return data.draw(st.sampled_from(self.everyone()))

    def running(self) -> list[Any]:
        return list(self.house.drains)

    def deadlines(self) -> dict[str, float]:
        return {each.drain.subject: each.drain.deadline for each in self.running()}


Group.TestCase.settings = settings(stateful_step_count=40)
TestGroup = pytest.mark.slow(Group.TestCase)
