"""What a load balancer has at this moment of what is kept over a restart (rule 67)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lbtwist.model.address import Address
from lbtwist.model.drain import Because
from lbtwist.model.drain import State as Outcome
from lbtwist.model.members import Wanted
from lbtwist.model.merge import wanted_of
from lbtwist.model.receipt import Receipt
from lbtwist.model.registration import Admin, Registration
from lbtwist.model.state.document import State
from lbtwist.model.state.intent import Intent
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.state.settings import settings_of


def snapshot(balancer: LoadBalancer) -> State:
    """What operators want, over what the file and the sources say, and the drains that run."""
    later = balancer.wall() - balancer.clock.seconds()
    by_group = {name: tuple(_intents(each, later)) for name, each in balancer.groups.items()}
    return State(
        {name: intents for name, intents in by_group.items() if intents},
        tuple(settings_of(balancer.parts, balancer.live.changes)),
        tuple(_interrupted(balancer, running) for running in balancer.drains),
        {name: each.because for name, each in balancer.listeners.items() if each.disabled},
    )


def _intents(group: ServerGroup, later: float) -> Iterator[Intent]:
    """`later` is the wall clock less the monotonic one."""
    if group.retired:
        return
    said = dict(group.said)
    hosts = {}
    for named in group.named.placed():
        if named.address is not None:
            said[named.address] = named.wanted
            hosts[named.address] = str(named.host)
    done, told = group.recollection.done, set()
    for registration in group.members:
        if registration.registered:
            told.add(registration.address)
            if (base := said.get(registration.address)) is None or _differs(registration, base):
                yield _intent(registration, base, later, done, hosts.get(registration.address, ""))
    for intent in group.recollection:
        if intent.address not in told:
            told.add(intent.address)
            yield intent._replace(until=None if intent.until is None else _instant(intent.until + later))
    for address in said.keys() - told:
        yield Intent(
            address,
            said[address],
            None,
            because=done.get(address, Because("")),
            host=hosts.get(address, ""),
        )


def _differs(registration: Registration, said: Wanted) -> bool:
    return wanted_of(registration) != said or registration.admin is not Admin.READY


def _intent(
    registration: Registration, said: Wanted | None, later: float, done: dict[Address, Because], host: str
) -> Intent:
    ready = registration.admin is Admin.READY
    return Intent(
        registration.address,
        said,
        wanted_of(registration),
        registration.admin,
        None if registration.until is None else _instant(registration.until + later),
        done.get(registration.address, Because("")) if ready else registration.because,
        host,
    )


def _interrupted(balancer: LoadBalancer, running: RunningDrain) -> Receipt:
    """What it would leave, were it interrupted now."""
    receipt = running.drain.receipt(balancer.plane.tally(running.drain.scope), balancer.clock.seconds())
    return replace(receipt, outcome=Outcome.INTERRUPTED.value)


def _instant(seconds: float) -> float:
    return round(max(0.0, seconds), 3)
