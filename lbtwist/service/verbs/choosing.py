"""From what an operator names to registrations: all of them found before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby

from lbtwist.errors import Refused, UsageError
from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.model.reference import parse_reference
from lbtwist.model.registration import Registration
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup

Found = tuple[ServerGroup, Registration]
InGroups = list[tuple[ServerGroup, list[Registration]]]


def find(balancer: LoadBalancer, servers: Sequence[str], host: str | None = None) -> list[Found]:
    """Every server named, each once, or every one at `host` in any group (rule 65).

    Raises UsageError where neither or both are given, Refused where one does not exist.
    """
    if bool(servers) == (host is not None):
        raise UsageError("name servers, or --host ADDRESS for all of that host")
    if host is not None:
        return _at_host(balancer, host)
    found = [balancer.find(parse_reference(server)) for server in servers]
    return list({registration.number: (group, registration) for group, registration in found}.values())


def in_groups(found: Sequence[Found], force: bool) -> InGroups:
    """The servers of each group; refused as a whole when one group would have too few left (rule 66)."""
    ordered = sorted(found, key=lambda each: each[0].name)
    groups = [
        (group, [registration for _, registration in members])
        for group, members in groupby(ordered, key=lambda each: each[0])
    ]
    if not force:
        for group, members in groups:
            group.check_min_healthy(members)
    return groups


def _at_host(balancer: LoadBalancer, host: str) -> list[Found]:
    canonical = _canonical(host)
    found = [
        (group, registration)
        for group in balancer.groups.values()
        for registration in group.members.at_host(canonical)
    ]
    if not found:
        raise Refused(f"no server is registered at {host}")
    return found


def _canonical(host: str) -> str:
    """An IP address as members have theirs; else the path of a Unix socket."""
    for parse in (parse_ipv4, parse_ipv6):
        with suppress(ValueError):
            return parse(host.removeprefix("[").removesuffix("]"))
    return host.removeprefix("unix:")
