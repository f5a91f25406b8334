"""Which verdicts on WebSockets are worse with a load balancer than without."""

from __future__ import annotations

import pytest

from torture.autobahn import worse


def verdicts(behavior: str, close: str = "OK") -> dict[str, dict[str, str]]:
    return {"1.1": {"behavior": behavior, "behaviorClose": close}}


@pytest.mark.parametrize(
    ("direct", "through"),
    [
        (verdicts("OK"), verdicts("OK")),
        (verdicts("NON-STRICT"), verdicts("OK")),
        (verdicts("FAILED", "UNCLEAN"), verdicts("FAILED", "UNCLEAN")),
        (verdicts("OK", "UNCLEAN"), verdicts("OK", "OK")),
    ],
)
def test_as_good_or_better(direct: dict[str, dict[str, str]], through: dict[str, dict[str, str]]) -> None:
    assert worse(direct, through) == []


@pytest.mark.parametrize(
    ("direct", "through"),
    [
        (verdicts("OK"), verdicts("NON-STRICT")),
        (verdicts("NON-STRICT"), verdicts("FAILED")),
        (verdicts("OK", "UNCLEAN"), verdicts("OK", "FAILED BY CLIENT")),
        (verdicts("OK"), verdicts("OK", "UNCLEAN")),
    ],
)
def test_worse(direct: dict[str, dict[str, str]], through: dict[str, dict[str, str]]) -> None:
    assert len(worse(direct, through)) == 1


def test_a_case_that_is_missing_is_worse() -> None:
    assert len(worse(verdicts("OK"), {})) == 2
