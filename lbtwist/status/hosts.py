"""Which names a request may call this machine by, so that no page from elsewhere reads what is on loopback.

A browser that is made to look a foreign name up as 127.0.0.1 (DNS rebinding) still says that name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection
from ipaddress import ip_address

from lbtwist.model.endpoint import Endpoint

LOCALHOST = "localhost"


def own_names() -> frozenset[str]:
    """What this machine is called, with and without its domain."""
    name = socket.gethostname().lower()
    return frozenset({LOCALHOST, name, name.partition(".")[0]})


def guard(endpoint: Endpoint, names: Collection[str]) -> Callable[[str], bool]:
    """Whether a Host is one that a request at `endpoint` may have: on loopback only an address, or one of
    `names`; elsewhere any."""
    if not _is_loopback(endpoint):
        return lambda host: True
    return lambda host: _is_ours(host, names)


def _is_loopback(endpoint: Endpoint) -> bool:
    return endpoint.port is not None and endpoint.host is not None and ip_address(endpoint.host).is_loopback


def _is_ours(host: str, names: Collection[str]) -> bool:
    name = _without_port(host.lower()).removesuffix(".")
    return name in names or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
