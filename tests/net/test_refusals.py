"""Who was turned away at the entrance: counted each time, told now and then."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from lbtwist.net.refusals import SAID_FOR, Refusals

PEER = IPv4Address("TCP", "192.0.2.1", 50000)


def test_each_is_counted_by_its_reason() -> None:
    refusals = Refusals(Clock().seconds)
    for reason in ("late", "late", "denied"):
        refusals.add("web", PEER, reason)
    assert refusals.value() == {"late": 2, "denied": 1}


def test_a_reason_is_told_once_in_a_while() -> None:
    clock = Clock()
    refusals = Refusals(clock.seconds)
    with capturedLogs() as logs:
        refusals.add("web", PEER, "late")
        refusals.add("web", PEER, "late")
        refusals.add("web", PEER, "denied")
        clock.advance(SAID_FOR)
        refusals.add("web", PEER, "late")
    assert [formatEvent(event) for event in logs] == [
        "listener web has turned 192.0.2.1:50000 away: late (1 so far)",
        "listener web has turned 192.0.2.1:50000 away: denied (1 so far)",
        "listener web has turned 192.0.2.1:50000 away: late (3 so far)",
    ]
