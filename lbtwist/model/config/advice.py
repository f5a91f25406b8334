"""What is allowed and yet is hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.model.config.group import GroupSettings
from lbtwist.model.config.schema import Config
from lbtwist.model.config.words import dotted
from lbtwist.model.duration import plain_number


def warnings(config: Config) -> list[str]:
    """What an operator should know about a valid configuration, each naming its key."""
    return [*_of_listeners(config), *_of_groups(config)]


def _of_listeners(config: Config) -> Iterator[str]:
    if not config.listeners:
        yield "listeners: there is none, so no client can connect"


def _of_groups(config: Config) -> Iterator[str]:
    used = {listener.server_group for listener in config.listeners.values()}
    for name, group in config.server_groups.items():
        where = dotted(("server_groups", name))
        if name not in used:
            yield f"{where}: no listener uses it"
        yield from (f"{where}.{warning}" for warning in _of_settings(group))
        if group.discovery is not None:
            continue
        if message := _without_servers(group):
            yield f"{where}.servers: {message}"
        elif (needed := group.min_healthy.needed(len(group.servers))) > len(group.servers):
            yield (
                f"{where}.min_healthy: {needed} is more than there are servers ({len(group.servers)}): "
                "none can be drained without force"
            )


def _of_settings(group: GroupSettings) -> Iterator[str]:
    draining = group.connection_draining
    if draining.spread > draining.timeout:
        yield (
            f"connection_draining.spread: {plain_number(draining.spread)} s is longer than timeout "
            f"({plain_number(draining.timeout)} s): a drain of that length begins to cut at once"
        )
    if group.max_queue and not any(server.max_connections for server in group.servers.values()):
        yield "max_queue: no server has max_connections, so none is ever full and nothing waits"


def _without_servers(group: GroupSettings) -> str:
    if not group.servers:
        return "there is none, so every connection is closed at once"
    if not any(server.weight for server in group.servers.values()):
        return "each has weight 0, so every connection is closed at once"
    return ""
