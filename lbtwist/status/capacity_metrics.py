"""Metrics of what the process has room for, and of what it could not keep."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.service.balancer import LoadBalancer
from lbtwist.status.families import Family, Kind, Reading

CLIENTS = Family("lbtwist_clients", Kind.GAUGE, "Connections of clients to all listeners.")
LIMIT = Family(
    "lbtwist_clients_limit",
    Kind.GAUGE,
    "So many may be connected at once, by `load_balancer.max_connections` and the limit of open descriptors.",
)
FULL = Family(
    "lbtwist_clients_full",
    Kind.GAUGE,
    "1 while nothing accepts because so many are connected: others wait in the backlog.",
)
DROPPED = Family(
    "lbtwist_access_log_dropped_lines_total",
    Kind.COUNTER,
    "Lines of the access log that were never written: the disk was full, slow or gone.",
)

FAMILIES = (CLIENTS, LIMIT, FULL, DROPPED)


def readings(balancer: LoadBalancer) -> Iterator[Reading]:
    budget = balancer.budget
    yield CLIENTS.of(budget.clients)
    yield LIMIT.of(budget.limit)
    yield FULL.of(budget.full)
    yield DROPPED.of(balancer.dropped_lines())
