"""Addresses of servers and peers: plain values, already resolved."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_PORT = re.compile(r"[0-9]{1,5}")
MAX_UNIX_PATH = 107
"""Bytes in `sockaddr_un.sun_path` less the final NUL: unix(7)."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a socket connects: an IP address and port, or the path of a Unix socket."""

    host: str
    """An IP address in its canonical form, or the path of a Unix socket."""
    port: int | None = None
    """1–65535; None for a Unix socket."""

    @property
    def is_unix(self) -> bool:
        return self.port is None

    @property
    def is_ipv6(self) -> bool:
        return self.port is not None and ":" in self.host

    def __str__(self) -> str:
        if self.port is None:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int | None = None) -> Address:
    """Read `10.0.0.1:8080`, `[::1]:8080` or `unix:/path`.

    `default_port` is used where `text` has no port. Raises ValueError with what is allowed.
    """
    if text.startswith("unix:"):
        return _parse_unix(text.removeprefix("unix:"))
    host, port = _split(text)
    if port is None:
        port = default_port
    if port is None:
        raise ValueError(f"{text!r} has no port: write it as 10.0.0.1:8080, or set the group's port")
    try:
        return Address(str(ipaddress.ip_address(host)), port)
    except ValueError:
        raise ValueError(
            f"{text!r} is not an address: 10.0.0.1:8080, [::1]:8080 or unix:/path"
        ) from None


def _parse_unix(path: str) -> Address:
    if not path or "\0" in path or len(path.encode()) > MAX_UNIX_PATH:
        raise ValueError(f"'unix:{path}' is not unix:/path of at most {MAX_UNIX_PATH} bytes")
    return Address(path)


def _split(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [address]:port")
        return host, parse_port(rest[1:]) if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, parse_port(port) if colon else None


def parse_port(text: str) -> int:
    """Read a port number, 1–65535; raises ValueError with what is allowed."""
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"port {text!r} is not in 1–65535")
    return int(text)
