"""The schema of a server group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from lbtwist.model.config.discovery import DiscoverySettings
from lbtwist.model.config.draining import DrainingSettings
from lbtwist.model.config.health_check import HealthCheckSettings
from lbtwist.model.config.kind import boolean, member_of, one_of_or_plugin, seconds_or_zero, whole
from lbtwist.model.config.kind import seconds as duration
from lbtwist.model.config.kinds import FILE_OR_NONE, LABEL, QUORUM, SERVER_NAME, TARGET, TLS_NAME
from lbtwist.model.config.persistence import PersistenceSettings
from lbtwist.model.config.protocol import HTTP, HTTP_GROUP, PROTOCOL
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.config.table import KeyPath, Table, key
from lbtwist.model.config.target import Target
from lbtwist.model.config.written import without
from lbtwist.model.failopen import FailOpen
from lbtwist.model.schedule.built_in import BUILT_IN

TLS_GROUP: tuple[KeyPath, ...] = (
    ("tls_verify",),
    ("tls_ca",),
    ("tls_name",),
    ("tls_certificate",),
    ("tls_key",),
)
"""Those that only a group with `tls` has."""


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


class GroupDefaults(Table):
    """What holds for every server group that does not say otherwise.

    Any key of it but `servers` and `discovery`. What only http has, is not for groups that are tcp.
    """

    protocol: Annotated[str, PROTOCOL] = key(
        "What the servers speak: the same as each listener that uses the group, by a rule too.",
        "tcp",
        otherwise="its listener's",
    )
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
    keepalive: Annotated[int, whole(0, 10_000)] = key(
        "http: idle connections that are kept to each server, for the next requests. `0`: none.", 64
    )
    keepalive_timeout: Annotated[float, duration(0.1, 3600)] = key(
        "http: how long one is kept; it should be shorter than the servers keep theirs.", 4.0
    )
    tls: Annotated[bool, boolean()] = key(
        "Whether the servers are spoken to over TLS, by health checks too (tls-to-servers.md).", False
    )
    tls_verify: Annotated[bool, boolean()] = key(
        "Whether a server must have a certificate that is believed, and is for its name.", True
    )
    tls_ca: Annotated[Path | None, FILE_OR_NONE] = key(
        "Certificates, in PEM, that are trusted instead of the system's.", None, otherwise="the system's"
    )
    tls_name: Annotated[str, TLS_NAME] = key(
        'The name, or address, that every server\'s certificate must have. `""`: the name that the server '
        "is given by, else its IP address; at a Unix socket `localhost`.",
        "",
    )
    tls_certificate: Annotated[Path | None, FILE_OR_NONE] = key(
        "What is shown to servers that ask for a certificate, in PEM, with its chain.", None, otherwise="none"
    )
    tls_key: Annotated[Path | None, FILE_OR_NONE] = key(
        "Its key, in PEM.", None, otherwise="in the file of `tls_certificate`"
    )
    send_proxy: Annotated[int, whole(0, 2)] = key(
        "Version of the PROXY header that begins each connection to a server and tells of the client "
        "(proxy-protocol.md). `0`: none is sent.",
        0,
    )
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

    @model_serializer(mode="wrap")
    def _with_keys_of_protocol(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys of another protocol would be refused when they are read again."""
        written: dict[str, Any] = write(self)
        written = written if self.protocol == HTTP else without(written, HTTP_GROUP)
        return written if self.tls else without(written, TLS_GROUP)
