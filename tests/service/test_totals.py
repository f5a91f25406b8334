"""What all drains come to."""

from __future__ import annotations

from tests.service.bench import ADA, House


def test_every_receipt_counts_once_by_cause_and_outcome() -> None:
    house = House()
    (finishes, is_cut) = house.connections(1, 2)
    house.remove(1, timeout=5.0)
    finishes.end()
    house.clock.advance(5.0)
    (kept,) = house.connections(2)
    house.drain(2)
    house.group.ready(house[2], ADA)
    totals = house.drains.totals
    assert totals.drains == {("deregistered", "cut"): 1, ("operator", "cancelled"): 1}
    assert totals.connections == {"finished": 1, "cut": 1, "kept": 1}
    assert not is_cut.live
    assert kept.live
