"""The schema of a server group."""

from __future__ import annotations

from typing import Annotated

from lbtwist.model.config.discovery import DiscoverySettings
from lbtwist.model.config.draining import DrainingSettings
from lbtwist.model.config.health_check import HealthCheckSettings
from lbtwist.model.config.kind import boolean, member_of, one_of, one_of_or_plugin, seconds_or_zero, whole
from lbtwist.model.config.kind import seconds as duration
from lbtwist.model.config.kinds import LABEL, QUORUM, SERVER_NAME, TARGET
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.config.table import Table, key
from lbtwist.model.config.target import Target
from lbtwist.model.failopen import FailOpen
from lbtwist.model.schedule.built_in import BUILT_IN

PROTOCOL = one_of("tcp")


class ServerSettings(Table):
    """One server, where more than its address is said: `NAME = "address"` is short for `{ address }`."""

    address: Annotated[Target, TARGET] = key("Where it listens; the port may be left to the group.")
    weight: Annotated[int, whole(0, 100)] = key(
        "Its share of new connections, relative to the others. `0`: it gets none, and keeps those it has.",
        100,
    )
    max_connections: Annotated[int, whole(0)] = key(
        "Connections at once; with so many it is full, and others are used. `0`: no limit.", 0
    )
    backup: Annotated[bool, boolean()] = key(
        "It stands by: it is used while no other server of the group may take new connections.", False
    )
    zone: Annotated[str, LABEL] = key("A label: the zone it runs in.", "")


class PersistenceSettings(Table):
    """Whether a client comes to the same server again."""

    type: Annotated[str, one_of("none", "source_ip")] = key(
        "What a client is known by. `source_ip`: its address.", "none"
    )
    timeout: Annotated[float, duration(1, 86400)] = key(
        "A client that has made no new connection for so long may come to another server.", 1000.0
    )

    @property
    def seconds(self) -> float:
        """How long a client stays tied to its server; 0 where it is not."""
        return 0.0 if self.type == "none" else self.timeout


class GroupDefaults(Table):
    """What holds for every server group that does not say otherwise.

    Any key of it but `servers` and `discovery`.
    """

    protocol: Annotated[str, PROTOCOL] = key("What the servers speak.", "tcp", otherwise="its listener's")
    port: Annotated[int | None, whole(1, 65535)] = key(
        "For servers that are given without one.", None, otherwise="none"
    )
    scheduler: Annotated[str, one_of_or_plugin(*BUILT_IN)] = key(
        "How a server is chosen. `wrr`: in turn, by weight. `wlc`: by fewest connections for its weight. "
        "`source_hash`: by the client's address. `rr`, `lc`: as the first two, without weights. `maglev`: "
        "as `source_hash`, and few clients move when servers come and go. `random`: the better of two.",
        "wrr",
    )
    fail_open: Annotated[FailOpen, member_of(FailOpen)] = key(
        "Who is used when no server may take new connections (rule 29). `recovered`: those that pass their "
        "checks now and are only held back. `all`: also those that fail. `never`: none.",
        FailOpen.RECOVERED,
    )
    min_healthy: Annotated[Quorum, QUORUM] = key(
        "The verbs that take a server out refuse to leave fewer, unless forced (rule 66).", Quorum(1)
    )
    slow_start: Annotated[float, seconds_or_zero(30, 900)] = key(
        "A server that comes into rotation gets its whole share by and by, over so long. `0`: at once.", 0.0
    )
    max_queue: Annotated[int, whole(0, 100_000)] = key(
        "New connections that may wait while every server is full.", 0
    )
    queue_timeout: Annotated[float, duration(0.1, 300)] = key("How long one may wait.", 5.0)
    retries: Annotated[int, whole(0, 10)] = key("Further servers tried when one can't be connected.", 2)
    health_check: HealthCheckSettings | None = key("How servers are asked whether they are well.", None)
    session_persistence: PersistenceSettings = key(
        "Whether a client comes to the same server again.", PersistenceSettings()
    )
    connection_draining: DrainingSettings = key("How servers leave the group.", DrainingSettings())


class GroupSettings(GroupDefaults):
    """A group of servers that do the same.

    `servers` is a list of addresses, by which the servers are then named, or a table of names:
    `["10.0.0.1:8080", "10.0.0.2:8080"]`, or `ecs01 = "10.0.0.1:8080"` and
    `ecs02 = { address = "10.0.0.2:8080", weight = 50 }` in `[server_groups.NAME.servers]`. With
    `discovery` instead, they come from elsewhere.
    """

    discovery: DiscoverySettings | None = key("Where its servers come from, instead of `servers`.", None)
    servers: dict[Annotated[str, SERVER_NAME], ServerSettings] = key("Its servers, by name.", {})
