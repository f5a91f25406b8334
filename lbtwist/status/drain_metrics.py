"""Metrics of drains: of each that runs, and of all that have ended."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.running_drain import RunningDrain
from lbtwist.status.families import Family, Kind, Reading

DRAIN = ("subject", "number")

INFO = Family(
    "lbtwist_drain_info",
    Kind.GAUGE,
    "Always 1: why it drains, and whether it is being cut.",
    (*DRAIN, "cause", "state"),
)
CURRENT = Family("lbtwist_drain_current_connections", Kind.GAUGE, "Connections that are left.", DRAIN)
AT_START = Family("lbtwist_drain_start_connections", Kind.GAUGE, "Connections at the start.", DRAIN)
FINISHED = Family(
    "lbtwist_drain_finished_connections", Kind.GAUGE, "Of those, the ones that ended by themselves.", DRAIN
)
CUT = Family("lbtwist_drain_cut_connections", Kind.GAUGE, "Of those, the ones that were cut.", DRAIN)
START = Family(
    "lbtwist_drain_start_timestamp_seconds", Kind.GAUGE, "When it began, in seconds since 1970.", DRAIN
)
DEADLINE = Family(
    "lbtwist_drain_deadline_timestamp_seconds",
    Kind.GAUGE,
    "When the rest is cut, in seconds since 1970; +Inf without a deadline.",
    DRAIN,
)
ENDED = Family(
    "lbtwist_drains_total",
    Kind.COUNTER,
    "Drains that have ended, by cause and outcome of their receipts.",
    ("cause", "outcome"),
)
DRAINED = Family(
    "lbtwist_drained_connections_total",
    Kind.COUNTER,
    "Connections of drains that have ended: finished by themselves, cut, or kept.",
    ("result",),
)

FAMILIES = (INFO, CURRENT, AT_START, FINISHED, CUT, START, DEADLINE, ENDED, DRAINED)


def readings(balancer: LoadBalancer) -> Iterator[Reading]:
    """Of the drains that run, and then in sum of those that have ended."""
    for running in balancer.drains:
        yield from _of_drain(balancer, running)
    totals = balancer.drains.totals
    for (cause, outcome), count in list(totals.drains.items()):
        yield ENDED.of(count, cause, outcome)
    for result in ("finished", "cut", "kept"):
        yield DRAINED.of(totals.connections[result], result)


def _of_drain(balancer: LoadBalancer, running: RunningDrain) -> Iterator[Reading]:
    drain = running.drain
    which = (drain.subject, ",".join(map(str, drain.scope.numbers[:1])))
    now = drain.receipt(balancer.plane.tally(drain.scope), balancer.clock.seconds())
    yield INFO.of(1, *which, drain.cause.word, drain.state.value)
    yield CURRENT.of(now.kept, *which)
    yield AT_START.of(drain.before.live, *which)
    yield FINISHED.of(now.finished, *which)
    yield CUT.of(now.cut, *which)
    yield START.of(now.start, *which)
    yield DEADLINE.of(now.deadline, *which)
