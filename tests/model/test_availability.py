from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.availability import Availability, Verdict
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.source import SourceAnswer

ADDRESSES = st.integers(1, 12).map(lambda number: Address(f"10.0.0.{number}", 80))
SERVERS = st.dictionaries(ADDRESSES, st.integers(0, 100))
QUORUMS = st.builds(Quorum, st.integers(0, 100), st.booleans())


def servers(*numbers: int, weight: int = 100) -> dict[Address, int]:
    return {Address(f"10.0.0.{number}", 80): weight for number in numbers}


def test_applies_what_is_new_and_says_what_changes() -> None:
    decision = Availability().hear(servers(1, 2), SourceAnswer(servers(2, weight=50) | servers(3)))
    assert decision.verdict is Verdict.APPLY
    assert decision.words == "adds 10.0.0.3:80, removes 10.0.0.1:80, weighs 10.0.0.2:80"


@pytest.mark.parametrize(("most", "verdict"), [(1, Verdict.APPLY), (0, Verdict.HELD)])
def test_says_what_differs_be_it_applied_or_held_back(most: int, verdict: Verdict) -> None:
    answer = servers(2, weight=50) | servers(3)
    decision = Availability(max_removal=Quorum(most)).hear(servers(1, 2), SourceAnswer(answer))
    assert (decision.verdict, decision.servers) == (verdict, answer)
    changes = (decision.added, decision.removed, decision.weighed)
    assert changes == (tuple(servers(3)), tuple(servers(1)), tuple(servers(2)))


def test_says_how_many_more() -> None:
    decision = Availability().hear({}, SourceAnswer(servers(*range(1, 9))))
    assert decision.words.endswith(" 10.0.0.5:80 and 3 more")


def test_unchanged() -> None:
    decision = Availability().hear(servers(1), SourceAnswer(servers(1)))
    assert (decision.verdict, decision.words, decision.servers) == (Verdict.UNCHANGED, "", servers(1))
    assert Availability().hear({}, SourceAnswer({})).verdict is Verdict.UNCHANGED


def test_half_may_go_and_not_more_rule_18() -> None:
    group = Availability()
    assert group.hear(servers(1, 2, 3, 4), SourceAnswer(servers(1, 2))).verdict is Verdict.APPLY
    held = group.hear(servers(1, 2, 3, 4), SourceAnswer(servers(1)))
    assert held.verdict is Verdict.HELD
    assert held.words == "it would remove 3 of 4 servers (max_removal is 50%)"
    assert group.hear(servers(1, 2, 3), SourceAnswer(servers(1))).verdict is Verdict.HELD


def test_a_number_may_go() -> None:
    group = Availability(max_removal=Quorum(1))
    assert group.hear(servers(1, 2, 3), SourceAnswer(servers(1, 2))).verdict is Verdict.APPLY
    assert group.hear(servers(1, 2, 3), SourceAnswer(servers(1))).verdict is Verdict.HELD


def test_an_empty_answer_is_not_believed_unless_it_may_be() -> None:
    everyone = Quorum(100, percentage=True)
    held = Availability(max_removal=everyone).hear(servers(1, 2), SourceAnswer({}))
    assert held.verdict is Verdict.HELD
    assert "would remove all 2 (empty_ok is false)" in held.words
    believed = Availability(empty_ok=True, max_removal=everyone).hear(servers(1), SourceAnswer({}))
    assert believed.verdict is Verdict.APPLY
    assert Availability(empty_ok=True).hear(servers(1), SourceAnswer({})).verdict is Verdict.HELD


def test_a_failure_changes_nothing_and_leaves_what_is_held() -> None:
    group = Availability()
    held = group.hear(servers(1), SourceAnswer({}))
    decision = group.hear(servers(1), SourceAnswer(None, "no answer"))
    assert (decision.verdict, decision.words, decision.removed) == (Verdict.FAILED, "no answer", ())
    assert group.held == held
    assert group.hear(servers(1), SourceAnswer(None)).words == "the source failed"


def test_release_takes_the_answer_that_is_held_once() -> None:
    group = Availability()
    group.hear(servers(1, 2), SourceAnswer({}))
    decision = group.release(servers(1, 2))
    assert (decision.verdict, decision.servers) == (Verdict.APPLY, {})
    assert set(decision.removed) == set(servers(1, 2))
    with pytest.raises(Refused, match=r"^no answer of the source is held back$"):
        group.release(servers(1, 2))


def test_release_is_compared_with_the_members_of_now() -> None:
    group = Availability()
    group.hear(servers(1, 2, 3), SourceAnswer(servers(1)))
    assert list(group.release(servers(1, 3)).removed) == list(servers(3))


def test_an_answer_that_can_be_applied_ends_the_holding() -> None:
    group = Availability()
    group.hear(servers(1, 2), SourceAnswer({}))
    group.hear(servers(1, 2), SourceAnswer(servers(1, 2)))
    assert group.held is None


@given(SERVERS, SERVERS, st.booleans(), QUORUMS)
def test_what_is_decided_is_exactly_the_difference(
    members: dict[Address, int], answer: dict[Address, int], empty_ok: bool, most: Quorum
) -> None:
    group = Availability(empty_ok, most)
    decision = group.hear(members, SourceAnswer(answer))
    after = {a: w for a, w in members.items() if a not in decision.removed}
    after |= {a: answer[a] for a in (*decision.added, *decision.weighed)}
    assert after == answer
    assert not set(decision.added) & members.keys()
    assert (decision.verdict is Verdict.UNCHANGED) == (members == answer)
    assert (group.held is not None) == (decision.verdict is Verdict.HELD)


@given(SERVERS, SERVERS, st.booleans(), QUORUMS)
def test_never_applies_the_removal_of_more_than_is_allowed(
    members: dict[Address, int], answer: dict[Address, int], empty_ok: bool, most: Quorum
) -> None:
    decision = Availability(empty_ok, most).hear(members, SourceAnswer(answer))
    removed = len(members.keys() - answer.keys())
    too_many = removed * 100 > most.amount * len(members) if most.percentage else removed > most.amount
    emptied = bool(members) and not answer and not empty_ok
    assert (decision.verdict is Verdict.HELD) == (too_many or emptied)


@given(SERVERS, SERVERS, st.lists(st.booleans(), max_size=5))
def test_what_is_held_stays_held_however_often_it_is_repeated(
    members: dict[Address, int], answer: dict[Address, int], failures: list[bool]
) -> None:
    group = Availability()
    first = group.hear(members, SourceAnswer(answer))
    for failure in failures:
        again = group.hear(members, SourceAnswer(None, "down") if failure else SourceAnswer(answer))
        assert again == first or failure
    assert group.held == (first if first.verdict is Verdict.HELD else None)
    if group.held:
        released = group.release(members)
        assert (released.verdict, released.removed) == (Verdict.APPLY, first.removed)
        assert group.hear(answer, SourceAnswer(answer)).verdict is Verdict.UNCHANGED
