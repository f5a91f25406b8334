"""Which of the requests that were lost a rule names."""

from __future__ import annotations

import pytest

from torture.fates import AFTER_KILL, AFTER_UPGRADE, Asked, Deeds, Fate, tallied, twice

AT = 10.0
KILLED = Deeds(kills=[("ecs01", AT)])
ENDING = Deeds(terminated=AT)
UPGRADED = Deeds(upgrades=[(AT - 0.5, AT)])


def asked(fate: Fate, method: str = "GET", status: int = 0, **more: object) -> Asked:
    """In flight at AT, where nothing else is said."""
    made = Asked(1, method, AT - 1, fate=fate, status=status, ended=AT + 1)
    for name, value in more.items():
        setattr(made, name, value)
    return made


NAMED = {
    "a POST on a killed server": (KILLED, asked(Fate.ANSWERED, "POST", 502)),
    "a POST right after a kill": (
        KILLED,
        asked(Fate.ANSWERED, "POST", 502, begun=AT + AFTER_KILL, ended=AT + AFTER_KILL),
    ),
    "an answer that a killed server had begun": (KILLED, asked(Fate.TRUNCATED, status=200, server="ecs01")),
    "a session of a killed server": (KILLED, asked(Fate.CLOSED_REUSED, "tcp", server="ecs01")),
    "a session that nobody had answered": (KILLED, asked(Fate.CLOSED_REUSED, "tcp")),
    "a new one while it ends": (ENDING, asked(Fate.REFUSED)),
    "one that crosses the end of its connection": (ENDING, asked(Fate.CLOSED_REUSED)),
    "one that crosses the end of a connection to the older generation": (
        UPGRADED,
        asked(Fate.CLOSED_REUSED, begun=AT + AFTER_UPGRADE, ended=AT + AFTER_UPGRADE),
    ),
    "one without a server": (Deeds(without_server=(AT, AT)), asked(Fate.ANSWERED, status=503)),
    "one in which an error was raised": (Deeds(raised=1), asked(Fate.CLOSED_REUSED)),
    "one that was answered so": (Deeds(raised=1), asked(Fate.ANSWERED, status=500)),
}
LOST = {
    "a GET on a killed server": (KILLED, asked(Fate.ANSWERED, "GET", 502)),
    "a POST that ended before the kill": (KILLED, asked(Fate.ANSWERED, "POST", 502, ended=AT - 0.1)),
    "a POST long after the kill": (
        KILLED,
        asked(Fate.ANSWERED, "POST", 502, begun=AT + AFTER_KILL + 0.1, ended=AT + 9),
    ),
    "a POST without any answer": (KILLED, asked(Fate.CLOSED_FRESH, "POST")),
    "an answer of another server": (KILLED, asked(Fate.TRUNCATED, status=200, server="ecs02")),
    "a session of another server": (KILLED, asked(Fate.CLOSED_REUSED, "tcp", server="ecs02")),
    "a new one before it ends": (ENDING, asked(Fate.REFUSED, ended=AT - 0.1)),
    "one whose connection was reset": (ENDING, asked(Fate.CLOSED_REUSED, clean=False)),
    "one that was accepted": (ENDING, asked(Fate.CLOSED_FRESH)),
    "one that was cut": (ENDING, asked(Fate.ANSWERED, status=500)),
    "one long after the upgrade": (
        UPGRADED,
        asked(Fate.CLOSED_REUSED, begun=AT + AFTER_UPGRADE + 0.1, ended=AT + 9),
    ),
    "one before the upgrade": (UPGRADED, asked(Fate.CLOSED_REUSED, ended=AT - 0.6)),
    "a new one during the upgrade": (UPGRADED, asked(Fate.REFUSED)),
    "one that the older generation has reset": (UPGRADED, asked(Fate.CLOSED_REUSED, clean=False)),
    "a session of the older generation": (UPGRADED, asked(Fate.CLOSED_REUSED, "tcp", server="ecs01")),
    "one after there are servers again": (
        Deeds(without_server=(AT - 3, AT - 2)),
        asked(Fate.ANSWERED, status=503),
    ),
    "one without an error in it": (Deeds(), asked(Fate.CLOSED_REUSED)),
    "one that an error in us does not end so": (Deeds(raised=1), asked(Fate.ANSWERED, status=502)),
    "somebody else's answer": (KILLED, asked(Fate.WRONG, status=200, server="ecs01")),
}


@pytest.mark.parametrize("case", NAMED)
def test_what_a_rule_names_is_no_loss(case: str) -> None:
    deeds, one = NAMED[case]
    tally = tallied([one], deeds)
    assert (tally.lost, [each for each, _ in tally.named]) == ([], [one])


@pytest.mark.parametrize("case", LOST)
def test_what_no_rule_names_is_lost(case: str) -> None:
    deeds, one = LOST[case]
    tally = tallied([one], deeds)
    assert (tally.lost, tally.named) == ([one], [])


def test_errors_harm_no_more_requests_than_were_raised() -> None:
    harmed = [asked(Fate.CLOSED_REUSED), asked(Fate.CLOSED_FRESH)]
    tally = tallied(harmed, Deeds(raised=1))
    assert (len(tally.lost), len(tally.named)) == (1, 1)


def test_the_answered_are_neither_and_their_times_count() -> None:
    tally = tallied([asked(Fate.ANSWERED, status=200)] * 3, Deeds())
    assert (tally.count, tally.lost, tally.named, tally.worst) == (3, [], [], 2000.0)


def test_causes_are_counted() -> None:
    lost = [asked(Fate.ANSWERED, status=500), asked(Fate.ANSWERED, status=500), asked(Fate.TIMED_OUT)]
    assert tallied(lost, Deeds()).causes == "2 500, 1 timed out"


def test_what_was_delivered_twice_is_found() -> None:
    assert twice([1, 2, 3, 2]) == [2]
