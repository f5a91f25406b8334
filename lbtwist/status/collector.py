"""Every metric there is, and what it reads now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lbtwist.service.balancer import LoadBalancer
from lbtwist.status import (
    capacity_metrics,
    drain_metrics,
    group_metrics,
    listener_metrics,
    server_metrics,
    whole_metrics,
)
from lbtwist.status.families import Family, Reading

_ROOMS = (
    whole_metrics,
    capacity_metrics,
    listener_metrics,
    group_metrics,
    server_metrics,
    drain_metrics,
)
FAMILIES: tuple[Family, ...] = tuple(family for room in _ROOMS for family in room.FAMILIES)
"""In the order in which they are shown."""


def readings(balancer: LoadBalancer, unready: Callable[[], str]) -> Iterator[Reading]:
    """All series, whose values are read as they are asked for; those of servers that are gone are none."""
    figures = balancer.plane.figures()
    yield from whole_metrics.readings(balancer, unready)
    yield from capacity_metrics.readings(balancer)
    yield from listener_metrics.readings(balancer, figures)
    yield from group_metrics.readings(balancer, figures)
    yield from server_metrics.readings(balancer, figures)
    yield from drain_metrics.readings(balancer)
