"""Names of hosts and domains, as they are written where an address could stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lbtwist.model.address import parse_port
from lbtwist.model.shown import shown

FORM = "app1.internal:8080"
MAX_LENGTH = 253
"""Characters of a name without its final dot: 255 octets on the wire (RFC 1035, section 2.3.4)."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Names that are no host's may have more in their labels (RFC 2181, section 11): `_http._tcp.app_1`.
_DOMAIN = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
# inet_aton(3) reads these as an address, and so do many programs.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")


@dataclass(frozen=True, slots=True, order=True)
class HostName:
    """The name of a host and a port: a server whose address is found by asking."""

    host: str
    """In small letters, without a final dot."""
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_host_name(text: str, default_port: int | None = None) -> HostName:
    """Read `app1.internal:8080`; `default_port` is used where `text` has no port.

    Raises ValueError with what is allowed.
    """
    name, colon, port = text.partition(":")
    host = parse_host(name)
    if colon:
        return HostName(host, parse_port(port))
    if default_port is None:
        raise ValueError(f"{shown(text)} has no port: write it as {FORM}, or set the group's port")
    return HostName(host, default_port)


def parse_host(text: str) -> str:
    """The name of a host (RFC 1123, section 2.1) in small letters; else ValueError.

    A name whose last label is a number is none: it would be taken for an address.
    """
    if len(text) > MAX_LENGTH or not _HOST.fullmatch(text) or _NUMBER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a host, as {FORM.partition(':')[0]}")
    return text.lower()


def parse_domain(text: str) -> str:
    """A name in the DNS, `_http._tcp.app.internal` too, in small letters; else ValueError."""
    if len(text) > MAX_LENGTH or not _DOMAIN.fullmatch(text) or _NUMBER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name, as app.internal or _http._tcp.app.internal")
    return text.lower()
