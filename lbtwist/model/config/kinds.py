"""The kinds of value that are made for one purpose: names, addresses, networks, endpoints, files."""

from __future__ import annotations

import re
from pathlib import Path

from lbtwist.model import endpoint
from lbtwist.model.address import Address, parse_address, parse_ipv4, parse_ipv6
from lbtwist.model.config import quorum
from lbtwist.model.config.kind import Kind, text
from lbtwist.model.config.target import FORMS as TARGET_FORMS
from lbtwist.model.config.target import Target, parse_target
from lbtwist.model.hostname import HostName, parse_domain, parse_host
from lbtwist.model.network import FORMS as NETWORK_FORMS
from lbtwist.model.network import Network, parse_networks
from lbtwist.model.shown import shown


def _read_path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"{shown(value)} is not the path of a file")
    return Path(value)


def _write_path(value: Path | None) -> str | None:
    return None if value is None else str(value)


def _read_patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise ValueError(f'{shown(value)} is not a list of file names, as ["conf.d/*.toml"]')
    return tuple(value)


def _read_target(value: object) -> Target:
    if isinstance(value, Address | HostName):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not an address: {TARGET_FORMS}")
    return parse_target(value)


def _read_domain(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a name, as app.internal or _http._tcp.app.internal")
    return parse_domain(value)


def _read_resolver(value: object) -> str:
    """The address of a name server as it is written; empty for those of the system."""
    try:
        if not isinstance(value, str) or (value and parse_address(value, 53).is_unix):
            raise ValueError
    except ValueError:
        raise ValueError(f"{shown(value)} is not {_RESOLVER_FORM}") from None
    return value


def _read_file_or_none(value: object) -> Path | None:
    return None if value is None or value == "" else _read_path(value)


def _read_tls_name(value: object) -> str:
    """A host's name in small letters, or an IP address in its canonical form; empty for neither."""
    if value == "":
        return ""
    try:
        if not isinstance(value, str):
            raise ValueError
        return _read_ip_or_host(value)
    except ValueError:
        raise ValueError(f'{shown(value)} is not {_TLS_NAME_FORM}, nor ""') from None


def _read_ip_or_host(text: str) -> str:
    if ":" in text:
        return parse_ipv6(text)
    return parse_ipv4(text) if re.fullmatch(r"[0-9.]+", text) else parse_host(text)


def _write_networks(value: tuple[Network, ...]) -> list[str]:
    return [str(network) for network in value]


def _read_server_name(value: object) -> str:
    """A name, or the address itself: that is what the servers of a list are called."""
    try:
        return str(NAME.read(value))
    except ValueError:
        if isinstance(value, str) and is_address(value):
            return value
        raise


def is_address(name: str) -> bool:
    """Whether a server's name is an address with its port, a host's name with it, or a Unix socket."""
    try:
        parse_target(name)
    except ValueError:
        return False
    return True


def _write_quorum(value: quorum.Quorum) -> int | str:
    return str(value) if value.percentage else value.amount


_RESOLVER_FORM = 'an IP address as 10.0.0.53 or [::1]:5353, nor ""'
_TLS_NAME_FORM = "the name of a host, as app.internal, or an IP address"
_NETWORKS_SCHEMA = {"type": "array", "items": {"type": "string"}}
_PATTERNS_SCHEMA = {"type": "array", "items": {"type": "string"}}
_PORT_SCHEMA = {"type": "integer", "minimum": 0, "maximum": 65535}
_QUORUM_SCHEMA = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{quorum.PATTERN}$"}]
}

NAME = text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
    "a name: 1–63 letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
)
SERVER_NAME = Kind(_read_server_name, NAME.allowed, {"type": "string"})
TOKEN = text(
    r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,63}", "a token of 1–63 characters, without spaces (RFC 9110, 5.6.2)"
)
LABEL = text(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,255}", "text of at most 255 characters on one line")
ENDPOINT = Kind(endpoint.parse_endpoint, endpoint.FORMS, {"anyOf": [_PORT_SCHEMA, {"type": "string"}]}, str)
TARGET = Kind(_read_target, TARGET_FORMS, {"type": "string"}, str)
NETWORKS = Kind(
    parse_networks,
    f"a list of networks in CIDR, as {NETWORK_FORMS}",
    _NETWORKS_SCHEMA,
    _write_networks,
)
DOMAIN = Kind(_read_domain, "a name in the DNS", {"type": "string"})
RESOLVER = Kind(_read_resolver, 'an IP address with a port or without, or ""', {"type": "string"})
TLS_NAME = Kind(_read_tls_name, f'{_TLS_NAME_FORM}, or ""', {"type": "string"})
FILE = Kind(_read_path, "path of a file", {"type": "string", "minLength": 1}, _write_path, is_file=True)
FILE_OR_NONE = Kind(
    _read_file_or_none, 'path of a file, or ""', {"type": "string"}, _write_path, is_file=True
)
FILE_OR_OUTPUT = Kind(
    _read_path,
    'path of a file, or "-"',
    {"type": "string", "minLength": 1},
    _write_path,
    is_file=True,
    no_file="-",
)
QUORUM = Kind(quorum.parse_quorum, quorum.ALLOWED, _QUORUM_SCHEMA, _write_quorum)
PATTERNS = Kind(_read_patterns, "a list of file names, in which `*` and `?` match", _PATTERNS_SCHEMA, list)
