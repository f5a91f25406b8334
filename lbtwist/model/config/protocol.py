"""What clients and servers speak, and the keys that only one protocol has."""

from __future__ import annotations

from lbtwist.model.config.kind import one_of
from lbtwist.model.config.table import KeyPath

TCP, HTTP = "tcp", "http"
PROTOCOLS = (TCP, HTTP)
PROTOCOL = one_of(*PROTOCOLS)

IDLE_TIMEOUTS = {TCP: 1800.0, HTTP: 60.0}
"""Seconds of a listener's `idle_timeout` where it is not said."""

HTTP_LISTENER: tuple[KeyPath, ...] = (
    ("request_timeout",),
    ("header_timeout",),
    ("tunnel_timeout",),
    ("trusted_proxies",),
    ("rules",),
)
"""The keys of a listener that only http has."""
HTTP_GROUP: tuple[KeyPath, ...] = (
    ("keepalive",),
    ("keepalive_timeout",),
    ("connection_draining", "error_status"),
    ("connection_draining", "websocket_close"),
)
"""Those of a server group."""
