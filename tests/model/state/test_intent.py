"""Rule 67: what was done live, over what a file or a source says now of the same server."""

from __future__ import annotations

import pytest

from lbtwist.model.address import Address
from lbtwist.model.members import Wanted
from lbtwist.model.state.intent import Intent, Restored, restored, with_free_names

WHERE = Address("10.0.0.1", 80)
A = Wanted("a")


@pytest.mark.parametrize(
    ("said", "live", "now", "then"),
    [
        (A, A, A, Restored(A)),
        (A, Wanted("a", 7), A, Restored(Wanted("a", 7))),
        (A, Wanted("a", 7), Wanted("b"), Restored(Wanted("b", 7))),
        (A, Wanted("a", 7), Wanted("a", 50), Restored(Wanted("a", 50), ("weight",))),
        (A, Wanted("a", 7), Wanted("a", 7), Restored(Wanted("a", 7))),
        (A, A, Wanted("a", 50), Restored(Wanted("a", 50))),
        (A, Wanted("a", 7), Wanted("a", 100, 9), Restored(Wanted("a", 7, 9))),
        (A, Wanted("b"), A, Restored(Wanted("b"))),
        (A, Wanted("b"), Wanted("c"), Restored(Wanted("c"), ("name",))),
        (A, None, A, Restored(None)),
        (A, None, Wanted("a", 50), Restored(Wanted("a", 50), ("removed",))),
        (None, Wanted("a", 7), A, Restored(A)),
    ],
)
def test_rule_67_the_file_wins_where_it_was_edited_since(
    said: Wanted | None, live: Wanted | None, now: Wanted, then: Restored
) -> None:
    assert restored(Intent(WHERE, said, live), now) == then


def test_rule_67_two_servers_never_have_one_name() -> None:
    """Where the names that were given live clash with others, those of the file hold."""
    one, two, three = (Address(f"10.0.0.{number}", 80) for number in (1, 2, 3))
    said = {one: Wanted("a"), two: Wanted("b"), three: Wanted("c")}
    free = {one: Wanted("b"), two: Wanted("a")}
    assert with_free_names(free, said) == free
    assert with_free_names({**free, three: Wanted("c")}, said) == {**free, three: Wanted("c")}
    clash = {one: Wanted("b", 7), two: Wanted("c"), three: Wanted("c")}
    assert with_free_names(clash, said) == {one: Wanted("a", 7), two: Wanted("b"), three: Wanted("c")}
