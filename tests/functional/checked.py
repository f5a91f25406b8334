"""Groups whose servers are checked, and what the log tells of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from tests.functional.balancer import Balancer
from tests.functional.peers import Server
from tests.functional.real_servers import ServerProcess
from tests.functional.waiting import eventually


def named(servers: Iterable[ServerProcess | Server]) -> dict[str, str]:
    """What a configuration says of them."""
    return {server.name: str(server) for server in servers}


def health_check(
    keys: str, group: str = "app", healthy_threshold: int = 1, unhealthy_threshold: int = 1
) -> str:
    """A group's table of its checks, which find out as soon as the schema allows; to be given last of all
    keys of the group."""
    return f"""
[server_groups.{group}.health_check]
interval = 1
timeout = 0.5
healthy_threshold = {healthy_threshold}
unhealthy_threshold = {unhealthy_threshold}
{keys}
"""


def becomes(lb: Balancer, servers: str | Sequence[str], health: str, seconds: float = 10.0) -> float:
    """Wait until each of them (`app/ecs01`) is `failing`, or `passing`; returns when it was seen."""
    for server in [servers] if isinstance(servers, str) else servers:
        told = re.compile(rf"{re.escape(server)}#\d+ is (failing|passing):")
        eventually(
            lambda: told.findall(lb.log)[-1:] == [health],  # noqa: B023
            seconds,
            lambda: f"{server} {health} in:\n{lb.log}",  # noqa: B023
        )
    return time.monotonic()
