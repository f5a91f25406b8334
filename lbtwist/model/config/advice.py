"""What is allowed and yet is hardly meant."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.model.config.group import GroupSettings
from lbtwist.model.config.schema import Config, ListenerSettings
from lbtwist.model.config.words import dotted
from lbtwist.model.duration import plain_number
from lbtwist.model.listener_tls import ClientAuth


def warnings(config: Config) -> list[str]:
    """What an operator should know about a valid configuration, each naming its key."""
    return [*_of_listeners(config), *_of_groups(config)]


def _of_listeners(config: Config) -> Iterator[str]:
    if not config.listeners:
        yield "listeners: there is none, so no client can connect"
    for name, listener in config.listeners.items():
        where = dotted(("listeners", name))
        yield from _of_rules(where, listener)
        yield from _of_clients(where, listener)
        if listener.speaks_http:
            for group in listener.groups:
                yield from _of_requests(where, listener, group, config.server_groups[group])


def _of_clients(where: str, listener: ListenerSettings) -> Iterator[str]:
    if listener.client_ca is not None and listener.client_auth is ClientAuth.NONE:
        yield f'{where}.client_ca: is not used: client_auth is "none"'
    for whose in ("per_client", "total"):
        if getattr(listener.rate, f"{whose}_burst") and not getattr(listener.rate, whose):
            yield f"{where}.rate.{whose}_burst: is not used: {whose} is 0, which is no limit"


def _of_rules(where: str, listener: ListenerSettings) -> Iterator[str]:
    last = next((index for index, rule in enumerate(listener.rules) if rule.matches_all), None)
    if last is not None:
        for index in range(last + 1, len(listener.rules)):
            what = "request" if listener.speaks_http else "connection"
            yield f"{where}.rules[{index}]: is never reached: rules[{last}] matches every {what}"


def _of_requests(where: str, listener: ListenerSettings, name: str, group: GroupSettings) -> Iterator[str]:
    """Requests that a drain cuts though they have time left (rule 43)."""
    timeout, request = group.connection_draining.timeout, listener.request_timeout
    if timeout > request:
        return
    lengths = (
        f"{plain_number(timeout)} s is not longer than {where}.request_timeout ({plain_number(request)} s)"
    )
    what = (
        "a request that may still be answered in time is cut when its server is removed"
        if timeout
        else "draining is off, and every request in flight is cut at once when its server is removed"
    )
    yield f"{dotted(('server_groups', name))}.connection_draining.timeout: {lengths}: {what}"


def _of_groups(config: Config) -> Iterator[str]:
    used = {group for listener in config.listeners.values() for group in listener.groups}
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
    if group.tls and not group.tls_verify:
        yield "tls_verify: is false, so anybody between here and a server may pass for it"
    if group.max_queue and not any(server.max_connections for server in group.servers.values()):
        yield "max_queue: no server has max_connections, so none is ever full and nothing waits"


def _without_servers(group: GroupSettings) -> str:
    if not group.servers:
        return "there is none, so every connection is closed at once"
    if not any(server.weight for server in group.servers.values()):
        return "each has weight 0, so every connection is closed at once"
    return ""
