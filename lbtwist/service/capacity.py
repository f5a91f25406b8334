"""How many clients the descriptors of the process are enough for."""

from __future__ import annotations

from typing import NamedTuple

from lbtwist.model.config import Config
from lbtwist.net.budget import UNLIMITED
from lbtwist.net.pipes import LIMIT

EACH = 2
"""Descriptors of one client, its connection and that to its server; and of a pipe, its two ends."""
PER_PIPE = 32
"""Descriptors of the process for each pipe that it may have."""
RESERVE = 64
"""For the process itself: logs, files that are read, name servers, sources."""


class Capacity(NamedTuple):
    """What is allowed, and why no more."""

    clients: int
    room: int
    """Descriptors for clients and servers, idle connections among them."""
    reason: str


def capacity(config: Config, descriptors: int) -> Capacity:
    """What `config` allows with so many descriptors (0: nobody has looked, and there is no limit).

    Below the reserve there is room for one client, so that whoever starts it sees it work.
    """
    wanted = config.load_balancer.max_connections
    room = max(EACH, descriptors - reserve(config, descriptors)) if descriptors else UNLIMITED
    clients = room // EACH
    if wanted and wanted <= clients:
        return Capacity(wanted, room, f"load_balancer.max_connections is {wanted}")
    return Capacity(clients, room, f"the limit of open descriptors is {descriptors}")


def reserve(config: Config, descriptors: int) -> int:
    """Descriptors that no client gets, at most half of all: with them console, status page and health
    checks work when clients have taken all the others."""
    sessions = config.console.max_sessions if config.console else 0
    checked = [len(group.servers) for group in config.server_groups.values() if group.health_check]
    ours = RESERVE + len(config.listeners) + sessions + sum(checked) + EACH * pipe_limit(config, descriptors)
    return min(ours, descriptors // 2)


def pipe_limit(config: Config, descriptors: int) -> int:
    """So many pipes for bulk data; none where `config` wants no splicing."""
    if not config.load_balancer.splice:
        return 0
    return min(LIMIT, descriptors // PER_PIPE) if descriptors else LIMIT
