from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.schedule.points import points
from tests.model.schedule.making import CLIENTS


def test_the_same_for_ever() -> None:
    """Were it to change, an upgrade would send every client to another server."""
    assert points("192.0.2.1") == (0.8880945856000407, 0.8347314515976917)


@given(st.text(st.characters(codec="utf-8")))
def test_within_the_whole(text: str) -> None:
    assert all(0 <= point < 1 for point in points(text))


def test_neighbours_are_spread_evenly_in_both_dimensions() -> None:
    quarters = [0] * 16
    for client in CLIENTS[:16_000]:
        x, y = points(client)
        quarters[int(4 * x) + 4 * int(4 * y)] += 1
    assert all(abs(count - 1000) <= 4 * 31 for count in quarters)
