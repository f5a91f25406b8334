from __future__ import annotations

import dataclasses

from lbtwist.model.plane import EVERYTHING, Scope, ScopeKind, Tally


def test_scopes_of_the_same_thing_are_equal_and_of_others_are_not() -> None:
    scopes = [Scope.registration(7), Scope.listener(7), Scope.registration(8), EVERYTHING]
    assert len(set(scopes)) == 4
    assert Scope.registration(7) == Scope.registration(7)
    assert Scope.registration(7, 8) == Scope(ScopeKind.REGISTRATION, (7, 8))
    assert Scope.listener(7) == Scope(ScopeKind.LISTENER, (7,))


def test_bytes_moved_are_those_of_both_directions() -> None:
    assert Tally(received=3, sent=40).moved == 43


def test_tallies_add_up_counter_by_counter() -> None:
    counters = len(dataclasses.fields(Tally))
    one, other = Tally(*range(1, counters + 1)), Tally(*range(10, 10 * counters + 1, 10))
    assert dataclasses.astuple(one + other) == tuple(range(11, 11 * counters + 1, 11))
    assert sum([one, other], Tally()) == one + other
