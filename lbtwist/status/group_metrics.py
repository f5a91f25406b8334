"""Metrics of server groups, and the distributions of what their servers took."""

from __future__ import annotations

from collections.abc import Iterator

from lbtwist.model.figures import CLASSES, Figures, GroupFigures
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.group import ServerGroup
from lbtwist.status.families import Family, Kind, Reading

GROUP = ("group",)

SERVERS = Family("lbtwist_group_servers", Kind.GAUGE, "Registered servers.", GROUP)
AVAILABLE = Family(
    "lbtwist_group_available_servers",
    Kind.GAUGE,
    "Servers that may take new connections by the rules.",
    GROUP,
)
DRAINING = Family("lbtwist_group_draining_servers", Kind.GAUGE, "Servers with a drain that runs.", GROUP)
UNRESOLVED = Family(
    "lbtwist_group_unresolved_servers",
    Kind.GAUGE,
    "Servers given by name that have never had an address.",
    GROUP,
)
FAIL_OPEN = Family(
    "lbtwist_group_fail_open",
    Kind.GAUGE,
    "1 while servers are used though none may be by the rules (rule 29).",
    GROUP,
)
QUEUE = Family("lbtwist_group_queue_length", Kind.GAUGE, "Clients that wait for a server with room.", GROUP)
NO_SERVER = Family(
    "lbtwist_group_no_server_total",
    Kind.COUNTER,
    "Connections, or requests, that got no server.",
    GROUP,
)
RETRIES = Family(
    "lbtwist_group_retries_total", Kind.COUNTER, "Further servers that were tried after a failure.", GROUP
)
RESPONSES = Family(
    "lbtwist_group_responses_total",
    Kind.COUNTER,
    "http: final responses of its servers, by class.",
    (*GROUP, "code"),
)
CONNECT = Family(
    "lbtwist_group_connect_duration_seconds",
    Kind.HISTOGRAM,
    "From the connect to the connection, where it was made.",
    GROUP,
)
HEADER = Family(
    "lbtwist_group_response_header_duration_seconds",
    Kind.HISTOGRAM,
    "http: from the last byte of the request sent to the whole head of the final response.",
    GROUP,
)
RESPONSE = Family(
    "lbtwist_group_response_duration_seconds",
    Kind.HISTOGRAM,
    "http: from the last byte of the request sent to the last byte of the response.",
    GROUP,
)

FAMILIES = (
    SERVERS,
    AVAILABLE,
    DRAINING,
    UNRESOLVED,
    FAIL_OPEN,
    QUEUE,
    NO_SERVER,
    RETRIES,
    RESPONSES,
    CONNECT,
    HEADER,
    RESPONSE,
)


def readings(balancer: LoadBalancer, figures: Figures) -> Iterator[Reading]:
    """Of every group, those that are being removed included."""
    for group in list(balancer.groups.values()):
        counted = figures.groups.get(group.name, GroupFigures())
        yield from _of_members(group)
        yield from _of_traffic(group, counted)
        if group.settings.protocol == "http":
            yield from _of_requests(group, counted)


def _of_members(group: ServerGroup) -> Iterator[Reading]:
    members = list(group.members)
    yield SERVERS.of(group.members.registered, group.name)
    yield AVAILABLE.of(sum(registration.takes_new for registration in members), group.name)
    yield DRAINING.of(sum(registration.drain is not None for registration in members), group.name)
    yield UNRESOLVED.of(len(group.named.unresolved()), group.name)
    yield FAIL_OPEN.of(group.choice.fail_open, group.name)


def _of_traffic(group: ServerGroup, counted: GroupFigures) -> Iterator[Reading]:
    yield QUEUE.of(counted.queue, group.name)
    yield NO_SERVER.of(counted.no_server, group.name)
    yield RETRIES.of(counted.retries, group.name)
    yield CONNECT.of(counted.connect, group.name)


def _of_requests(group: ServerGroup, counted: GroupFigures) -> Iterator[Reading]:
    for code, count in zip(CLASSES, counted.responses, strict=True):
        yield RESPONSES.of(count, group.name, code)
    yield HEADER.of(counted.header, group.name)
    yield RESPONSE.of(counted.response, group.name)
