"""All that a load balancer hands on to the next generation, as plain values (rule 75)."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence

from lbtwist.model.drain import Drain, State
from lbtwist.model.generations import (
    HandedCause,
    HandedDrain,
    HandedGeneration,
    HandedListener,
    HandedServer,
    Handover,
)
from lbtwist.model.plane import ScopeKind
from lbtwist.model.registration import Registration
from lbtwist.model.state.receipts import receipt_line
from lbtwist.net.generations import Generations
from lbtwist.net.mirror import Mirror
from lbtwist.net.reporting import Reporting
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.listener import Listener
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.upgrade.inheritance import OLDER


def name_of(mirror: Mirror) -> str:
    """What the descriptor of its channel is called."""
    return f"{OLDER}{mirror.pid}"


def own_numbers(balancer: LoadBalancer, plane: Generations) -> tuple[list[int], list[int]]:
    """The registrations' seats and the listeners of the own data plane."""
    older = {number for mirror in plane.mirrors for number in mirror.numbers.values()}
    seats = {seat: None for each in balancer.registrations() for seat in each.seats}
    for running in balancer.drains:
        if running.drain.scope.kind is ScopeKind.REGISTRATION:
            seats |= dict.fromkeys(running.drain.scope.numbers)
    return [seat for seat in seats if seat not in older], [each.number for each in _listeners(balancer)]


def handover(balancer: LoadBalancer, plane: Generations, reporting: Reporting) -> Handover:
    """Everything at this moment. Channels of older generations are heard no more."""
    return Handover(
        servers=tuple(each for group in balancer.groups.values() for each in _servers(group)),
        listeners=tuple(_listeners(balancer)),
        drains=tuple(_drains(balancer)),
        older=tuple(_older(mirror) for mirror in plane.mirrors),
        report=reporting.whole(),
        past=plane.past.report(),
        totals=balancer.drains.totals.handed(),
        receipts=tuple(map(receipt_line, balancer.drains.receipts)),
    )


def _servers(group: ServerGroup) -> Iterator[HandedServer]:
    timeout = _finite(group.settings.connection_draining.timeout)
    for registration in group.members:
        yield HandedServer(
            registration.number,
            group.name,
            registration.name,
            str(registration.address),
            tuple(registration.seats),
            not registration.registered,
            registration.removed_by.value if registration.removed_by else "",
            tuple(sorted(registration.waits_for)),
            registration.past,
            dict(registration.past_failures),
            timeout,
        )


def _listeners(balancer: LoadBalancer) -> Iterator[HandedListener]:
    for listener in balancer.listeners.values():
        yield HandedListener(
            listener.number,
            listener.name,
            str(listener.settings.endpoint),
            listener.settings.protocol,
            listener.disabled,
            _finite(_timeout(balancer, listener)),
        )
    current = {listener.number for listener in balancer.listeners.values()}
    for running in balancer.drains:
        if running.drain.scope.kind is ScopeKind.LISTENER:
            yield from (HandedListener(n, "") for n in running.drain.scope.numbers if n not in current)


def _timeout(balancer: LoadBalancer, listener: Listener) -> float:
    """That of its group, the longest where its rules have others (rule 72)."""
    groups = (balancer.groups.get(name) for name in listener.settings.groups)
    return max((g.settings.connection_draining.timeout for g in groups if g), default=0.0)


def _drains(balancer: LoadBalancer) -> Iterator[HandedDrain]:
    now = balancer.clock.seconds()
    draining = [registration for registration in balancer.registrations() if registration.drain]
    for running in balancer.drains:
        if running.drain.scope.kind is not ScopeKind.ALL:
            yield _drain(running, draining, now)


def _drain(running: RunningDrain, registrations: Sequence[Registration], now: float) -> HandedDrain:
    drain: Drain = running.drain
    of_listener = drain.scope.kind is ScopeKind.LISTENER
    registration = next((r for r in registrations if r.drain is drain), None)
    return HandedDrain(
        drain.subject,
        "listener" if of_listener else "registration",
        drain.scope.numbers,
        registration.number if registration else None,
        tuple(HandedCause(cause, because.who, because.why) for cause, because in drain.causes.items()),
        now - drain.started,
        drain.started_at,
        _finite(drain.deadline - now),
        drain.before,
        drain.state is State.CUTTING,
        drain.resumes,
        running.spread,
    )


def _older(mirror: Mirror) -> HandedGeneration:
    return HandedGeneration(
        name_of(mirror),
        mirror.pid,
        {ours: theirs for theirs, ours in mirror.numbers.items()},
        dict(mirror.listeners),
        mirror.report(),
        b64encode(mirror.channel.pause()).decode(),
    )


def _finite(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds
