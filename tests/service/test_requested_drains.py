"""Rule 31: a server asks to be drained until it answers without that, and not answering is no answer."""

from __future__ import annotations

from itertools import count

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.address import Address
from lbtwist.model.health import CheckResult, Step
from lbtwist.model.registration import Registration
from lbtwist.service.checks import Checks
from lbtwist.service.draining import Drains
from lbtwist.service.group import ServerGroup
from lbtwist.service.makers import Makers
from lbtwist.service.surroundings import Surroundings
from tests.service.bench import UNCHECKED, WALL, config
from tests.service.fakes import FakeDataPlane

TOML = """
[server_groups.app]
servers = ["10.0.0.1:80", "10.0.0.2:80"]
[server_groups.app.health_check]
type = "http"
drain_codes = [503]
"""
PASSES = CheckResult(True, "status 200", 0.1, steps=(Step("connect", 0.05), Step("response", 0.05)))
ASKS = CheckResult(False, "status 503", 0.1, drain_requested=True, steps=(Step("response", 0.1),))
REFUSED = CheckResult(False, "refused", 0.0)
TIMED_OUT = CheckResult(False, "timed out after 3 s", 3.0, steps=(Step("connect", 0.1),))
ILL = CheckResult(False, "status 500 not in 200-399", 0.1, steps=(Step("response", 0.1),))
OWN = CheckResult(False, "no descriptor was left", 0.0, own_fault=True)


@implementer(IHealthCheck)
class Silence:
    """Checks that never end: the tests tell the group what was found."""

    def check(self, address: Address) -> Deferred[CheckResult]:
        return Deferred()


class Asking:
    """Two healthy servers, of which the first has a connection and asks to be drained."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.drains = Drains(self.plane, self.clock, lambda: WALL)
        makers = Makers(
            lambda settings: Checks(Silence(), 5.0, self.clock),
            UNCHECKED.probe,
            UNCHECKED.source,
            UNCHECKED.resolving,
            UNCHECKED.secret,
        )
        around = Surroundings(self.plane, self.drains, count(1), self.clock, makers)
        self.group = ServerGroup("app", config(TOML).server_groups["app"], around)
        self.group.startService()
        self.server: Registration
        self.server, other = self.group.members
        self.group.health.observe(self.server, PASSES)
        self.group.health.observe(other, PASSES)
        self.connection = self.plane.open(self.server.member)
        self.hears(ASKS)

    def hears(self, result: CheckResult) -> None:
        self.group.health.observe(self.server, result)

    @property
    def in_rotation(self) -> bool:
        return self.server.number in [each.number for each in self.plane.rotations["app"].members]


@pytest.fixture
def asking() -> Asking:
    return Asking()


def test_rule_31_it_is_drained_and_its_health_is_as_it_was(asking: Asking) -> None:
    (running,) = asking.drains
    assert (running.drain.cause.word, running.left()) == ("server_requested", 300.0)
    assert (asking.in_rotation, asking.server.health.value, asking.connection.live) == (
        False,
        "passing",
        True,
    )
    asking.connection.end()
    assert (asking.server.state, asking.server.reason) == ("drained", "server_requested")


@pytest.mark.parametrize("answer", [PASSES, ILL])
def test_rule_31_the_first_answer_without_it_ends_it(asking: Asking, answer: CheckResult) -> None:
    asking.hears(answer)
    assert (asking.in_rotation, list(asking.drains)) == (True, [])
    assert asking.drains.receipts[-1].outcome == "cancelled"


@pytest.mark.parametrize("silence", [REFUSED, TIMED_OUT, OWN])
def test_rule_31_one_that_does_not_answer_any_more_has_not_come_back(
    asking: Asking, silence: CheckResult
) -> None:
    """It has been shut down, as it had said."""
    asking.hears(silence)
    (running,) = asking.drains
    assert (asking.in_rotation, running.drain.cause.word) == (False, "server_requested")
    asking.hears(PASSES)
    assert asking.in_rotation


def test_rule_31_asking_again_does_not_begin_again(asking: Asking) -> None:
    asking.clock.advance(100)
    asking.hears(ASKS)
    (running,) = asking.drains
    assert running.left() == 200.0
    asking.clock.advance(200)
    assert (asking.connection.live, asking.server.state) == (False, "drained")
    asking.hears(ASKS)
    assert len(asking.drains.receipts) == 1
