"""The target of a request and the authority that it is meant for: RFC 9112, section 3.2."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from lbtwist.errors import BadMessage

_HOST = rb"[A-Za-z0-9._~-]++|\[[0-9A-Fa-f:.]++\]"
_PORT = rb"[0-9]{1,5}"
_AUTHORITY = re.compile(rb"(%b)(?::(%b))?" % (_HOST, _PORT))
# More than RFC 3986 has, as browsers send it, but nothing that ends a target or reads as a slash.
PATH = rb'/[!"$->@-\[\]-~]*+'
QUERY = rb'\?[!"$-~]*+'
_ABSOLUTE = re.compile(
    rb"(?P<scheme>(?i:https?))://(?P<authority>(?:%b)(?>(?::%b)?))(?P<path>(?>(?:%b)?))(?P<query>(?>(?:%b)?))"
    % (_HOST, _PORT, PATH, QUERY)
)
_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}
# `/..;a/` is one too: servers cut the parameters of a segment off before they resolve it.
_CLIMBING = re.compile(rb"(?i)%2f|%5c|/(?:\.|%2e){1,2}(?:[/;]|\Z)")


class Target(NamedTuple):
    """What a request asks for."""

    path: bytes
    """As it was sent, without the query; `*` for the server as a whole."""
    onward: bytes
    """Path and query, as the next server gets them (RFC 9112, section 3.2.1)."""
    scheme: bytes = b""
    """Of a target in absolute form, in small letters."""
    authority: bytes = b""
    """Of a target in absolute form, as it was sent."""


def parse_target(method: bytes, target: bytes) -> Target:
    """Read a target that is no path, of a request that is not CONNECT. Raises BadMessage."""
    if match := _ABSOLUTE.fullmatch(target):
        return _absolute(method, match)
    if target == b"*" and method == b"OPTIONS":
        return Target(target, target)
    raise BadMessage(400, "bad target")


def _absolute(method: bytes, match: re.Match[bytes]) -> Target:
    path, query = match["path"], match["query"]
    if not path:
        path = b"*" if method == b"OPTIONS" and not query else b"/"
    return Target(path, path + query, match["scheme"].lower(), match["authority"])


@lru_cache(maxsize=128)
def parse_host(authority: bytes) -> bytes:
    """The host of `example.com:8080` or `[::1]`, in small letters and without the port.

    Raises BadMessage for anything but a name or an address: user information, a list, escapes.
    """
    return _host_and_port(authority)[0]


def refuse_other_host(target: Target, host: bytes) -> None:
    """Raise BadMessage where the target, in absolute form, is not for `host`, the value of Host.

    Stricter than RFC 9112, section 3.2.2: the two could be routed on by two different servers.
    """
    if _canonical(target.scheme, target.authority) != _canonical(target.scheme, host):
        raise BadMessage(400, "the target is for another host than Host")


def _canonical(scheme: bytes, authority: bytes) -> tuple[bytes, bytes]:
    host, port = _host_and_port(authority)
    return host, (port or _DEFAULT_PORTS[scheme]).lstrip(b"0")


def _host_and_port(authority: bytes) -> tuple[bytes, bytes | None]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise BadMessage(400, "bad host")
    return match[1].lower(), match[2]


def refuse_climbing(path: bytes) -> None:
    """Raise BadMessage for a dot segment, or a slash or dot segment that is escaped.

    A server resolves it and serves another path than the one that was routed on.
    """
    if (b"/." in path or b"%" in path) and _CLIMBING.search(path):
        raise BadMessage(400, "a path that climbs")
