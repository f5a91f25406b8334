"""The schema: every key there is, with its kind, its default and what it does.

Validation, messages, the reference page and JSON Schema are made from these classes, and the
validated configuration is made of them. A key exists once what it does exists.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict

from lbtwist.model.address import Address
from lbtwist.model.config.kind import member_of, one_of, seconds, seconds_or_never, whole
from lbtwist.model.config.kinds import (
    ADDRESS,
    ENDPOINT,
    FILE,
    LABEL,
    NAME,
    PATTERNS,
    QUORUM,
    SERVER_NAME,
    TOKEN,
)
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.config.table import Table, key
from lbtwist.model.endpoint import Endpoint, parse_endpoint

PROTOCOL = one_of("tcp")
SCHEDULER = one_of("wrr")
KEY_FILES = ("admin_keys", "operate_keys", "read_keys")
"""The keys of `[console]` that say who may come in; at least one is needed."""


class LoadBalancerSettings(Table):
    """The instance as a whole."""

    name: Annotated[str, TOKEN] = key("Its name in logs and metrics.", "lbtwist")
    region: Annotated[str, LABEL] = key("A label: the region it runs in.", "")
    zone: Annotated[str, LABEL] = key("A label: the zone it runs in.", "")
    shutdown_timeout: Annotated[float, seconds(0, 3600)] = key(
        "How long connections may finish after SIGTERM before the rest is cut (rule 70).", 60.0
    )


class ConsoleSettings(Table):
    """The console for operators, over SSH with keys. Without this table there is none.

    At least one of `admin_keys`, `operate_keys` and `read_keys` is needed.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in KEY_FILES]})

    endpoint: Annotated[Endpoint, ENDPOINT] = key("Where it listens.", parse_endpoint("127.0.0.1:2222"))
    admin_keys: Annotated[Path | None, FILE] = key(
        "Keys that may do everything, in the form of authorized_keys; read at each login.", None
    )
    operate_keys: Annotated[Path | None, FILE] = key("Keys that may drain servers and bring them back.", None)
    read_keys: Annotated[Path | None, FILE] = key("Keys that may only look.", None)
    host_key: Annotated[Path, FILE] = key(
        "Its ed25519 key, made at the first start.",
        Path("ssh_host_ed25519_key"),
        otherwise="`$STATE_DIRECTORY/ssh_host_ed25519_key` if that is set, else beside the main file",
    )
    idle_timeout: Annotated[float, seconds(1, 86400)] = key("A session without a key pressed ends.", 3600.0)
    max_sessions: Annotated[int, whole(1, 1024)] = key("Sessions at once.", 32)


class ListenerDefaults(Table):
    """What holds for every listener that does not say otherwise: any key of it but `endpoint`."""

    protocol: Annotated[str, PROTOCOL] = key("What clients speak.", "tcp")
    server_group: Annotated[str, NAME] = key("Where connections go.", "", otherwise="the only group")
    idle_timeout: Annotated[float, seconds(1, 86400)] = key(
        "A connection is closed when no byte moved either way for so long.", 1800.0
    )
    connect_timeout: Annotated[float, seconds(0.1, 60)] = key(
        "How long a server has to accept a connection before the next one is tried.", 5.0
    )
    max_connections: Annotated[int, whole(0)] = key(
        "Connections at once; one more is closed at once. `0`: no limit of its own.", 0
    )


class ListenerSettings(ListenerDefaults):
    """A place where clients connect."""

    endpoint: Annotated[Endpoint, ENDPOINT] = key("Where it listens.")
    protocol: Annotated[str, PROTOCOL] = key("What clients speak.")


class Rejoin(StrEnum):
    """What adding a server again during its removal drain does (rule 16)."""

    AFTER_DRAIN = "after_drain"
    ALONGSIDE = "alongside"
    CANCEL_DRAIN = "cancel_drain"


class DrainingSettings(Table):
    """How servers leave the group."""

    timeout: Annotated[float, seconds_or_never(0, 3600)] = key(
        "How long a removed server's connections may live on. `0`: they are cut at once. "
        '`"never"`: no deadline, it is gone with its last connection.',
        300.0,
    )
    rejoin: Annotated[Rejoin, member_of(Rejoin)] = key(
        "What adding a server again during its drain does (rule 16). `after_drain`: it takes new connections "
        "once the drain has ended. `alongside`: at once, beside the drain. `cancel_drain`: the drain is "
        "cancelled and its connections stay.",
        Rejoin.AFTER_DRAIN,
    )


class ServerSettings(Table):
    """One server, where more than its address is said: `NAME = "address"` is short for `{ address }`."""

    address: Annotated[Address, ADDRESS] = key("Where it listens; the port may be left to the group.")
    weight: Annotated[int, whole(0, 100)] = key(
        "Its share of new connections, relative to the others. `0`: it gets none, and keeps those it has.",
        100,
    )


class GroupDefaults(Table):
    """What holds for every server group that does not say otherwise: any key of it but `servers`."""

    protocol: Annotated[str, PROTOCOL] = key("What the servers speak.", "tcp", otherwise="its listener's")
    port: Annotated[int | None, whole(1, 65535)] = key(
        "For servers that are given without one.", None, otherwise="none"
    )
    scheduler: Annotated[str, SCHEDULER] = key("How a server is chosen: `wrr`, in turn by weight.", "wrr")
    min_healthy: Annotated[Quorum, QUORUM] = key(
        "The verbs that take a server out refuse to leave fewer, unless forced (rule 66).", Quorum(1)
    )
    retries: Annotated[int, whole(0, 10)] = key("Further servers tried when one can't be connected.", 2)
    connection_draining: DrainingSettings = key("How servers leave the group.", DrainingSettings())


class GroupSettings(GroupDefaults):
    """A group of servers that do the same.

    `servers` is a list of addresses, by which the servers are then named, or a table of names:
    `["10.0.0.1:8080", "10.0.0.2:8080"]`, or `ecs01 = "10.0.0.1:8080"` and
    `ecs02 = { address = "10.0.0.2:8080", weight = 50 }` in `[server_groups.NAME.servers]`.
    """

    servers: dict[Annotated[str, SERVER_NAME], ServerSettings] = key("Its servers, by name.", {})


class Config(Table):
    """A valid configuration, complete: every default is filled in."""

    load_balancer: LoadBalancerSettings = key("The instance as a whole.", LoadBalancerSettings())
    console: ConsoleSettings | None = key("The console for operators.", None)
    listeners: dict[Annotated[str, NAME], ListenerSettings] = key("Where clients connect.", {})
    server_groups: dict[Annotated[str, NAME], GroupSettings] = key("Where connections go.", {})


class Defaults(Table):
    """Values for every listener and every server group; sub-tables merge key by key."""

    listener: ListenerDefaults = key("Values for every listener.", ListenerDefaults())
    server_group: GroupDefaults = key("Values for every server group.", GroupDefaults())


class Document(Config):
    """The whole file."""

    include: Annotated[tuple[str, ...], PATTERNS] = key(
        "Files that are read with this one, relative to it; only the main file may include.", ()
    )
    defaults: Defaults = key("Values for every listener and server group.", Defaults())
