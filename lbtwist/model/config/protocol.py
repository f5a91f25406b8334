"""What clients and servers speak, and the keys that only one protocol has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lbtwist.model.config.kind import one_of
from lbtwist.model.config.table import KeyPath

TCP, HTTP, TLS, HTTPS = "tcp", "http", "tls", "https"
PROTOCOLS = (TCP, HTTP)
PROTOCOL = one_of(*PROTOCOLS)
"""Of a server group."""
INSIDE: Mapping[str, str] = MappingProxyType({TCP: TCP, HTTP: HTTP, TLS: TCP, HTTPS: HTTP})
"""The protocol of a listener's groups, for each that it may have: TLS ends at the listener."""
LISTENER_PROTOCOL = one_of(*INSIDE)
WITH_TLS = (TLS, HTTPS)

IDLE_TIMEOUTS = {TCP: 1800.0, HTTP: 60.0}
"""Seconds of a listener's `idle_timeout` where it is not said."""

HTTP_LISTENER: tuple[KeyPath, ...] = (
    ("request_timeout",),
    ("header_timeout",),
    ("tunnel_timeout",),
)
"""The keys of a listener that only http has."""
TCP_LISTENER: tuple[KeyPath, ...] = (("hello_timeout",),)
"""Those that only tcp has."""
TLS_LISTENER: tuple[KeyPath, ...] = (
    ("certificates",),
    ("client_auth",),
    ("client_ca",),
    ("handshake_timeout",),
    ("tls_min_version",),
    ("ciphers",),
    ("cipher_suites",),
)
"""Those that only a listener with TLS has."""
HTTP_GROUP: tuple[KeyPath, ...] = (
    ("keepalive",),
    ("keepalive_timeout",),
    ("connection_draining", "error_status"),
    ("connection_draining", "websocket_close"),
)
"""Those of a server group."""
