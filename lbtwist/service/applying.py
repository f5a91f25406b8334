"""A configuration applied to what runs, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator

from lbtwist.model.config import Config, GroupSettings
from lbtwist.model.config.changes import KeyPath
from lbtwist.model.difference import Difference
from lbtwist.model.drain import Because
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin
from lbtwist.service.applicable import check_applicable
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.last_word import said_before, spoken_of, take_back
from lbtwist.service.rebinding import apply_listeners, open_listeners


async def apply(
    balancer: LoadBalancer, difference: Difference, because: Because, spoken: Collection[KeyPath]
) -> list[str]:
    """Apply the `difference` between a configuration and the settings in force.

    Servers that verbs added, removed or weighed stay as they are, where nothing else is said of them
    than before, but for the keys that are `spoken` of. Returns what was changed, a line each.
    Raises ConfigurationError, with nothing changed, when an endpoint can't be opened or a key can't be
    changed while running.
    """
    old, new = balancer.config, difference.config
    tls = check_applicable(balancer, difference)
    opened = await open_listeners(balancer, new, tls)
    balancer.name = new.load_balancer.name
    balancer.follow_limits(new)
    done = list(_apply_groups(balancer, difference, because, spoken))
    done += await apply_listeners(balancer, new, opened, tls, because)
    done += _retire_groups(balancer, old, new, because)
    if new.load_balancer != old.load_balancer:
        done.append("load_balancer changed")
    balancer.config = new
    return done


def _apply_groups(
    balancer: LoadBalancer, new: Difference, because: Because, spoken: Collection[KeyPath]
) -> Iterator[str]:
    old = balancer.config.server_groups
    for name, settings in new.config.server_groups.items():
        group = balancer.groups.get(name)
        if group is None:
            balancer.add_group(name, settings)
            yield f"server group {name} added"
            continue
        of_servers = spoken_of(name, spoken)
        if name in new.groups:
            said = said_before(group, group.said, of_servers) if name in old else {}
            yield from _apply_group(group, said, new, because, of_servers)
        elif of_servers and settings.discovery is None:
            said = said_before(group, group.said, of_servers)
            yield from _follow_servers(group, said, settings, because, of_servers)
        if name not in new.groups and group.renew():
            yield f"server group {name} has other certificates"


def _apply_group(
    group: ServerGroup, said: Servers, new: Difference, because: Because, spoken: Collection[KeyPath]
) -> Iterator[str]:
    settings = new.groups[group.name]
    group.reconfigure(settings, new.servers[group.name], publish=False)
    yield f"server group {group.name} changed"
    if settings.discovery or not (yield from _follow_servers(group, said, settings, because, spoken)):
        group.publish()


def _follow_servers(
    group: ServerGroup, said: Servers, new: GroupSettings, because: Because, spoken: Collection[KeyPath]
) -> Generator[str, None, bool]:
    """Whether that was published."""
    if merged := said != group.said:
        yield from group.merge(said, group.said, because, Origin.FILE)
    if spoken:
        take_back(group, new, spoken)
    return merged


def _retire_groups(balancer: LoadBalancer, old: Config, new: Config, because: Because) -> list[str]:
    """Groups that the file names no more: their servers leave by the rules."""
    gone = [balancer.groups[name] for name in old.server_groups if name not in new.server_groups]
    for group in gone:
        balancer.retire_group(group, because)
    return [f"server group {group.name} removed" for group in gone]
