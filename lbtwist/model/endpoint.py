"""Where a listener or a console listens, as it is written in a configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from lbtwist.model.address import parse_ipv4, parse_ipv6, parse_port, parse_unix_path
from lbtwist.model.shown import shown

FORMS = '8080, ":8080", "10.0.0.1:80", "[::1]:80", "unix:/path" or a Twisted server endpoint string'

_TCP = re.compile(r"(?:\[(?P<ipv6>[^][]*)\]|(?P<ipv4>[0-9.]*)):(?P<port>[0-9]*)")
_NAME = re.compile(r"[A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*:[0-9]+")
_TWISTED = re.compile(r"(?P<prefix>[a-z][a-z0-9]*)(?P<rest>(?::(?:\\.|[^\\:])*)+)")
_ARGUMENT = re.compile(r":((?:\\.|[^\\:])*)")
_ESCAPE = re.compile(r"\\(.)")
_PARAMETERS = {
    "tcp": ("port", "interface"),
    "tcp6": ("port", "backlog", "interface"),
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface"),
    "tls": ("path", "port", "backlog", "interface"),
    "unix": ("address",),
}
"""What Twisted's own endpoint strings take by position; only port and address are of interest here."""
_EVERY_IPV4 = "0.0.0.0"  # noqa: S104 - compared, not bound
_EVERY_IPV6 = "::"


class EndpointKind(Enum):
    """How an endpoint is opened."""

    TCP = "tcp"
    UNIX = "unix"
    TWISTED = "twisted"
    """By `twisted.internet.endpoints.serverFromString(reactor, endpoint.text)`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place to listen. Two that are written differently and mean the same are equal."""

    kind: EndpointKind
    text: str
    """As shown, and as `parse_endpoint` reads it again: `:8080`, `10.0.0.1:80`, `unix:/path`."""
    host: str | None = None
    """A canonical IP address; None for all addresses, IPv4 and IPv6. The path of a Unix socket."""
    port: int | None = None
    """0–65535, where 0 lets the system choose; None for a Unix socket, or where it is not known."""

    def __str__(self) -> str:
        return self.text

    def overlaps(self, other: Endpoint) -> bool:
        """Whether opening both must fail: the same port, and one covers the other's address."""
        if self.port is None or other.port is None:
            return self.port is other.port and (self.host or self.text) == (other.host or other.text)
        return self.port == other.port != 0 and (self._covers(other) or other._covers(self))

    def _covers(self, other: Endpoint) -> bool:
        # Linux binds [::] for IPv4 too (ipv6(7), IPV6_V6ONLY), and Twisted leaves it so.
        if self.host is None or self.host == _EVERY_IPV6:
            return True
        if self.host == _EVERY_IPV4:
            return other.host is not None and ":" not in other.host
        return self.host == other.host


def parse_endpoint(value: object) -> Endpoint:
    """Read a port number, `:8080`, `10.0.0.1:80`, `[::1]:80`, `unix:/path` or a Twisted endpoint string.

    The arguments of a Twisted endpoint string are judged when it is opened; `haproxy:` is refused.
    Raises ValueError with what is allowed.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return _every(value)
    if not isinstance(value, str):
        raise _refused(value)
    text = f":{value}" if value.isascii() and value.isdigit() else value
    if match := _TCP.fullmatch(text):
        return _tcp(text, match)
    if text.startswith("unix:/") and ":" not in text.removeprefix("unix:/"):
        path = parse_unix_path(text.removeprefix("unix:"))
        return Endpoint(EndpointKind.UNIX, text, path)
    return _twisted(text)


def _every(port: int) -> Endpoint:
    if not 0 <= port <= 65535:
        raise ValueError(f"port {shown(port)} is not in 0–65535")
    return Endpoint(EndpointKind.TCP, f":{port}", None, port)


def _refused(value: object) -> ValueError:
    hint = "; a name is no address" if isinstance(value, str) and _NAME.fullmatch(value) else ""
    return ValueError(f"{shown(value)} is not an endpoint: {FORMS}{hint}")


def _tcp(text: str, match: re.Match[str]) -> Endpoint:
    port = parse_port(match["port"], lowest=0)
    try:
        host = _host(match)
    except ValueError:
        raise _refused(text) from None
    shown_host = f"[{host}]" if host and ":" in host else host or ""
    return Endpoint(EndpointKind.TCP, f"{shown_host}:{port}", host, port)


def _host(match: re.Match[str]) -> str | None:
    if match["ipv6"] is not None:
        return parse_ipv6(match["ipv6"])
    return parse_ipv4(match["ipv4"]) if match["ipv4"] else None


def _twisted(text: str) -> Endpoint:
    match = _TWISTED.fullmatch(text)
    if match is None or not text.isprintable() or match["prefix"] == "localhost":
        raise _refused(text)
    if match["prefix"] == "haproxy":
        raise ValueError(
            f"{shown(text)}: haproxy: is not allowed, it drops a header that comes in two segments"
        )
    return Endpoint(EndpointKind.TWISTED, text, *_bound(match["prefix"], _arguments(match)))


def _arguments(match: re.Match[str]) -> dict[str, str]:
    """The arguments by name; those given by position under the names that Twisted has for them."""
    names = iter(_PARAMETERS.get(match["prefix"], ()))
    arguments: dict[str, str] = {}
    for argument in _ARGUMENT.findall(match["rest"]):
        name, equals, value = argument.partition("=")
        if not equals:
            name, value = next(names, ""), argument
        arguments[name] = _ESCAPE.sub(r"\1", value)
    return arguments


def _bound(prefix: str, arguments: dict[str, str]) -> tuple[str | None, int | None]:
    """What an endpoint of Twisted's own binds, as far as two can be compared by it."""
    if prefix == "unix":
        return parse_unix_path(arguments.get("address", "")), None
    if prefix not in _PARAMETERS:
        return None, None
    port = parse_port(arguments.get("port", "443" if prefix == "tls" else ""), lowest=0)
    every = _EVERY_IPV6 if prefix in ("tcp6", "tls") else _EVERY_IPV4
    return _interface(arguments.get("interface", "")) or every, port


def _interface(text: str) -> str:
    try:
        return parse_ipv6(text) if ":" in text else parse_ipv4(text)
    except ValueError:
        return text
