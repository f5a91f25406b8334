"""Consistent hashing, and the making of its table while it is used."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbtwist.model.plane import Member
from lbtwist.model.schedule.maglev import MEMBERS_SLICE, SIZE, Maglev, _walks, filled
from lbtwist.model.schedule.points import points
from tests.model.schedule.making import CLIENTS, chosen, member, members, numbers, order, rebuilt, without


def scheduler(group: list[Member]) -> Maglev:
    made = Maglev()
    made.update(group)
    rebuilt(made)
    return made


def table(group: list[Member]) -> list[int]:
    making = filled(group)
    while True:
        try:
            next(making)
        except StopIteration as made:
            return list(made.value)


def choices(among: Maglev) -> dict[str, int]:
    return {client: chosen(among, client) for client in CLIENTS}


def test_few_clients_of_others_move_when_one_of_100_leaves() -> None:
    everyone = members([100] * 100)
    made = scheduler(everyone)
    before = choices(made)
    made.update(without(everyone, 50))
    rebuilt(made)
    after = choices(made)
    others = [client for client in CLIENTS if before[client] != 50]
    moved = sum(before[client] != after[client] for client in others)
    assert 0 < moved < 0.02 * len(others)
    made.update(everyone)
    rebuilt(made)
    assert choices(made) == before


def test_the_clients_of_one_that_left_are_spread_over_the_others() -> None:
    everyone = members([100] * 5)
    made = scheduler(everyone)
    before = choices(made)
    made.update(without(everyone, 3))
    after = choices(made)
    assert {client: after[client] for client in CLIENTS if before[client] != 3} == {
        client: before[client] for client in CLIENTS if before[client] != 3
    }
    went = Counter(after[client] for client in CLIENTS if before[client] == 3)
    assert sorted(went) == [1, 2, 4, 5]
    assert all(abs(count - sum(went.values()) / 4) <= 150 for count in went.values())


@settings(max_examples=25)  # of 30 ms each
@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), min_size=1, max_size=6))
def test_each_has_its_share_of_the_slots(shares: list[tuple[int, int]]) -> None:
    """To one slot for each member there is."""
    group = [member(number, *share) for number, share in enumerate(shares)]
    slots = Counter(table(group))
    total = sum(each.share for each in group)
    assert sum(slots.values()) == SIZE
    assert all(abs(slots[each.number] - SIZE * each.share / total) <= len(group) for each in group)


def test_the_table_depends_on_addresses_and_not_on_their_order() -> None:
    group = members([1, 2, 5, 5])
    assert table(group) == table(group[::-1])
    assert len(set(table(group)[:1000])) == 4


def test_the_table_is_the_same_for_ever() -> None:
    """Were it to change, an upgrade would send clients to other servers."""
    assert table(members([1, 2, 5]))[:12] == [2, 3, 1, 2, 3, 3, 2, 3, 2, 3, 3, 1]


def test_where_walks_meet_the_order_of_turns_is_the_same_for_ever() -> None:
    assert table(members([100] * 30))[46_435:46_447] == [30, 8, 20, 30, 22, 20, 30, 12, 20, 2, 16, 19]


def test_members_are_prepared_in_slices() -> None:
    """The last of which puts them in order, in a slice of its own."""
    for count, slices in [(MEMBERS_SLICE - 1, 2), (MEMBERS_SLICE, 3), (2 * MEMBERS_SLICE - 1, 3)]:
        assert sum(1 for _ in _walks(members([100] * count))) == slices


def test_a_table_takes_many_steps_of_which_none_is_long() -> None:
    assert sum(1 for _ in filled(members([100] * 100))) > 50
    assert sum(1 for _ in filled(members([100] * 2))) > 10
    assert sum(1 for _ in filled(members(range(1, 101)))) > 50


def test_one_that_joins_has_nothing_until_the_table_is_made() -> None:
    made = scheduler(members([100] * 3))
    before = choices(made)
    made.update(members([100] * 4))
    rebuilding = made.rebuild()
    next(rebuilding)
    assert choices(made) == before
    assert all(order(made, client)[-1] == 4 for client in CLIENTS[:50])
    for _ in rebuilding:
        pass
    assert Counter(choices(made).values())[4] == pytest.approx(len(CLIENTS) / 4, rel=0.05)


def test_rule_1_one_that_left_is_never_chosen_while_the_table_is_made() -> None:
    everyone = members([100] * 3)
    made = scheduler(everyone)
    made.update(without(everyone, 2))
    for step, _ in enumerate(made.rebuild()):
        for client in CLIENTS[step * 20 :][:20]:
            assert 2 not in order(made, client)


def test_one_that_leaves_while_its_first_table_is_made_is_not_chosen() -> None:
    made = scheduler(members([100] * 2))
    made.update(members([100] * 3))
    rebuilding = made.rebuild()
    next(rebuilding)
    made.update(members([100] * 2))
    for _ in rebuilding:
        assert 3 not in order(made, "192.0.2.1")
    assert list(made.rebuild()) == []


def test_clients_are_spread_while_there_is_no_table() -> None:
    made = Maglev()
    made.update(members([100] * 4))
    first = choices(made)
    assert first == choices(made)
    assert all(abs(count - 5000) <= 300 for count in Counter(first.values()).values())
    assert all(number == 1 + int(points(client)[0] * 4) for client, number in first.items())


def test_clients_are_spread_over_the_new_ones_when_all_others_left() -> None:
    made = scheduler(members([100] * 2))
    made.update(members([100] * 4, first=11))
    assert sorted(Counter(choices(made).values())) == [11, 12, 13, 14]


def test_one_that_comes_back_before_the_table_is_made_has_its_clients() -> None:
    everyone = members([100] * 3)
    made = scheduler(everyone)
    before = choices(made)
    made.update(without(everyone, 2))
    made.update(everyone)
    assert choices(made) == before


def test_a_table_is_finished_though_members_change_all_the_time() -> None:
    made = scheduler(members([100] * 2))
    rebuilding = made.rebuild()
    for step in range(100):
        made.update([member(1), member(2), member(3, ramp=50 + step % 40)])
        next(rebuilding)
    assert 3 in choices(made).values()
    made.update(members([100] * 3))
    rebuilt(made)
    assert choices(made) == choices(scheduler(members([100] * 3)))


def test_two_iterators_do_the_work_of_one() -> None:
    group = members([100] * 10)
    one = Maglev()
    one.update(group)
    steps = sum(1 for _ in one.rebuild())
    two = Maglev()
    two.update(group)
    pair = [two.rebuild(), two.rebuild()]
    taken = sum(next(each, 0) is None for _ in range(steps) for each in pair)
    assert taken == pytest.approx(steps, abs=1)
    assert choices(two) == choices(one)


def test_one_that_joins_has_nothing_though_most_slots_are_of_members_that_left() -> None:
    made = scheduler(members([100] * 2000))
    made.update([*members([100] * 5), *members([100] * 5, first=3001)])
    assert sorted(Counter(choices(made).values())) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("share", "slots"), [(1, 0), (2, 1)])
def test_shares_are_rounded_to_whole_slots(share: int, slots: int) -> None:
    """Where a slot is a share of 2.75."""
    heavy = [member(number, 100) for number in range(2, 20)]
    assert table([member(1, share, ramp=1), *heavy]).count(1) == slots


def test_one_without_a_slot_is_a_last_resort() -> None:
    heavy = [member(number, 100) for number in range(2, 20)]
    made = scheduler([member(1, 1, ramp=1), *heavy])
    assert 1 not in choices(made).values()
    assert set(order(made, "192.0.2.1")) == {1, *numbers(heavy)}
