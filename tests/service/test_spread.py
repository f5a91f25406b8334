"""Cutting by and by before the deadline: evenly, the longest idle first, never past it (rules 80 and 81)."""

from __future__ import annotations

import pytest

from lbtwist.model.registration import Origin
from tests.service.bench import ADA, House, group_settings, pass_time
from tests.service.fakes import FakeConnection


def draining(
    connections: int, spread: object = 10, timeout: float = 60.0
) -> tuple[House, list[FakeConnection]]:
    """A server that is being removed with so many connections, opened a second apart."""
    house = House(group_settings(draining=f"spread = {spread}"))
    opened = []
    for _ in range(connections):
        opened += house.connections(1)
        house.clock.advance(1)
    house.remove(1, timeout=timeout)
    return house, opened


def live(connections: list[FakeConnection]) -> int:
    return sum(connection.live for connection in connections)


def when_cut(house: House, opened: list[FakeConnection], seconds: float, step: float = 0.05) -> list[float]:
    """Seconds from now at which each was cut."""
    cut: list[float] = []
    begin = house.clock.seconds()
    for index in range(1, round(seconds / step) + 1):
        before = live(opened)
        pass_time(house.clock, begin + index * step - house.clock.seconds())
        cut += [index * step] * (before - live(opened))
    return cut


def test_rule_80_without_spread_all_are_cut_at_the_deadline_and_none_before() -> None:
    house, opened = draining(5, 0)
    assert house.timers == 1
    pass_time(house.clock, 59.99)
    assert live(opened) == 5
    pass_time(house.clock, 0.01)
    assert live(opened) == 0


def test_connections_are_cut_evenly_over_the_last_seconds() -> None:
    house, opened = draining(10)
    pass_time(house.clock, 50)
    assert live(opened) == 10
    assert when_cut(house, opened, 10.0) == pytest.approx([float(n) for n in range(1, 11)], abs=0.06)


def test_the_longest_idle_are_cut_first() -> None:
    house, opened = draining(4, 4)
    opened[0].move(1)
    pass_time(house.clock, 57.5)
    assert [connection.live for connection in opened] == [True, False, True, True]
    opened[2].move(1)
    pass_time(house.clock, 1)
    assert [connection.live for connection in opened] == [True, False, True, False]


def test_many_are_cut_some_at_a_time() -> None:
    house = House(group_settings(draining="spread = 10"))
    opened = house.connections(1, 2000)
    house.remove(1, timeout=60.0)
    pass_time(house.clock, 50)
    cuts = when_cut(house, opened, 10.0, 1.0)
    counts = [cuts.count(float(second)) for second in range(1, 11)]
    assert sum(counts) == 2000
    assert all(180 <= count <= 220 for count in counts)


def test_rule_80_the_deadline_is_never_exceeded_and_the_last_is_its_own() -> None:
    house, opened = draining(7)
    pass_time(house.clock, 59.9)
    assert live(opened) == 1
    pass_time(house.clock, 0.1)
    assert (live(opened), house.timers, house.outcomes) == (0, 0, [("app/s1#1", "cut")])


@pytest.mark.parametrize("timeout", [1.0, 9.0])
def test_it_is_shortened_to_the_drain(timeout: float) -> None:
    house, opened = draining(10, 3600, timeout)
    assert live(opened) == 10
    cuts = when_cut(house, opened, timeout, timeout / 20)
    assert cuts == pytest.approx([timeout * n / 10 for n in range(1, 11)], abs=timeout / 19)


def test_rule_8_with_a_timeout_of_zero_all_are_cut_at_once() -> None:
    house, opened = draining(5, 10, 0.0)
    assert (live(opened), house.timers) == (0, 0)


def test_a_drain_without_a_deadline_is_not_cut() -> None:
    house, opened = draining(5, 10, float("inf"))
    assert house.timers == 0
    pass_time(house.clock, 1e5)
    assert live(opened) == 5


def test_rule_81_it_costs_one_timer_more_however_many_connections() -> None:
    house, opened = draining(50)
    seen = {house.timers}
    for _ in range(599):
        pass_time(house.clock, 0.1)
        seen.add(house.timers)
    pass_time(house.clock, 0.2)
    assert (seen, live(opened), house.timers) == ({2}, 0, 0)


def test_ones_that_end_by_themselves_make_the_rest_last() -> None:
    house, opened = draining(10)
    pass_time(house.clock, 52.5)
    assert live(opened) == 8
    for connection in [each for each in opened if each.live][:6]:
        connection.end()
    pass_time(house.clock, 7.4)
    assert live(opened) == 1


def test_when_the_last_ends_by_itself_no_timer_is_left() -> None:
    house, opened = draining(2)
    pass_time(house.clock, 52)
    for connection in opened:
        connection.end()
    assert (house.timers, house.outcomes) == (0, [("app/s1#1", "completed")])


def test_rule_62_extend_moves_it() -> None:
    house, opened = draining(10)
    pass_time(house.clock, 55)
    (running,) = house.drains
    before = live(opened)
    running.extend(100.0)
    pass_time(house.clock, 89)
    assert live(opened) == before < 10
    pass_time(house.clock, 11)
    assert (live(opened), house.timers) == (0, 0)


def test_rule_62_cancelled_it_cuts_no_more() -> None:
    house, opened = draining(10)
    pass_time(house.clock, 55.5)
    left = live(opened)
    house.group.ready(house[1], ADA)
    pass_time(house.clock, 1000)
    assert (live(opened), house.timers) == (left, 0)
    (receipt,) = house.drains.receipts
    assert (receipt.connections, receipt.cut, receipt.kept) == (10, 10 - left, left)


@pytest.mark.parametrize("then", ["remove", "drain"])
def test_what_is_being_cut_is_not_cut_by_and_by(then: str) -> None:
    house = House(group_settings(draining="spread = 100"))
    house.plane.linger = True
    opened = house.connections(1, 5)
    (running,) = house.drain(1)
    running.cut()
    if then == "remove":
        house.group.remove([house[1]], ADA, Origin.VERB)
    else:
        house.drain(1)
    assert house.timers == 0
    for connection in opened:
        connection.end()


def test_rule_3_the_setting_at_the_start_is_used() -> None:
    house, opened = draining(10)
    house.group.reconfigure(group_settings(draining="spread = 0"))
    pass_time(house.clock, 55.5)
    assert live(opened) == 5
