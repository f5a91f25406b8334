"""What a file or a source says anew of servers, over what operators did to the same ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.address import Address
from lbtwist.model.members import Members, Wanted
from lbtwist.model.merge import Merge, Servers, merge, wanted_of
from lbtwist.model.registration import Registration


def address(number: int) -> Address:
    return Address(f"10.0.0.{number}", 80)


def registration(number: int, at: int, wanted: Wanted) -> Registration:
    return Registration(number, "app", wanted.name, address(at), *wanted[1:])


def said(**servers: Wanted) -> dict[Address, Wanted]:
    """Servers by the number of their address: `_1=Wanted(…)`."""
    return {address(int(key[1:])): wanted for key, wanted in servers.items()}


def members(*registrations: Registration) -> Members:
    made = Members("app")
    for each in registrations:
        made.register(each)
    return made


A, B = Wanted("a"), Wanted("b", 50)


def test_what_is_registered_is_wanted_as_it_is() -> None:
    wanted = Wanted("a", 7, 9, True, "north")
    assert wanted_of(registration(1, 1, wanted)) == wanted


def test_one_that_is_named_now_is_new() -> None:
    assert merge(members(), {}, said(_1=A)) == Merge([], {}, said(_1=A))


def test_one_that_is_named_no_more_leaves() -> None:
    one = registration(1, 1, A)
    assert merge(members(one), said(_1=A), {}) == Merge([one], {}, {})


def test_one_that_is_leaving_already_does_not_leave_again() -> None:
    one = registration(1, 1, A)
    everyone = members(one)
    everyone.leave(one)
    assert merge(everyone, said(_1=A), {}) == Merge([], {}, {})


def test_rule_67_one_that_a_verb_removed_stays_so_while_nothing_else_is_said() -> None:
    assert merge(members(), said(_1=A), said(_1=A)) == Merge([], {}, {})
    assert merge(members(), said(_1=A), said(_1=Wanted("a", 7))) == Merge([], {}, {})


def test_rule_67_those_behind_one_that_a_verb_removed_are_looked_at_too() -> None:
    assert merge(members(), said(_1=A), said(_1=A, _2=B)) == Merge([], {}, said(_2=B))


def test_rule_67_one_that_a_verb_removed_comes_back_where_the_file_says_something_else_of_it() -> None:
    other = said(_1=Wanted("a", 7))
    assert merge(members(), said(_1=A), other, back=True) == Merge([], {}, other)
    assert merge(members(), said(_1=A), said(_1=A), back=True) == Merge([], {}, {})


def test_rule_67_one_that_a_verb_added_is_not_touched() -> None:
    assert merge(members(registration(1, 9, A)), {}, said(_1=B)) == Merge([], {}, said(_1=B))


def test_one_that_a_verb_added_and_that_is_named_now_is_the_same() -> None:
    assert merge(members(registration(1, 1, A)), {}, said(_1=B)) == Merge([], said(_1=B), {})


@pytest.mark.parametrize(
    ("was", "now", "live", "then"),
    [
        (A, A, Wanted("a", 7), None),
        (A, Wanted("a", 50), Wanted("a", 7), Wanted("a", 50)),
        (A, Wanted("a", max_connections=9), Wanted("a", 7), Wanted("a", 7, 9)),
        (A, Wanted("other"), Wanted("a", 7), Wanted("other", 7)),
        (Wanted("a", 50), A, Wanted("a", 7), A),
        (A, A, Wanted("live", 7), Wanted("a", 7)),
        (A, Wanted("a", 50), Wanted("live", 7, 9), Wanted("a", 50, 9)),
        (A, Wanted("a", backup=True, zone="north"), A, Wanted("a", backup=True, zone="north")),
    ],
)
def test_rule_67_what_is_said_as_before_stays_as_it_is_live(
    was: Wanted, now: Wanted, live: Wanted, then: Wanted | None
) -> None:
    changed = said(_1=then) if then else {}
    assert merge(members(registration(1, 1, live)), said(_1=was), said(_1=now)) == Merge([], changed, {})


@pytest.mark.parametrize("after", [said(_1=B), said(_1=A, _2=B)], ids=["renamed", "new"])
def test_whoever_else_has_a_name_that_is_given_now_leaves(after: Servers) -> None:
    one, verbs = registration(1, 1, A), registration(2, 9, B)
    assert merge(members(one, verbs), said(_1=A), after).leaving == [verbs]


def test_two_may_swap_their_names() -> None:
    one, two = registration(1, 1, A), registration(2, 2, Wanted("b"))
    swapped = said(_1=Wanted("b"), _2=A)
    assert merge(members(one, two), said(_1=A, _2=Wanted("b")), swapped) == Merge([], swapped, {})


@pytest.mark.parametrize(
    ("before", "after", "plan"),
    [
        ({}, {}, ([], {}, {})),
        ({1: A}, {1: A}, ([], {}, {})),
        ({1: A}, {}, ([1], {}, {})),
        ({}, {1: A}, ([], {}, {1: A})),
        ({1: A}, {2: A}, ([1], {}, {2: A})),
        ({1: A}, {1: Wanted("renamed")}, ([], {1: Wanted("renamed")}, {})),
        ({1: A}, {1: Wanted("a", 1)}, ([], {1: Wanted("a", 1)}, {})),
        ({1: A, 2: B}, {1: B, 2: A}, ([], {1: B, 2: A}, {})),
        ({1: A, 2: B}, {2: B}, ([1], {}, {})),
    ],
)
def test_rule_18_the_difference_of_two_sets_is_by_address(
    before: dict[int, Wanted],
    after: dict[int, Wanted],
    plan: tuple[list[int], dict[int, Wanted], dict[int, Wanted]],
) -> None:
    there = members(*(registration(number, number, wanted) for number, wanted in before.items()))
    was, now, changed, new = (
        {address(number): wanted for number, wanted in servers.items()}
        for servers in (before, after, *plan[1:])
    )
    assert merge(there, was, now) == Merge([r for r in there if r.number in plan[0]], changed, new)


SERVERS = st.dictionaries(st.integers(1, 4).map(address), st.integers(0, 100), max_size=4).map(
    lambda weights: {where: Wanted(str(where), weight) for where, weight in weights.items()}
)


@given(SERVERS, SERVERS)
def test_rule_18_where_nobody_else_does_anything_what_is_said_comes_true(
    before: Servers, after: Servers
) -> None:
    there = [Registration(n, "app", w.name, a, w.weight) for n, (a, w) in enumerate(before.items())]
    plan = merge(members(*there), before, after)
    left = {each.address: wanted_of(each) for each in there if each not in plan.leaving}
    assert left | plan.changed | plan.new == after


NAMED = st.dictionaries(st.integers(1, 4).map(address), st.sampled_from("abcde"), max_size=4).filter(
    lambda servers: len({*servers.values()}) == len(servers)
)


@given(NAMED, NAMED, NAMED, st.booleans())
def test_whatever_verbs_did_names_are_those_that_are_said_now_and_each_has_one_server(
    live: dict[Address, str], before: dict[Address, str], after: dict[Address, str], back: bool
) -> None:
    there = members(*(Registration(n, "app", name, a) for n, (a, name) in enumerate(live.items())))
    was, now = ({a: Wanted(name) for a, name in servers.items()} for servers in (before, after))
    plan = merge(there, was, now, back=back)
    left = {a: Wanted(r.name) for a, r in there.by_address.items() if r not in plan.leaving}
    then = left | plan.changed | plan.new
    assert len({wanted.name for wanted in then.values()}) == len(then)
    assert all(now[a].name == wanted.name for a, wanted in then.items() if a in now)
    assert then.keys() >= {a for a in now if a in live or a not in before}
    assert not plan.new.keys() & live.keys()
