"""The schema: every key there is, with its kind, its default and what it does.

Validation, messages, the reference page and JSON Schema are made from these classes, and the
validated configuration is made of them. A key exists once what it does exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer

from lbtwist.model.config.certificate import CertificateSettings
from lbtwist.model.config.group import GroupDefaults, GroupSettings
from lbtwist.model.config.kind import boolean, member_of, one_of, seconds, some_of, whole
from lbtwist.model.config.kinds import (
    ENDPOINT,
    FILE,
    FILE_OR_NONE,
    FILE_OR_OUTPUT,
    LABEL,
    NAME,
    NETWORKS,
    PATTERNS,
    TOKEN,
)
from lbtwist.model.config.protocol import (
    HTTP,
    HTTP_LISTENER,
    IDLE_TIMEOUTS,
    INSIDE,
    LISTENER_PROTOCOL,
    TCP,
    TCP_LISTENER,
    TLS,
    TLS_LISTENER,
    WITH_TLS,
)
from lbtwist.model.config.rate import RateSettings
from lbtwist.model.config.rules import RuleSettings
from lbtwist.model.config.table import Table, key
from lbtwist.model.config.written import without
from lbtwist.model.endpoint import Endpoint, parse_endpoint
from lbtwist.model.listener_tls import CIPHER_SUITES, CIPHERS, VERSIONS, ClientAuth
from lbtwist.model.network import Network

KEY_FILES = ("admin_keys", "operate_keys", "read_keys")
"""The keys of `[console]` that say who may come in; at least one is needed."""


class LoadBalancerSettings(Table):
    """The instance as a whole."""

    name: Annotated[str, TOKEN] = key("Its name in Via, logs and metrics.", "lbtwist")
    region: Annotated[str, LABEL] = key("A label: the region it runs in.", "")
    zone: Annotated[str, LABEL] = key("A label: the zone it runs in.", "")
    server_networks: Annotated[tuple[Network, ...], NETWORKS] = key(
        "A server outside of them is refused. `[]`: it may be anywhere. Servers at Unix sockets, and those "
        "given by a host's name, are not judged.",
        (),
    )
    shutdown_timeout: Annotated[float, seconds(0, 3600)] = key(
        "How long connections may finish after SIGTERM before the rest is cut (rule 70).", 60.0
    )
    lame_duck: Annotated[float, seconds(0, 3600)] = key(
        "How long it still accepts after SIGTERM, while it says already that it leaves: those who send it "
        "traffic need so long to notice (rule 70).",
        0.0,
    )
    upgrade_timeout: Annotated[float, seconds(0, 86400)] = key(
        "How long connections of the process before an upgrade may live on before they are cut (rule 74).",
        3600.0,
    )
    max_connections: Annotated[int, whole(0)] = key(
        "Clients at once, of all listeners; others wait to be accepted. `0`: as many as the limit of open "
        "descriptors allows, which is never exceeded.",
        0,
    )
    splice: Annotated[bool, boolean()] = key(
        "Whether bulk data of tcp listeners goes through pipes of the kernel, and is not copied "
        "(performance.md).",
        True,
    )
    on_reload: Annotated[str, one_of("merge", "file")] = key(
        "What holds when the file is read again. `merge`: what it changed since it was last read is applied, "
        "what an operator changed live stays, and where both changed the same key the file wins. `file`: it "
        "wins everywhere (rule 67).",
        "merge",
    )
    state_file: Annotated[Path | None, FILE_OR_NONE] = key(
        "Where what operators want is kept over a restart (rule 67). Empty: nowhere.",
        None,
        otherwise="`$STATE_DIRECTORY/state.json` if that is set, else none",
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


class StatusSettings(Table):
    """Metrics, health and events over HTTP, to be read by machines. Without this table there are none.

    Whoever can connect may read all of it, and change nothing.
    """

    endpoint: Annotated[Endpoint, ENDPOINT] = key("Where it listens.", parse_endpoint("127.0.0.1:8404"))


class AccessLogSettings(Table):
    """A line for each request and connection that is over. Without this table there is none.

    docs/access-log.md tells what is in it.
    """

    path: Annotated[Path, FILE_OR_OUTPUT] = key(
        'Where it is written; `"-"` is standard output, in the foreground alone.'
    )
    format: Annotated[str, one_of("json", "haproxy")] = key(
        "`json`: an object in each line. `haproxy`: the lines of haproxy's `option httplog` and `option "
        "tcplog`.",
        "json",
    )


_SPOKEN = (
    "What clients speak. `tls` and `https` are tcp and http with TLS, which ends here: their server groups "
    "are tcp and http (tls.md)."
)


class ListenerDefaults(Table):
    """What holds for every listener that does not say otherwise: any key of it but `endpoint`.

    What only http has, is for listeners that are http or https; what only TLS has, for those that are tls
    or https.
    """

    protocol: Annotated[str, LISTENER_PROTOCOL] = key(_SPOKEN, TCP)
    server_group: Annotated[str, NAME] = key("Where connections go.", "", otherwise="the only group")
    idle_timeout: Annotated[float, seconds(1, 86400)] = key(
        "A connection is closed when no byte moved either way for so long; http: one without a request, or "
        "with a body that does not move.",
        IDLE_TIMEOUTS[TCP],
        otherwise="`1800` (tcp, tls), `60` (http, https)",
    )
    connect_timeout: Annotated[float, seconds(0.1, 60)] = key(
        "How long a server has to accept a connection before the next one is tried.", 5.0
    )
    max_connections: Annotated[int, whole(0)] = key(
        "Connections at once; one more is closed at once, with http after a 503. `0`: no limit of its own.",
        0,
    )
    allow: Annotated[tuple[Network, ...], NETWORKS] = key(
        "Who may connect; others are closed at once, with http after a 403. `[]`: everyone may "
        "(admission.md).",
        (),
    )
    deny: Annotated[tuple[Network, ...], NETWORKS] = key(
        "Who may not connect, whatever `allow` says: closed at once, with http after a 403.", ()
    )
    max_connections_per_client: Annotated[int, whole(0)] = key(
        "Connections at once of one client, an IPv4 address or a /64 of IPv6; one more is closed, with http "
        "after a 429. `0`: no limit.",
        0,
    )
    rate: RateSettings = key("New connections in a second.", RateSettings())
    request_timeout: Annotated[float, seconds(1, 3600)] = key(
        "http: how long a server has, from the end of the request to the first byte of its response; then "
        "the client gets 504.",
        60.0,
    )
    header_timeout: Annotated[float, seconds(0.1, 300)] = key(
        "http: how long a client has for the head of a request; then it gets 408.", 10.0
    )
    tunnel_timeout: Annotated[float, seconds(1, 86400)] = key(
        "http: a WebSocket is closed when no byte moved either way for so long.", 3600.0
    )
    proxy_protocol: Annotated[bool, boolean()] = key(
        "Whether each connection begins with a PROXY header, version 1 or 2, that tells of the client "
        "(proxy-protocol.md). It is needed from `trusted_proxies`, and any other is closed.",
        False,
    )
    trusted_proxies: Annotated[tuple[Network, ...], NETWORKS] = key(
        "Who is believed in what it tells of clients: by PROXY headers with `proxy_protocol`, and with http "
        "by X-Forwarded-* fields.",
        (),
    )
    certificates: tuple[CertificateSettings, ...] = key("tls, https: what it proves itself with.", ())
    client_auth: Annotated[ClientAuth, member_of(ClientAuth)] = key(
        "tls, https: whether clients are asked for a certificate. `optional`: who has none may go on. "
        "`require`: who has none is refused.",
        ClientAuth.NONE,
    )
    client_ca: Annotated[Path | None, FILE_OR_NONE] = key(
        "tls, https: certificates, in PEM, of those who issue the certificates of clients.",
        None,
        otherwise="none",
    )
    handshake_timeout: Annotated[float, seconds(0.1, 300)] = key(
        "tls, https: how long a client has for the handshake; then it is closed.", 10.0
    )
    tls_min_version: Annotated[str, one_of(*VERSIONS)] = key(
        "tls, https: the oldest version that is spoken.", "1.2"
    )
    ciphers: Annotated[tuple[str, ...], some_of(*CIPHERS)] = key(
        "tls, https: which of these may be used with TLS 1.2.", CIPHERS, otherwise="all"
    )
    cipher_suites: Annotated[tuple[str, ...], some_of(*CIPHER_SUITES)] = key(
        "tls, https: which of these may be used with TLS 1.3.", CIPHER_SUITES, otherwise="all"
    )
    hello_timeout: Annotated[float, seconds(0.1, 300)] = key(
        "tcp: with rules, how long a client has for its ClientHello; one that has said nothing goes on then, "
        "as one that asks for no name (server-name.md).",
        10.0,
    )
    rules: tuple[RuleSettings, ...] = key(
        "http, https, tcp: where else requests, or connections, go; the first that matches counts.", ()
    )


class ListenerSettings(ListenerDefaults):
    """A place where clients connect."""

    endpoint: Annotated[Endpoint, ENDPOINT] = key("Where it listens.")
    protocol: Annotated[str, LISTENER_PROTOCOL] = key(_SPOKEN)

    @property
    def speaks_http(self) -> bool:
        """Requests come to it, with TLS or without."""
        return INSIDE[self.protocol] == HTTP

    @property
    def has_tls(self) -> bool:
        """Clients speak TLS with it."""
        return self.protocol in WITH_TLS

    @property
    def groups(self) -> tuple[str, ...]:
        """Every server group that it uses, its own first and then those of its rules, each once."""
        named = (rule.server_group for rule in self.rules)
        return tuple(dict.fromkeys([self.server_group, *filter(None, named)]))

    @model_serializer(mode="wrap")
    def _with_keys_of_protocol(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys of another protocol would be refused when they are read again."""
        written: dict[str, Any] = write(self)
        if not self.speaks_http:
            written = without(written, HTTP_LISTENER)
        if self.protocol != TCP:
            written = without(written, TCP_LISTENER)
        if self.protocol == TLS:
            written = without(written, (("rules",),))
        return written if self.has_tls else without(written, TLS_LISTENER)


class Config(Table):
    """A valid configuration, complete: every default is filled in."""

    load_balancer: LoadBalancerSettings = key("The instance as a whole.", LoadBalancerSettings())
    console: ConsoleSettings | None = key("The console for operators.", None)
    status: StatusSettings | None = key("Metrics, health and events over HTTP.", None)
    access_log: AccessLogSettings | None = key("A line for each request and connection.", None)
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
