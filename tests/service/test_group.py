"""A server group: what is published when a call returns, and what becomes of servers that leave."""

from __future__ import annotations

import pytest

from lbtwist.errors import Refused
from lbtwist.model.config import Rejoin
from lbtwist.model.drain import NEVER, Because
from lbtwist.model.members import Wanted
from lbtwist.model.plane import CutBy, Rotation, Scope
from lbtwist.model.registration import Admin, Origin
from tests.service.bench import ADA, House, address, group_settings

FILE = Because("file")


@pytest.fixture
def house() -> House:
    return House()


def test_the_servers_of_the_settings_are_in_rotation_once_it_is_started(house: House) -> None:
    rotation = house.plane.rotations["app"]
    assert [member.label for member in rotation.members] == ["app/s1#1", "app/s2#2"]
    assert (rotation.scheduler, rotation.retries, house.group.running) == ("wrr", 2, 1)


def test_rule_1_a_removed_server_is_out_of_rotation_when_the_call_returns(house: House) -> None:
    house.connections(1)
    house.remove(1)
    assert house.rotation == [2]


def test_rule_9_the_rotation_without_it_is_published_before_its_drain_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then a connection under way to it is redirected before anything of it is counted or cut."""
    house = House(group_settings(draining="timeout = 0"))
    house.connections(1)
    house.connections(2)
    told: list[tuple[str, object]] = []
    rotate, cut = house.plane.rotate, house.plane.cut

    def see_rotation(group: str, rotation: Rotation) -> None:
        told.append(("rotate", rotation.members))
        rotate(group, rotation)

    def see_cut(scope: Scope, count: int | None = None, why: CutBy = CutBy.DEADLINE) -> int:
        told.append(("cut", scope))
        return cut(scope, count, why)

    monkeypatch.setattr(house.plane, "rotate", see_rotation)
    monkeypatch.setattr(house.plane, "cut", see_cut)
    house.remove(1, 2)
    assert told[0] == ("rotate", ())
    assert {members for call, members in told if call == "rotate"} == {()}
    assert [of for call, of in told if call == "cut"] == [Scope.registration(1), Scope.registration(2)]


def test_rule_2_the_connections_of_a_removed_server_go_on(house: House) -> None:
    (connection,) = house.connections(1)
    house.remove(1)
    house.clock.advance(299.9)
    assert connection.live
    assert house[1].state == "draining"


def test_rule_3_the_timeout_in_force_at_the_removal_is_used(house: House) -> None:
    (connection,) = house.connections(1)
    (running,) = house.remove(1)
    house.group.reconfigure(group_settings(draining="timeout = 5"))
    assert running.left() == 300.0
    house.clock.advance(299)
    assert connection.live
    house.clock.advance(1)
    assert not connection.live


def test_rule_3_a_timeout_that_was_edited_holds_for_the_next_removal(house: House) -> None:
    house.connections(1)
    house.group.reconfigure(group_settings(draining="timeout = 5"))
    (running,) = house.remove(1)
    assert running.left() == 5.0


def test_rule_4_a_removed_server_without_connections_is_gone_at_once(house: House) -> None:
    (running,) = house.remove(1)
    assert (running.drain.ended, house.group.members.get(1), house.timers) == (True, None, 0)
    assert house.plane.forgotten == [1]


def test_rule_4_a_removed_server_is_gone_with_its_last_connection(house: House) -> None:
    one, other = house.connections(1, 2)
    house.remove(1)
    one.end()
    assert house.group.members.get(1) is not None
    other.end()
    assert house.group.members.get(1) is None
    assert house.outcomes == [("app/s1#1", "completed")]


def test_rule_5_at_the_deadline_it_is_cut_and_gone(house: House) -> None:
    (connection,) = house.connections(1)
    house.remove(1)
    house.clock.advance(300)
    assert (connection.live, house.group.members.get(1)) == (False, None)
    assert house.outcomes == [("app/s1#1", "cut")]


def test_rule_5_while_a_cut_takes_its_time_it_is_not_gone(house: House) -> None:
    house.plane.linger = True
    (connection,) = house.connections(1)
    house.remove(1)
    house.clock.advance(300)
    assert (house[1].state, house.plane.forgotten) == ("draining", [])
    connection.end()
    assert (house.group.members.get(1), house.timers) == (None, 0)


def test_rule_8_with_a_timeout_of_zero_it_is_cut_at_once() -> None:
    house = House(group_settings(draining="timeout = 0"))
    (connection,) = house.connections(1)
    house.remove(1)
    assert (connection.live, house.group.members.get(1), house.timers) == (False, None, 0)


def test_a_timeout_of_never_waits_for_the_last_connection() -> None:
    house = House(group_settings(draining='timeout = "never"'))
    (connection,) = house.connections(1)
    house.remove(1)
    house.clock.advance(1e8)
    assert (connection.live, house.timers) == (True, 0)
    connection.end()
    assert house.outcomes == [("app/s1#1", "completed")]


def test_rule_62_a_removal_may_have_a_timeout_of_its_own(house: House) -> None:
    house.connections(1)
    assert house.remove(1, timeout=7.0)[0].left() == 7.0


def test_rule_11_the_shares_are_those_of_the_servers_that_are_left(house: House) -> None:
    house.group.weigh(house[2], 7)
    house.remove(1)
    assert [(member.number, member.weight) for member in house.plane.rotations["app"].members] == [(2, 7)]


def test_rule_12_two_removals_have_two_timers(house: House) -> None:
    (mine,), (its,) = house.connections(1), house.connections(2)
    house.remove(1, timeout=10.0)
    house.clock.advance(5)
    house.remove(2, timeout=10.0)
    assert house.timers == 2
    house.clock.advance(5)
    assert (mine.live, its.live, house.timers) == (False, True, 1)
    house.clock.advance(5)
    assert (its.live, house.timers) == (False, 0)


def test_rule_13_when_the_last_server_is_removed_drained_connections_go_on(house: House) -> None:
    (connection,) = house.connections(1)
    house.remove(1, 2)
    assert (house.rotation, house.plane.connect("app"), connection.live) == ([], None, True)
    house.clock.advance(299)
    assert connection.live


def test_adding_is_all_or_nothing(house: House) -> None:
    with pytest.raises(Refused, match="already registered"):
        house.group.add({address(3): Wanted("s3"), address(1): Wanted("s4")}, ADA)
    assert (house.rotation, len(house.group.members)) == ([1, 2], 2)


def test_numbers_are_never_used_again(house: House) -> None:
    house.remove(1)
    house.remove(2)
    assert [house.add(1).number, house.add(2).number] == [3, 4]


# Rules 17, 23 and 73: what does not touch a running drain.


def test_rules_17_and_73_an_edit_of_the_group_touches_no_drain_and_no_member(house: House) -> None:
    (old,), (kept,) = house.connections(1), house.connections(2)
    (running,) = house.remove(1)
    house.clock.advance(100)
    house.group.reconfigure(group_settings([1, 2, 3], 'timeout = 0\nrejoin = "cancel_drain"', retries=0))
    assert (running.left(), old.live, kept.live) == (200.0, True, True)
    assert (house.rotation, house.plane.rotations["app"].retries) == ([2], 0)


# Rules 60 and 62: the operator's drain.


def test_rule_60_a_drained_server_is_out_of_rotation_and_stays_registered(house: House) -> None:
    (connection,) = house.connections(1)
    house.drain(1)
    assert (house.rotation, house[1].state, house[1].reason) == ([2], "draining", "operator")
    connection.end()
    assert (house.rotation, house[1].state, house[1].registered) == ([2], "drained", True)
    assert house.plane.forgotten == []


def test_rule_60_at_the_deadline_it_is_cut_and_stays_registered(house: House) -> None:
    (connection,) = house.connections(1)
    house.drain(1, timeout=20.0)
    house.clock.advance(20)
    assert (connection.live, house[1].state, house.rotation) == (False, "drained", [2])


def test_rule_60_ready_undoes_it_and_the_connections_stay(house: House) -> None:
    (connection,) = house.connections(1)
    house.drain(1)
    house.clock.advance(100)
    house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].state, house.timers) == ([1, 2], "healthy", 0)
    house.clock.advance(1000)
    assert connection.live


def test_rule_60_ready_brings_a_drained_server_back(house: House) -> None:
    house.drain(1)
    assert house[1].state == "drained"
    house.group.ready(house[1], ADA)
    assert house.rotation == [1, 2]


def test_rule_60_ready_while_it_is_cut_brings_it_back_when_that_is_done(house: House) -> None:
    house.plane.linger = True
    (connection,) = house.connections(1)
    (running,) = house.drain(1)
    running.cut()
    house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].admin) == ([2], Admin.READY)
    connection.end()
    assert house.rotation == [1, 2]


def test_rule_62_ready_undoes_a_removal_while_it_drains(house: House) -> None:
    (connection,) = house.connections(1)
    house.remove(1)
    house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].state, house.outcomes) == (
        [1, 2],
        "healthy",
        [("app/s1#1", "cancelled")],
    )
    house.clock.advance(1000)
    assert connection.live
    assert house.group.members.current("s1") is house[1]


def test_rule_62_the_removal_that_was_undone_can_be_made_again(house: House) -> None:
    (connection,) = house.connections(1)
    house.remove(1)
    house.group.ready(house[1], ADA)
    house.clock.advance(100)
    (running,) = house.remove(1)
    assert running.left() == 300.0
    connection.end()
    assert house.group.members.get(1) is None


@pytest.mark.parametrize("origin", [Origin.FILE, Origin.SOURCE])
def test_rule_62_ready_does_not_undo_a_removal_by_the_file_or_a_source(house: House, origin: Origin) -> None:
    house.connections(1)
    house.group.remove([house[1]], FILE, origin)
    with pytest.raises(Refused, match=f"app/s1#1 was removed by the {origin.value}: add it there"):
        house.group.ready(house[1], ADA)
    assert (house.rotation, house[1].state) == ([2], "draining")


def test_rule_62_ready_does_not_undo_what_is_being_cut(house: House) -> None:
    house.plane.linger = True
    (connection,) = house.connections(1)
    (running,) = house.remove(1)
    running.cut()
    with pytest.raises(Refused, match="is being cut"):
        house.group.ready(house[1], ADA)
    connection.end()
    assert house.group.members.get(1) is None


def test_rule_62_ready_does_not_undo_a_removal_whose_address_was_taken_since(house: House) -> None:
    house.connections(1)
    house.remove(1)
    house.add(1, "again")
    with pytest.raises(Refused, match="already registered as app/again"):
        house.group.ready(house[1], ADA)


def test_ready_on_one_that_is_ready_changes_nothing(house: House) -> None:
    house.group.ready(house[1], ADA)
    assert (house.rotation, house.outcomes) == ([1, 2], [])


# Rule 32: one drain, several causes.


def test_rule_32_a_drained_server_that_is_removed_has_one_drain_and_then_is_gone(house: House) -> None:
    (connection,) = house.connections(1)
    (drained,) = house.drain(1, timeout=100.0)
    (removed,) = house.remove(1)
    assert (removed is drained, removed.left(), house.timers) == (True, 100.0, 1)
    connection.end()
    (receipt,) = house.drains.receipts
    assert (receipt.cause, house.group.members.get(1)) == ("deregistered", None)


def test_rule_32_a_removal_with_an_earlier_deadline_brings_the_drain_forward(house: House) -> None:
    (connection,) = house.connections(1)
    house.drain(1)
    house.remove(1, timeout=10.0)
    house.clock.advance(10)
    assert (connection.live, house.group.members.get(1)) == (False, None)


def test_rule_32_adding_a_drained_and_removed_server_again_takes_away_only_the_removal(house: House) -> None:
    house.connections(1)
    (running,) = house.drain(1)
    house.remove(1)
    house.add(1, rejoin=Rejoin.CANCEL_DRAIN)
    assert (house.rotation, house[1].state, running.drain.cause.word) == ([2], "draining", "operator")


def test_rule_32_ready_takes_away_what_the_operator_did(house: House) -> None:
    house.connections(1)
    house.drain(1)
    house.remove(1)
    house.group.ready(house[1], ADA)
    assert (house.rotation, house.timers, house.outcomes) == ([1, 2], 0, [("app/s1#1", "cancelled")])


def test_rule_60_a_server_that_is_drained_again_keeps_the_earlier_deadline(house: House) -> None:
    house.connections(1)
    (first,) = house.drain(1, timeout=10.0)
    (second,) = house.drain(1, timeout=500.0)
    assert (second is first, first.left()) == (True, 10.0)


# Weights, names and what is left.


def test_weight_zero_takes_it_out_of_rotation_and_starts_no_drain(house: House) -> None:
    (connection,) = house.connections(1)
    house.group.weigh(house[1], 0)
    assert (house.rotation, house.drains.get(house[1].scope), house[1].reason) == ([2], None, "weight_zero")
    house.clock.advance(10_000)
    assert connection.live
    house.group.weigh(house[1], 50)
    assert [(m.number, m.weight) for m in house.plane.rotations["app"].members] == [(1, 50), (2, 100)]


def test_rule_73_another_name_or_weight_touches_no_connection(house: House) -> None:
    (connection,) = house.connections(1)
    house.group.amend({address(1): Wanted("s2", 5), address(2): Wanted("s1", 6)})
    assert [(m.label, m.weight) for m in house.plane.rotations["app"].members] == [
        ("app/s2#1", 5),
        ("app/s1#2", 6),
    ]
    assert (connection.live, house.outcomes) == (True, [])


@pytest.mark.parametrize(
    ("min_healthy", "leaving", "allowed"),
    [
        (1, [1, 2, 3], True),
        (1, [1, 2, 3, 4], False),
        (3, [1], True),
        (3, [1, 2], False),
        ("50%", [1, 2], True),
        ("50%", [1, 2, 3], False),
        (0, [1, 2, 3, 4], True),
        ("0%", [1, 2, 3, 4], True),
        ("100%", [1], False),
    ],
)
def test_rule_66_too_few_must_not_be_left(min_healthy: object, leaving: list[int], allowed: bool) -> None:
    house = House(group_settings([1, 2, 3, 4], min_healthy=min_healthy))
    chosen = [house[number] for number in leaving]
    if allowed:
        house.group.check_min_healthy(chosen)
    else:
        with pytest.raises(Refused, match=rf"of 4 servers.*min_healthy is {min_healthy} \(--force"):
            house.group.check_min_healthy(chosen)


def test_rule_66_one_that_takes_nothing_new_may_leave_a_group_that_has_too_few_already() -> None:
    house = House(group_settings([1, 2], min_healthy=2))
    house.drain(1)
    house.group.check_min_healthy([house[1]])
    with pytest.raises(Refused, match="would be left with 0"):
        house.group.check_min_healthy([house[2]])


# A group that goes away.


def test_rule_72_a_retired_group_is_gone_with_its_last_server(house: House) -> None:
    gone: list[bool] = []
    one, other = *house.connections(1), *house.connections(2)
    house.group.retire(FILE, lambda: gone.append(True))
    assert (house.rotation, gone) == ([], [])
    one.end()
    assert gone == []
    other.end()
    assert gone == [True]


def test_a_group_without_connections_is_gone_at_once() -> None:
    for servers in ([], [1, 2]):
        gone: list[bool] = []
        House(group_settings(servers)).group.retire(FILE, lambda: gone.append(True))  # noqa: B023
        assert gone == [True]


def test_a_group_that_is_wanted_again_stays(house: House) -> None:
    gone: list[bool] = []
    (old,) = house.connections(1)
    house.group.retire(FILE, lambda: gone.append(True))
    house.group.reconfigure(group_settings())
    old.end()
    assert gone == []
    house.add(1)
    assert house.rotation == [3]


def test_waiting_for_a_removal_without_a_deadline_may_be_given_one(house: House) -> None:
    (connection,) = house.connections(1)
    (running,) = house.remove(1, timeout=NEVER)
    running.extend(5.0)
    house.clock.advance(5)
    assert not connection.live


def test_a_group_that_goes_away_takes_no_server_in_and_none_back(house: House) -> None:
    """Else it would never be empty, and never be gone."""
    gone: list[bool] = []
    (connection,) = house.connections(1)
    house.remove(1)
    house.group.retire(FILE, lambda: gone.append(True))
    with pytest.raises(Refused, match="server group app is being removed"):
        house.add(3)
    with pytest.raises(Refused, match="removed by the file"):
        house.group.ready(house[1], ADA)
    connection.end()
    assert gone == [True]


def test_rule_62_it_is_remembered_who_drained_a_server_and_who_brought_it_back(house: House) -> None:
    house.drain(1)
    assert house[1].because == ADA
    house.group.ready(house[1], Because("eve", "done"))
    assert house[1].because == Because("eve", "done")
