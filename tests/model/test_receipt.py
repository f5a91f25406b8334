from __future__ import annotations

import dataclasses

import pytest

from lbtwist.model.receipt import Receipt

RECEIPT = Receipt("app/a#1", "operator", "ada", "", 100.0, 400.0, 112.5, "completed", 3, 3, 0, 0, 4096)


def test_rule_64_tells_how_long_the_drain_took() -> None:
    assert RECEIPT.seconds == 12.5


def test_rule_64_nothing_was_answered_with_an_error_unless_it_is_said() -> None:
    assert RECEIPT.responses_5xx == 0
    assert dataclasses.replace(RECEIPT, responses_5xx=2).responses_5xx == 2


def test_rule_64_requests_and_websockets_that_were_cut_are_told_apart() -> None:
    """rules 6, 7 and 51: none unless it is said"""
    names = ("responses_5xx", "responses_cut", "tunnels_closed", "tunnels_aborted")
    assert [getattr(RECEIPT, name) for name in names] == [0, 0, 0, 0]
    assert dataclasses.replace(RECEIPT, tunnels_aborted=2) != RECEIPT


def test_a_receipt_is_not_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECEIPT.cut = 1  # type: ignore[misc]
