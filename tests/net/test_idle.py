"""Which idle connection is taken, and which has to go."""

from __future__ import annotations

from lbtwist.net.idle import IdleConnections


class Kept:
    """An idle connection that was used at `used`, of `owner` alone where there is one."""

    def __init__(self, used: float, owner: object | None = None) -> None:
        self.used = used
        self.owner = owner
        self.dismissed = False

    def dismiss(self) -> None:
        self.dismissed = True


def kept(idle: IdleConnections, number: int, *used: float, limit: int = 10) -> list[Kept]:
    connections = [Kept(each) for each in used]
    for connection in connections:
        idle.put(number, connection, limit)
    return connections


def test_the_one_used_last_is_taken_first() -> None:
    idle = IdleConnections()
    first, second = kept(idle, 1, 1.0, 2.0)
    assert idle.take(1, 0.0) is second
    assert idle.take(1, 0.0) is first
    assert idle.take(1, 0.0) is None


def test_none_is_taken_that_was_used_before() -> None:
    idle = IdleConnections()
    (only,) = kept(idle, 1, 2.0)
    assert idle.take(1, 2.1) is None
    assert idle.take(1, 2.0) is only


def test_members_have_their_own() -> None:
    idle = IdleConnections()
    kept(idle, 1, 1.0)
    assert idle.take(2, 0.0) is None


def test_over_the_limit_the_one_used_longest_ago_has_to_go() -> None:
    idle = IdleConnections()
    first, second, third = kept(idle, 1, 1.0, 2.0, 3.0, limit=2)
    assert [each.dismissed for each in (first, second, third)] == [True, False, False]
    assert [idle.take(1, 0.0), idle.take(1, 0.0), idle.take(1, 0.0)] == [third, second, None]


def test_what_is_closed_is_forgotten_and_need_not_be_there() -> None:
    idle = IdleConnections()
    first, second = kept(idle, 1, 1.0, 2.0)
    for _ in range(2):
        idle.remove(1, second)
    idle.remove(2, first)
    assert idle.take(1, 0.0) is first
    assert not first.dismissed


def test_rule_15_those_of_who_leaves_are_dismissed() -> None:
    """Rule 15."""
    idle = IdleConnections()
    (leaves,), (stays,) = kept(idle, 1, 1.0), kept(idle, 2, 1.0)
    idle.retain({2, 3})
    assert (leaves.dismissed, stays.dismissed) == (True, False)
    assert idle.take(1, 0.0) is None
    assert idle.take(2, 0.0) is stays


def test_one_that_has_an_owner_is_nobody_elses_and_an_owner_has_no_other() -> None:
    idle = IdleConnections()
    alice, bob = object(), object()
    hers, anybodys, his = Kept(1.0, alice), Kept(2.0), Kept(3.0, bob)
    for each in (hers, anybodys, his):
        idle.put(1, each, 10)
    assert idle.take(1, 0.0) is anybodys
    assert idle.take(1, 0.0) is None
    assert idle.take(1, 1.5, alice) is None, "it was used before"
    assert idle.take(1, 0.0, alice) is hers
    assert idle.take(1, 0.0, alice) is None
    assert idle.take(1, 0.0, bob) is his
