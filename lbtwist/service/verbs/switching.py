"""The verbs that have a listener accept, or not."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.model.drain import Because
from lbtwist.service import switching
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import LOGGED_REASON, REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def enable(call: Call, listener: str, dry_run: bool = False, reason: str = "") -> Result | Deferred[Result]:
    """It accepts again."""
    balancer: LoadBalancer = call.balancer
    switching.find(balancer, listener, disabled=False)
    if dry_run:
        return _told(balancer, listener)
    return switching.enable(balancer, listener).addCallback(lambda _: _told(balancer, listener))


def disable(call: Call, listener: str, dry_run: bool = False, reason: str = "") -> Result | Deferred[Result]:
    """It accepts nothing new, and its connections drain (rule 72)."""
    balancer: LoadBalancer = call.balancer
    switching.find(balancer, listener, disabled=True)
    if dry_run:
        return _told(balancer, listener)
    because = Because(call.caller.name, reason)
    return switching.disable(balancer, listener, because).addCallback(lambda _: _told(balancer, listener))


def _told(balancer: LoadBalancer, name: str) -> Result:
    return Result([rows.listener_row(balancer, balancer.listeners[name])], columns=rows.LISTENER_COLUMNS)


_LISTENER = Parameter("listener", Kind.LISTENER, required=True)

VERBS = (
    Verb("enable", enable, "Has a listener accept again.", Role.OPERATE, (_LISTENER, DRY_RUN, LOGGED_REASON)),
    Verb(
        "disable",
        disable,
        "Has a listener accept nothing; its connections drain, and it stays known.",
        Role.OPERATE,
        (_LISTENER, DRY_RUN, REASON),
    ),
)
