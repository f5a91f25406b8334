"""Addresses of servers and peers: plain values, already resolved."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from lbtwist.model.shown import shown

FORMS = "10.0.0.1:8080, [::1]:8080 or unix:/path"
MAX_UNIX_PATH = 107
"""Bytes in `sockaddr_un.sun_path` less the final NUL: unix(7)."""

_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
# ipaddress takes any text after a %: an interface's name has at most 15 characters (netdevice(7)).
_IPV6 = re.compile(r"(?P<address>[0-9a-fA-F:.]+)(?P<scope>%[A-Za-z0-9_.-]{1,15})?")
_HOST_AND_PORT = re.compile(r"(?:\[(?P<ipv6>[^][]*)\]|(?P<host>[^][:]*))(?::(?P<port>[^:]*))?")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a socket connects: an IP address and port, or the path of a Unix socket."""

    host: str
    """An IP address in its canonical form, or the path of a Unix socket."""
    port: int | None = None
    """1–65535; None for a Unix socket."""
    name: str = field(default="", compare=False, repr=False)
    """The host's name that stood for it; empty where it was given as it is. It is the same address
    under any."""

    @property
    def is_unix(self) -> bool:
        return self.port is None

    @property
    def is_ipv6(self) -> bool:
        return self.port is not None and ":" in self.host

    def __hash__(self) -> int:
        """Servers by the thousand are compared by their addresses at a reload: this is a third of what
        the hash of a tuple takes."""
        return hash(self.host) + (self.port or 0)

    def __str__(self) -> str:
        if self.port is None:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int | None = None) -> Address:
    """Read `10.0.0.1:8080`, `[::1]:8080` or `unix:/path`.

    `default_port` is used where `text` has no port. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`)
    is read as IPv4: it is the same server. Raises ValueError with what is allowed.
    """
    if text.startswith("unix:"):
        return Address(parse_unix_path(text.removeprefix("unix:")))
    host, port = _split(text)
    ip = ipaddress.ip_address(host)
    if ip.is_unspecified or ip.is_multicast:
        raise ValueError(f"{shown(text)} is not the address of one server: {FORMS}")
    if port is None:
        port = default_port
    if port is None:
        raise ValueError(f"{shown(text)} has no port: write it as {FORMS}, or set the group's port")
    return Address(host, port)


def _split(text: str) -> tuple[str, int | None]:
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not an address: {FORMS}{_bracket_hint(text)}")
    try:
        host = parse_ipv6(match["ipv6"]) if match["ipv6"] is not None else parse_ipv4(match["host"])
    except ValueError:
        raise ValueError(f"{shown(text)} is not an address: {FORMS}") from None
    return host, None if match["port"] is None else parse_port(match["port"])


def _bracket_hint(text: str) -> str:
    return "; an IPv6 address stands in brackets" if text.count(":") > 1 and "[" not in text else ""


def parse_ipv4(text: str) -> str:
    """The canonical form of an IPv4 address in decimal, without leading zeros; else ValueError."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"{shown(text)} is not an IPv4 address") from None


def parse_ipv6(text: str) -> str:
    """The canonical form (RFC 5952) of an IPv6 address, or of the IPv4 address it stands for.

    Raises ValueError.
    """
    try:
        if not _IPV6.fullmatch(text):
            raise ValueError
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not an IPv6 address") from None
    return str(address.ipv4_mapped or address)


def parse_port(text: str, lowest: int = 1) -> int:
    """Read a port number, `lowest`–65535; raises ValueError with what is allowed."""
    if not _PORT.fullmatch(text) or not lowest <= int(text) <= 65535:
        raise ValueError(f"port {shown(text)} is not in {lowest}–65535")
    return int(text)


def parse_unix_path(path: str) -> str:
    """The path of a Unix socket, absolute, printable and short enough for one; else ValueError."""
    if not (path.startswith("/") and path.isprintable() and len(path.encode()) <= MAX_UNIX_PATH):
        raise ValueError(f"{shown('unix:' + path)} is not unix:/path of at most {MAX_UNIX_PATH} bytes")
    return path
