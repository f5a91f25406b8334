"""Metrics of listeners."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.model.figures import CLASSES, Figures, ListenerFigures
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener
from lbtwist.status.families import Family, Kind, Reading

STATES = ("listening", "disabled", "closed")
"""Every state that a listener is shown in."""
LISTENER = ("listener",)

INFO = Family(
    "lbtwist_listener_info",
    Kind.GAUGE,
    "Always 1: where it listens, and for whom.",
    (*LISTENER, "endpoint", "protocol", "group"),
)
STATE = Family(
    "lbtwist_listener_state",
    Kind.GAUGE,
    "1 for the state that it is in, 0 for the others.",
    (*LISTENER, "state"),
)
CLIENTS = Family(
    "lbtwist_listener_clients", Kind.GAUGE, "Connections of clients, with a request or without.", LISTENER
)
CURRENT = Family(
    "lbtwist_listener_current_connections", Kind.GAUGE, "Live connections, or requests.", LISTENER
)
TOTAL = Family(
    "lbtwist_listener_connections_total",
    Kind.COUNTER,
    "Connections, or requests, that there ever were.",
    LISTENER,
)
REFUSED = Family(
    "lbtwist_listener_refused_connections_total",
    Kind.COUNTER,
    "Connections, or requests, that were turned away or got no server.",
    LISTENER,
)
TURNED_AWAY = Family(
    "lbtwist_listener_turned_away_connections_total",
    Kind.COUNTER,
    "Connections that were turned away at the entrance, by the reason.",
    (*LISTENER, "reason"),
)
RECEIVED = Family("lbtwist_listener_received_bytes_total", Kind.COUNTER, "Bytes from clients.", LISTENER)
SENT = Family("lbtwist_listener_sent_bytes_total", Kind.COUNTER, "Bytes to clients.", LISTENER)
RESPONSES = Family(
    "lbtwist_listener_responses_total",
    Kind.COUNTER,
    "http: final responses that clients were sent, by class.",
    (*LISTENER, "code"),
)

FAMILIES = (INFO, STATE, CLIENTS, CURRENT, TOTAL, REFUSED, TURNED_AWAY, RECEIVED, SENT, RESPONSES)


def readings(balancer: LoadBalancer, figures: Figures) -> Iterator[Reading]:
    """Of every listener that is configured."""
    for listener in list(balancer.listeners.values()):
        yield from _of_listener(balancer, figures, listener)


def _of_listener(balancer: LoadBalancer, figures: Figures, listener: Listener) -> Iterator[Reading]:
    name, settings, state = listener.name, listener.settings, listener.state
    tally = balancer.plane.tally(listener.scope)
    counted = figures.listeners.get(listener.number, ListenerFigures())
    yield INFO.of(1, name, listener.address, settings.protocol, settings.server_group)
    yield from (STATE.of(state == each, name, each) for each in STATES)
    yield CLIENTS.of(counted.clients, name)
    yield CURRENT.of(tally.live, name)
    yield TOTAL.of(tally.total, name)
    yield REFUSED.of(tally.failed, name)
    yield from (TURNED_AWAY.of(n, name, reason) for reason, n in counted.refused.items())
    yield RECEIVED.of(tally.received, name)
    yield SENT.of(tally.sent, name)
    if settings.speaks_http:
        for code, count in zip(CLASSES, counted.responses, strict=True):
            yield RESPONSES.of(count, name, code)
