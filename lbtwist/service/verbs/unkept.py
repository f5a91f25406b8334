"""A verb that changes something tells where that is not kept over a restart (rule 67)."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import Any

from twisted.internet.defer import Deferred

from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs.verb import Call, Result, Role, Verb


def telling(verb: Verb) -> Verb:
    """The same verb; its result has the warning."""
    if verb.role is Role.READ:
        return verb

    @wraps(verb.run)
    def run(call: Call, **arguments: Any) -> Result | Deferred[Result]:
        done = verb.run(call, **arguments)
        if isinstance(done, Deferred):
            return done.addCallback(lambda result: _told(call.balancer, result))
        return _told(call.balancer, done)

    return replace(verb, run=run)


def _told(balancer: LoadBalancer, result: Result) -> Result:
    warning = balancer.unkept()
    return replace(result, warning=warning) if warning else result
