"""Settings that say what runs already: nothing is done to servers, listeners and connections."""

from __future__ import annotations

from lbtwist.model.config import Config
from lbtwist.model.merge import Servers, wanted_of
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup


def settle(balancer: LoadBalancer, config: Config) -> None:
    """Have these settings in force, which differ from those before by what verbs did to servers."""
    for name, settings in config.server_groups.items():
        group = balancer.groups.get(name)
        if group is not None and settings != group.settings and not group.retired:
            before = _members(group)
            group.reconfigure(settings)
            now = _members(group)
            group.amend({a: wanted for a, wanted in before.items() if now.get(a) != wanted})
    balancer.config = config


def _members(group: ServerGroup) -> Servers:
    return {r.address: wanted_of(r) for r in group.members if r.registered}
