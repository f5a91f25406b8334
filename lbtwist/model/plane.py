"""The plain values that cross the seam between the control plane and a data plane."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import Enum
from typing import NamedTuple

from lbtwist.model.address import Address
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.model.name_rule import NameRule
from lbtwist.model.network import Network
from lbtwist.model.routing import Rule
from lbtwist.model.server_tls import ServerTLS
from lbtwist.model.token_bucket import Rate


@dataclass(frozen=True, slots=True)
class Member:
    """A registration that may take new connections."""

    number: int
    """What the data plane knows it by, unique in this load balancer: its seat."""
    label: str
    """The registration as shown, `app/ecs01#7`."""
    address: Address
    weight: int
    """1–100: its share relative to the other members."""
    ramp: int = 100
    """Percent of its weight that it gets now, 1–100: less while it starts slowly."""
    max_connections: int = 0
    """Connections at once; 0 is no limit."""
    cookie: bytes = b""
    """What the persistence cookie says of a client that is tied to it; empty without such a cookie."""

    @property
    def share(self) -> int:
        """Its weight in hundredths, 1–10000, with the slow start counted in."""
        return self.weight * self.ramp


@dataclass(frozen=True, slots=True)
class Rotation:
    """Who of a server group may take new connections at this moment, and how one is chosen."""

    members: tuple[Member, ...] = ()
    scheduler: str = "wrr"
    retries: int = 2
    """Further servers tried when one can't be connected."""
    persistence: float = 0.0
    """Seconds that a client stays tied to a member; 0 is no persistence."""
    cookie: bytes = b""
    """The name of the cookie that clients are known by; empty where it is their address."""
    max_queue: int = 0
    """New connections that may wait while every member is full."""
    queue_timeout: float = 5.0
    """Seconds that one waits at most."""
    keepalive: int = 64
    """Idle connections to each member that are kept for the next requests (http)."""
    keepalive_timeout: float = 4.0
    """Seconds that one is kept."""
    send_proxy: int = 0
    """Version of the PROXY header that each connection to a member begins with; 0: it has none."""
    error_status: int = 500
    """The answer to a request that is cut before its response began (rule 6)."""
    websocket_close: int = 1001
    """The code of the Close frames that a WebSocket is cut with (rule 51); 0: there are none."""
    tls: ServerTLS | None = None
    """How the members are spoken to over TLS; None: as it is."""


@dataclass(frozen=True, slots=True)
class ListenerPolicy:
    """What a data plane needs to serve one listener."""

    number: int
    """The listener's number, unique in this load balancer: a new endpoint is a new number."""
    name: str
    group: str
    """The server group whose rotation new connections go to."""
    protocol: str = "tcp"
    idle_timeout: float = 1800.0
    """Seconds without a byte either way before a connection is closed. http: of a client's connection
    without a request, or of a body that is under way."""
    connect_timeout: float = 5.0
    """Seconds a server has to complete the connection."""
    max_connections: int = 0
    """Connections of clients at once; 0 is no limit of its own."""
    request_timeout: float = 60.0
    """http: seconds from the whole request sent to the first byte of the final response."""
    header_timeout: float = 10.0
    """http: seconds that the head of a request may take."""
    tunnel_timeout: float = 3600.0
    """WebSocket: seconds without a byte either way."""
    proxy_name: bytes = b"lbtwist"
    """Our own name in Via."""
    proxy_protocol: bool = False
    """Whether each connection is a trusted proxy's, and begins with a PROXY header."""
    trusted_proxies: tuple[Network, ...] = ()
    """Who is believed in what it tells of clients."""
    allow: tuple[Network, ...] = ()
    """Who may connect; none are everyone."""
    deny: tuple[Network, ...] = ()
    """Who may not, whatever `allow` says."""
    max_connections_per_client: int = 0
    """Connections of one client at once; 0 is no limit."""
    client_rate: Rate = Rate()
    """New connections of one client."""
    total_rate: Rate = Rate()
    """Those of all."""
    rules: tuple[Rule, ...] = ()
    """Where requests go that do not go to `group`; the first that matches counts."""
    name_rules: tuple[NameRule, ...] = ()
    """tcp: the same of connections, by their ClientHellos; without them none is read."""
    hello_timeout: float = 10.0
    """tcp: seconds that one is waited for."""
    tls: ListenerTLS | None = None
    """tls, https: how it is spoken with clients."""
    handshake_timeout: float = 10.0
    """tls, https: seconds that a handshake may take."""


class Ending(Enum):
    """How a live connection has ended."""

    FINISHED = "finished"
    """By itself."""
    CUT = "cut"
    ANSWERED = "answered"
    TRUNCATED = "truncated"
    CLOSED = "closed"
    ABORTED = "aborted"
    """Cut, too: a request or a WebSocket, as `Tally` tells them apart."""


FINISHED = Ending.FINISHED
"""The same, for what is on the way of each request: to look a member of an Enum up takes 0.14 µs."""


class CutBy(Enum):
    """Why live connections are cut."""

    DEADLINE = "deadline"
    """Their drain's deadline came, or is near."""
    OPERATOR = "operator"
    """Someone said so."""
    SHUTDOWN = "shutdown"
    """The process ends."""


class ScopeKind(Enum):
    """What a drain, a tally or a cut is about."""

    REGISTRATION = "registration"
    LISTENER = "listener"
    ALL = "all"


class Scope(NamedTuple):
    """A set of live connections: those of a registration, of a listener, or all."""

    kind: ScopeKind
    numbers: tuple[int, ...] = ()
    """The registration's numbers in the data plane, or the listener's; none for all."""

    @classmethod
    def registration(cls, *numbers: int) -> Scope:
        return cls(ScopeKind.REGISTRATION, numbers)

    @classmethod
    def listener(cls, number: int) -> Scope:
        return cls(ScopeKind.LISTENER, (number,))


EVERYTHING = Scope(ScopeKind.ALL)


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of a scope. All but `live` only grow."""

    live: int = 0
    """Established connections at this moment."""
    total: int = 0
    """Connections that were ever established."""
    cut: int = 0
    """Of those that ended, how many were closed by a cut."""
    received: int = 0
    """Bytes from clients."""
    sent: int = 0
    """Bytes to clients."""
    failed: int = 0
    """Registration: connections to it that failed. Listener: clients closed without a server."""
    answered: int = 0
    """Of those cut, requests that got the error status (rule 6)."""
    truncated: int = 0
    """Of those cut, responses that had begun (rule 7)."""
    closed: int = 0
    """Of those cut, WebSockets where both sides were sent a Close frame (rule 51)."""
    aborted: int = 0
    """Of those cut, WebSockets where a side could not be sent one."""

    @property
    def moved(self) -> int:
        """Bytes relayed either way."""
        return self.received + self.sent

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*(mine - its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One live connection at the moment of a snapshot."""

    id: int
    client: str
    listener: str
    server: str
    """The registration's label, `app/ecs01#7`; empty while none is connected."""
    protocol: str
    age: float
    """Seconds since it was accepted."""
    idle: float
    """Seconds since the last byte either way."""
    received: int
    """Bytes from the client."""
    sent: int
    """Bytes to the client."""
    activity: str
    """What it does: `connecting`, `relaying`, `half-closed`, `closing`; of a request also `receiving`,
    `queued`, `waiting`, `responding`."""
    method: str = ""
    """Of a request, or of the one that a WebSocket began with; as are `host` and `path`."""
    host: str = ""
    path: str = ""
    """Without the query, which may have secrets in it."""
