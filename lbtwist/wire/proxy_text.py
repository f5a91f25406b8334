"""Version 1 of the PROXY protocol: a line of text (2.1)."""

from __future__ import annotations

import re

from lbtwist.errors import BadProxyHeader
from lbtwist.model.address import Address, parse_ipv4, parse_ipv6
from lbtwist.wire.proxy_ends import Ends, as_ipv6

BEGINNING = b"PROXY "
MAX_TEXT = 107
"""Bytes of the longest line, with its end."""
UNKNOWN = b"PROXY UNKNOWN"

_IPV4, _IPV6, _PORT = r"([0-9.]+)", r"([0-9A-Fa-f:.]+)", r"(0|[1-9][0-9]{0,4})"
_TCP4 = re.compile(f"PROXY TCP4 {_IPV4} {_IPV4} {_PORT} {_PORT}".encode())
_TCP6 = re.compile(f"PROXY TCP6 {_IPV6} {_IPV6} {_PORT} {_PORT}".encode())


def read_text(data: bytes) -> tuple[Ends | None, int] | None:
    """As `read_proxy_header`, of `data` that begins with BEGINNING."""
    at = data.find(b"\r\n", 0, MAX_TEXT)
    if at >= 0:
        return _read_line(data[:at]), at + 2
    if len(data) >= MAX_TEXT:
        raise BadProxyHeader("proxy_header_too_long")
    return None


def text_header(ends: Ends | None) -> bytes:
    """The line for `ends`; UNKNOWN where there are none, or not of IP addresses."""
    if ends is None or ends.is_mixed or ends.is_unix:
        return UNKNOWN + b"\r\n"
    family = "TCP6" if ends.is_ipv6 else "TCP4"
    hosts = " ".join(str(as_ipv6(end)) if ends.is_ipv6 else end.host for end in ends)
    return f"PROXY {family} {hosts} {ends.source.port} {ends.destination.port}\r\n".encode()


def _read_line(line: bytes) -> Ends | None:
    if line == UNKNOWN or line.startswith(UNKNOWN + b" "):
        return None
    for form, parse in ((_TCP4, parse_ipv4), (_TCP6, parse_ipv6)):
        if match := form.fullmatch(line):
            source, destination, *ports = map(bytes.decode, match.groups())
            try:
                return Ends(*map(_address, (parse(source), parse(destination)), ports))
            except ValueError:
                break
    raise BadProxyHeader("bad_proxy_header")


def _address(host: str, port: str) -> Address:
    if int(port) > 65535:
        raise ValueError(port)
    return Address(host, int(port))
