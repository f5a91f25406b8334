"""The servers of a group as one who asks would be offered them now: what `route` tells of every protocol."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from lbtwist.errors import UsageError
from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.model.registration import Registration
from lbtwist.model.shown import shown
from lbtwist.net.plane import PREVIEWED
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.service.verbs import rows


class Asker(NamedTuple):
    """Who asks."""

    client: str
    """Its IP address; empty for any."""
    cookie: bytes
    """What its persistence cookie says."""


class Choice(NamedTuple):
    """The servers of a group, as one who asks would be offered them now."""

    group: ServerGroup
    order: tuple[Registration, ...]
    tied: Registration | None

    @property
    def waits(self) -> bool:
        """None is offered now, and it may wait for one."""
        full = not self.order and bool(self.group.choice.registrations)
        return full and self.group.settings.max_queue > 0

    @property
    def reason(self) -> str:
        """Why none is offered; empty where one is."""
        if self.order:
            return ""
        if not self.group.choice.registrations:
            return "no server may take new connections"
        return "every server is full: it waits" if self.waits else "every server is full"


def choice_of(balancer: LoadBalancer, group: ServerGroup, asker: Asker) -> Choice:
    """What `asker` would be offered of `group`."""
    seats = balancer.plane.preview(group.name, asker.client, asker.cookie)
    order = tuple(found for seat in seats if (found := group.members.seated(seat)))
    tied = balancer.plane.tied(group.name, asker.client, asker.cookie)
    return Choice(group, order, group.members.seated(tied) if tied is not None else None)


def server_rows(balancer: LoadBalancer, choice: Choice) -> Iterable[rows.Row]:
    """Those that are in the order, by their places, and then each other one of the group."""
    places = {registration: place for place, registration in enumerate(choice.order, 1)}
    for registration in [*choice.order, *(r for r in choice.group.members if r not in places)]:
        yield _server(balancer, choice, registration, places.get(registration))
    for server in choice.group.named.unresolved():
        row = rows.unresolved_row(choice.group, server)
        told = {name: row[name] for name in ("server", "address", "state", "reason")}
        yield {"first": " ", "place": None, **told, "first_no": "name"}


def _server(
    balancer: LoadBalancer, choice: Choice, registration: Registration, place: int | None
) -> rows.Row:
    group = choice.group
    live = balancer.plane.tally(registration.scope).live
    conditions = group.members.conditions(registration, live, group.choice)
    no = next((condition for condition in conditions if not condition.holds), None)
    otherwise = registration.reason if place else _passed_over(registration, choice)
    return {
        "first": "→" if place == 1 else " ",
        "place": place,
        "server": registration.label,
        "address": str(registration.address),
        "state": registration.state,
        "reason": no.reason if no else otherwise,
        "first_no": no.name if no else None,
    }


def _passed_over(registration: Registration, choice: Choice) -> str:
    """Why it is not in the order though nothing says no: connections on their way to it count, too."""
    return "full" if registration.max_connections and len(choice.order) < PREVIEWED else "later"


def address_of(client: str) -> str:
    """An IP address as the scheduler gets it."""
    if not client:
        return ""
    for parse in (parse_ipv4, parse_ipv6):
        with suppress(ValueError):
            return parse(client)
    raise UsageError(f"--client: {shown(client)} is not an IP address, as 192.0.2.1 or 2001:db8::1")
