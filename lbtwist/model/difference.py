"""What one configuration says of server groups that another does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.config import Config, GroupSettings
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers


class Difference(NamedTuple):
    """A configuration, and what is other in it than in the one before."""

    config: Config
    groups: Mapping[str, GroupSettings]
    """Those that are new, or have other settings."""
    servers: Mapping[str, Servers]
    """The servers of these that have an address."""


def difference(old: Config, new: Config, said: Mapping[str, Servers] | None = None) -> Difference:
    """All are only read, so that this may be asked in any thread: thousands of servers take a while.

    What was `said` of a group's servers before is told with the same objects where it is the same, which
    are compared faster.
    """
    groups = {
        name: settings
        for name, settings in new.server_groups.items()
        if settings != old.server_groups.get(name)
    }
    servers = {
        name: _shared(servers_of(settings), (said or {}).get(name, {})) for name, settings in groups.items()
    }
    return Difference(new, groups, servers)


def servers_of(settings: GroupSettings) -> dict[Address, Wanted]:
    """The servers that a group's settings name by an address."""
    return {
        server.address: Wanted(name, server.weight, server.max_connections, server.backup, server.zone)
        for name, server in settings.servers.items()
        if isinstance(server.address, Address)
    }


def _shared(servers: Servers, known: Servers) -> Servers:
    addresses = {address: address for address in known}
    return {addresses.get(address, address): wanted for address, wanted in servers.items()}
