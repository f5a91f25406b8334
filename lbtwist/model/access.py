"""What a data plane tells of one request, tunnel or connection that is over: a line of the access log."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from lbtwist.model.plane import CutBy
from lbtwist.wire.request_head import RequestHead

NOT_REACHED = -1.0
"""A time of something that has not happened."""


class End(Enum):
    """How it has ended, in one word."""

    DONE = "done"
    CLIENT_ABORT = "client_abort"
    CLIENT_TIMEOUT = "client_timeout"
    """No head, no byte of a body, or nothing taken for too long; tcp: nothing moved either way."""
    SERVER_ABORT = "server_abort"
    """The server has closed too early, or does not speak HTTP."""
    SERVER_TIMEOUT = "server_timeout"
    INTERNAL_ERROR = "internal_error"
    """Code of the load balancer, or of a plugin, has failed in it: our own log has the traceback."""
    CONNECT_FAILED = "connect_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    NO_SERVER = "no_server"
    """None was in rotation, or each was full."""
    REFUSED = "refused"
    """It was no request that is understood here."""
    OVER_LIMIT = "over_limit"
    """The listener had as many clients as it may."""
    DENIED = "denied"
    """The listener's `allow` and `deny` do not let its client in."""
    CLIENT_LIMIT = "client_limit"
    """Its client had as many connections as one may."""
    CLIENT_RATE = "client_rate"
    """Its client makes too many connections."""
    TOTAL_RATE = "total_rate"
    """All clients together make too many."""
    RULE = "rule"
    """A rule has answered it."""
    TUNNEL_TIMEOUT = "tunnel_timeout"
    DRAIN_DEADLINE = "drain_deadline"
    OPERATOR_CUT = "operator_cut"
    SHUTDOWN_CUT = "shutdown_cut"


CUTS = {
    CutBy.DEADLINE: End.DRAIN_DEADLINE,
    CutBy.OPERATOR: End.OPERATOR_CUT,
    CutBy.SHUTDOWN: End.SHUTDOWN_CUT,
}


class Access(NamedTuple):
    """One that is over. Times are seconds; NOT_REACHED where it did not come to that."""

    time: float
    """When it began, since 1970: the accept, or the first byte of a request."""
    protocol: str
    """The listener's, or `websocket`: a tunnel."""
    listener: str
    group: str
    """Empty where none was asked for a server."""
    server: str
    """The registration's label, `app/ecs01#7`; empty while none was connected."""
    client: str
    """Who has connected, with the port."""
    real_client: str
    """The client's IP address, by proxies that are trusted; empty where it has none."""
    method: bytes
    """Empty where no head was understood; as are `host`, `target` and `version`."""
    host: bytes
    target: bytes
    """As it was received, with the query."""
    version: bytes
    """1.1 or 1.0."""
    status: int
    """What the client was answered; 0 for nothing."""
    received: int
    """Bytes from the client, as the tallies count them."""
    sent: int
    """Bytes to the client, as the tallies count them; of one that was refused, which they do not count, what
    it was answered."""
    head: float
    """http: from the first byte of the request to its whole head."""
    queue: float
    """From then, or the accept, to the connect that was made: waiting for room, and for servers that
    failed."""
    connect: float
    """That connect; 0 over a connection that was kept."""
    response: float
    """http: from there to the whole head of the server's final response."""
    total: float
    retries: int
    """Further servers that were tried."""
    reused: bool
    """The server's connection was kept from another request."""
    connections: int
    """The listener's at the end, itself included; of http, those with a request."""
    at_server: int
    """The same of the server; 0 without one."""
    queued: int
    """How many wait for a server of the group."""
    end: End

    @property
    def over_http(self) -> bool:
        return self.protocol not in ("tcp", "tls")


made: Callable[[type[Access], tuple[object, ...]], Access] = tuple.__new__
"""Of the values in the order of the fields, in half the time of the constructor that takes them by name."""


class Asker(Protocol):
    """A client's connection, which asks again and again."""

    written: tuple[RequestHead | None, str, str]
    """For the format of the log: a request, the real client, and what was written of them."""

    @property
    def address(self) -> str: ...


Usual = tuple[
    float, str, str, str, str, Asker, str, RequestHead, int, int, int, float, float, float, int, int, int
]
"""What a request has of its own that went the usual way: it came in one piece, went at once over a connection
that was kept, and was answered by that server to the end. When it began, on the monotonic clock; protocol,
listener, group, server; client, real client, request; status, received, sent; queue, response and total;
connections, at_server, queued."""


Told = Access | Usual
"""What a data plane tells of one that is over."""


def access_of(told: Usual, since: float) -> Access:
    """All of its line; `since` is what the time since 1970 is ahead of the monotonic clock."""
    began, protocol, listener, group, server, client, real_client, request, *_ = told
    status, received, sent, queue, response, total, connections, at_server, queued = told[8:]
    return Access(
        began + since,
        protocol,
        listener,
        group,
        server,
        client.address,
        real_client,
        request.method,
        request.host,
        request.target,
        request.version,
        status,
        received,
        sent,
        0.0,
        queue,
        0.0,
        response,
        total,
        0,
        True,
        connections,
        at_server,
        queued,
        End.DONE,
    )
