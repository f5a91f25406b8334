"""Metrics of servers: one set of series for each registration, until it is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lbtwist.model.figures import Figures
from lbtwist.model.registration import Membership, Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.status.families import Family, Kind, Reading

STATES = ("healthy", "unhealthy", "initial", "draining", "unhealthy.draining", "drained", "maintenance")
"""Every state that a registration is shown in."""
SERVER = ("group", "server", "registration")

INFO = Family(
    "lbtwist_server_info", Kind.GAUGE, "Always 1: where the server is.", (*SERVER, "address", "zone")
)
STATE = Family(
    "lbtwist_server_state", Kind.GAUGE, "1 for the state that it is in, 0 for the others.", (*SERVER, "state")
)
AVAILABLE = Family("lbtwist_server_available", Kind.GAUGE, "1 while it gets new connections.", SERVER)
WEIGHT = Family("lbtwist_server_weight", Kind.GAUGE, "Its weight.", SERVER)
CURRENT = Family("lbtwist_server_current_connections", Kind.GAUGE, "Live connections, or requests.", SERVER)
TOTAL = Family(
    "lbtwist_server_connections_total",
    Kind.COUNTER,
    "Connections, or requests, that it was ever given.",
    SERVER,
)
CUT = Family(
    "lbtwist_server_cut_connections_total", Kind.COUNTER, "Of those, the ones that were cut.", SERVER
)
RECEIVED = Family("lbtwist_server_received_bytes_total", Kind.COUNTER, "Bytes from clients.", SERVER)
SENT = Family("lbtwist_server_sent_bytes_total", Kind.COUNTER, "Bytes to clients.", SERVER)
FAILURES = Family(
    "lbtwist_server_failures_total",
    Kind.COUNTER,
    "Connections to it that failed.",
    (*SERVER, "reason"),
)
CHECK_PASSED = Family(
    "lbtwist_server_check_passed", Kind.GAUGE, "1 if its last health check passed, else 0.", SERVER
)
CHECK_SECONDS = Family(
    "lbtwist_server_check_duration_seconds", Kind.GAUGE, "How long its last health check took.", SERVER
)

FAMILIES = (
    INFO,
    STATE,
    AVAILABLE,
    WEIGHT,
    CURRENT,
    TOTAL,
    CUT,
    RECEIVED,
    SENT,
    FAILURES,
    CHECK_PASSED,
    CHECK_SECONDS,
)


def readings(balancer: LoadBalancer, figures: Figures) -> Iterator[Reading]:
    """Of every registration; one that goes while this is read is left out."""
    for group in list(balancer.groups.values()):
        taking = frozenset(group.choice.registrations)
        for registration in list(group.members):
            if registration.membership is not Membership.GONE:
                yield from _of_server(balancer, figures, registration, registration in taking)


def _of_server(
    balancer: LoadBalancer, figures: Figures, registration: Registration, available: bool
) -> Iterator[Reading]:
    server = (registration.group, registration.name, str(registration.number))
    tally = balancer.plane.tally(registration.scope) + registration.past
    state = registration.state
    yield INFO.of(1, *server, str(registration.address), registration.zone)
    yield from (STATE.of(state == each, *server, each) for each in STATES)
    yield AVAILABLE.of(available, *server)
    yield WEIGHT.of(registration.weight, *server)
    yield CURRENT.of(tally.live, *server)
    yield TOTAL.of(tally.total, *server)
    yield CUT.of(tally.cut, *server)
    yield RECEIVED.of(tally.received, *server)
    yield SENT.of(tally.sent, *server)
    yield from (FAILURES.of(n, *server, reason) for reason, n in _failures(figures, registration).items())
    if (record := registration.record) is not None and (last := record.last) is not None:
        yield CHECK_PASSED.of(last.well, *server)
        yield CHECK_SECONDS.of(last.seconds, *server)


def _failures(figures: Figures, registration: Registration) -> Counter[str]:
    """By the reason, on every seat that it has and had."""
    failures = Counter(registration.past_failures)
    for seat in registration.seats:
        failures.update(figures.failures.get(seat, {}))
    return failures
