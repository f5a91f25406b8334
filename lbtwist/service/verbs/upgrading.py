"""The verb that starts the next generation, and what no verb does meanwhile."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.model.plane import EVERYTHING
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import LOGGED_REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb

log = Logger()


def upgrade(
    call: Call, wait: bool = False, dry_run: bool = False, reason: str = ""
) -> Result | Deferred[Result]:
    """The same command line is started anew and takes over (rule 74); with `wait`, until it has."""
    balancer: LoadBalancer = call.balancer
    live = balancer.plane.tally(EVERYTHING).live
    if dry_run:
        return Result({"process": None, "connections": live})
    taking_over = balancer.upgrade()
    if wait or taking_over.called:
        return taking_over.addCallback(lambda pid: Result({"process": pid, "connections": live}))
    taking_over.addErrback(_failed)
    return Result({"process": None, "connections": live})


def steady(verb: Verb) -> Verb:
    """The same verb, which changes nothing while a next generation starts: that would not know of it."""
    if verb.role is Role.READ or verb.name in ("upgrade", "shutdown"):
        return verb

    @wraps(verb.run)
    def run(call: Call, **arguments: Any) -> Result | Deferred[Result]:
        if call.balancer.upgrading:
            raise Refused("an upgrade is under way: say it again in a moment")
        return verb.run(call, **arguments)

    return replace(verb, run=run)


def _failed(failure: Failure) -> None:
    """Nobody waits: it is in the log and among the events by now."""
    if not failure.check(Refused):
        log.failure("the upgrade failed", failure)


VERBS = (
    Verb(
        "upgrade",
        upgrade,
        "Starts the program anew, which takes over without a gap; connections drain.",
        Role.OPERATE,
        (
            Parameter("wait", Kind.FLAG, "return when it has taken over, or has failed to", option=True),
            DRY_RUN,
            LOGGED_REASON,
        ),
    ),
)
