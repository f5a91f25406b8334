from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.per_client import PerClient

HOSTS = ("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(HOSTS))))
def test_it_has_as_many_as_have_come_and_not_gone(events: list[tuple[bool, str]]) -> None:
    counts, there = PerClient(), Counter[str]()
    counts.begin(())
    for comes, host in events:
        key = host.removesuffix("::1").removesuffix("::2")
        if comes:
            counts.enter(host)
            there[key] += 1
        elif there[key]:
            counts.leave(host)
            there[key] -= 1
        assert counts.of(host) == there[key]
    assert len(counts) == sum(count > 0 for count in there.values())


def test_who_is_there_when_it_begins_is_counted() -> None:
    counts = PerClient()
    assert not counts.counting
    counts.begin(["10.0.0.1", "10.0.0.1", ""])
    assert counts.counting
    assert (counts.of("10.0.0.1"), len(counts)) == (2, 1)
    counts.stop()
    assert (counts.counting, len(counts)) == (False, 0)


def test_who_leaves_with_others_there_is_one_less() -> None:
    counts = PerClient()
    counts.begin(["10.0.0.1"] * 3)
    for left in (2, 1, 0):
        counts.leave("10.0.0.1")
        assert counts.of("10.0.0.1") == left
    assert len(counts) == 0


def test_who_has_no_address_is_not_counted() -> None:
    counts = PerClient()
    counts.begin(())
    counts.enter("")
    counts.leave("")
    assert (counts.of(""), len(counts)) == (0, 0)


def test_who_was_not_there_can_not_leave() -> None:
    counts = PerClient()
    counts.begin(())
    with pytest.raises(KeyError):
        counts.leave("10.0.0.1")
